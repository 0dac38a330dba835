"""Lanes, heat and single checkouts of real pools, on a clock that is moved by hand."""

import time

import pytest
from sqlalchemy import Engine

from dashboard import Dashboard
from dashboard.model.events import CheckedOut
from dashboard.recorder.feed import Feed
from dashboard.recorder.lanes import MOST_BARS, MOST_LANES
from dashboard.recorder.lanes import of as lanes_of
from dashboard.recorder.pool import PoolRecord
from dashboard.recorder.trace import Trace
from dashboard.watching import Strangers

from .conftest import Dash
from .given import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(100_000.5)


@pytest.fixture(autouse=True)
def _wall_clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment is asked for by the wall clock, which would go on between asking and answering."""
    monkeypatch.setattr(time, "time", lambda: 1_795_000_000.0)


@pytest.fixture
def dash(make_dash: Dash, clock: Clock, engine: Engine) -> Dashboard:
    made = make_dash(clock=clock)
    made.watch(engine, name="orders")
    clock.advance(1)
    return made


def spans(dash: Dashboard) -> list[list[tuple[float, float, int]]]:
    lanes = dash._reader.lanes("orders", 60).lanes
    return [[(round(b.begin, 3), round(b.end, 3), b.count) for b in lane.bars] for lane in lanes]


def test_each_connection_has_its_lane(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    with engine.connect():
        clock.advance(2)
        with engine.connect():
            clock.advance(3)
    clock.advance(5)
    assert spans(dash) == [[(50.0, 55.0, 1)], [(52.0, 55.0, 1)]]


def test_open_checkout_goes_on_to_now(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    with engine.connect():
        clock.advance(90)
        (lane,) = dash._reader.lanes("orders", 60).lanes
        (bar,) = lane.bars
    assert (bar.begin, bar.end, bar.hold, bar.is_open) == (-30.0, 60.0, 90.0, True)
    assert bar.call_site.file.endswith("test_lanes.py")
    assert bar.owner is not None
    assert bar.owner.kind == "thread"


def test_disposed_checkout_has_its_bar(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    with engine.connect():
        clock.advance(4)
        engine.dispose()
        clock.advance(2)
        with engine.connect():
            clock.advance(3)
        (lane,) = dash._reader.lanes("orders", 60).lanes
        assert [(bar.begin, bar.end, bar.is_open) for bar in lane.bars] == [
            (51.0, 55.0, False),
            (57.0, 60.0, False),
        ]


def test_short_neighbours_are_one_run(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    for _ in range(5):
        with engine.connect():
            clock.advance(0.01)
        clock.advance(0.01)
    clock.advance(4)
    with engine.connect():
        clock.advance(0.01)
    ((run, single),) = spans(dash)
    assert (run[2], single[2]) == (5, 1)
    assert run[1] - run[0] <= 0.2


def test_short_checkout_before_a_long_one_is_itself(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    for seconds in (0.01, 0.3):
        with engine.connect():
            clock.advance(seconds)
        clock.advance(0.01)
    ((short, long),) = spans(dash)
    assert round(short[1] - short[0], 3) == 0.01
    assert round(long[1] - long[0], 3) == 0.3


def test_lane_of_a_closed_connection_is_free_again(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    for _ in range(3):
        with engine.connect() as connection:
            clock.advance(2)
            connection.invalidate()
        clock.advance(1)
    assert spans(dash) == [[(51.0, 53.0, 1), (54.0, 56.0, 1), (57.0, 59.0, 1)]]


def test_what_ended_before_the_minute_is_gone(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    with engine.connect():
        clock.advance(2)
    clock.advance(61)
    assert spans(dash) == []
    assert dash._reader.lanes("nope", 60).lanes == ()


def test_heat_counts_every_return_once(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    for _ in range(6):
        with engine.connect():
            clock.advance(7)
    for seconds, columns in ((300, 72), (900, 72), (3600, 72), (21600, 72)):
        held = dash._reader.heat("orders", seconds, columns, "use")
        assert len(held.columns) <= columns
        assert sum(each.count for each in held.columns) == 6
        waited = dash._reader.heat(None, seconds, columns)
        assert sum(each.count for each in waited.columns) == 6


def test_heat_has_the_wait_of_whoever_holds(dash: Dashboard, engine: Engine) -> None:
    with engine.connect():
        assert sum(each.count for each in dash._reader.heat(None, 300, 30).columns) == 1
        assert sum(each.count for each in dash._reader.heat(None, 300, 30, "use").columns) == 0


def numbers(dash: Dashboard) -> list[int]:
    events, _, _ = dash._reader.events(0, 100)
    return [event.claim for event in events if isinstance(event, CheckedOut)]


def test_checkout_is_found_by_the_number_of_its_events(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    with engine.connect():
        clock.advance(2)
        (number,) = numbers(dash)
        held = dash._reader.claim(number)
        assert held is not None
        assert (held.state, held.use_time, held.ended) == ("held", 2.0, None)
    clock.advance(5)
    back = dash._reader.claim(number)
    assert back is not None
    assert (back.state, back.use_time, back.pool) == ("returned", 2.0, "orders")
    assert back.call_site.function.startswith("test_checkout_is_found")
    assert back.connection == 1
    assert dash._reader.claim(number + 7) is None


def test_trace_remembers_when_the_feed_has_forgotten(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    with engine.connect():
        clock.advance(2)
    (number,) = numbers(dash)
    dash._watches.feed.reset()
    found = dash._reader.claim(number)
    assert found is not None
    assert (found.state, found.use_time, found.owner) == ("returned", 2.0, None)
    assert found.call_site.function.startswith("test_trace_remembers")


def test_newest_rows_come_in_order_from_a_full_ring() -> None:
    trace = Trace(most=1024)
    for n in range(1500):
        trace.extend(1, [n], [0.0], [1.0], [1], [1], [1], [0], [0])
    assert list(trace.newest(3).asked) == [1497.0, 1498.0, 1499.0]
    assert len(trace.newest(9999).asked) == 1024
    assert list(trace.newest(0).asked) == []


def test_lanes_of_a_moment_are_as_they_were(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    with engine.connect():
        clock.advance(4)
        with engine.connect():
            clock.advance(8)
    with engine.connect():
        clock.advance(100)
        seen = dash._reader.lanes("orders", 60, dash._reader.wall(clock() - 106))
    bars = [(b.begin, b.end, b.hold, b.is_open) for lane in seen.lanes for b in lane.bars]
    assert [tuple(round(each, 3) for each in bar) for bar in bars] == [
        (54.0, 60.0, 6.0, True),
        (58.0, 60.0, 2.0, True),
    ]
    assert seen.since == 0.0


def test_forgotten_checkouts_are_told(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    ((_, record),) = dash._watches.records()
    record.trace.shrink(1)
    for _ in range(300):
        with engine.connect():
            clock.advance(1)
    seen = dash._reader.lanes("orders", 60)
    assert seen.since == dash._reader.wall(clock() - 255)


def test_busy_minute_stays_within_its_bounds() -> None:
    record = PoolRecord("orders", lambda: 160.0, Feed(), Strangers())
    for connection in range(1, 101):
        asks = [100 + n * 0.3 + connection / 1000 for n in range(190)]
        count = len(asks)
        holds = [0.2] * count
        columns = (asks, [0.0] * count, holds, [0] * count, [1] * count, [connection] * count)
        record.trace.extend(count, *columns, bytes(count), bytes(count))
    seen = lanes_of(record, 160.0, lambda at: at, {}, 60.0)
    assert (len(seen.lanes), seen.used) == (MOST_LANES, 100)
    assert sum(len(lane.bars) for lane in seen.lanes) <= MOST_BARS
    assert sum(bar.count for lane in seen.lanes for bar in lane.bars) == 60 * 190


def test_heat_of_a_moment_ends_there(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    with engine.connect():
        clock.advance(2)
    clock.advance(100)
    with engine.connect():
        clock.advance(3)
    holds = dash._reader.heat("orders", 300, 72, "use", dash._reader.wall(clock() - 50))
    assert sum(each.count for each in holds.columns) == 1
    assert holds.columns[-1].count == 0
