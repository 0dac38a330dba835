"""What a pool did over time: levels and counts, drawn from a clock that is moved by hand."""

import gc

import pytest
from sqlalchemy import Engine, exc

from dashboard import Dashboard
from dashboard.model.distribution import RELATIVE_ERROR
from dashboard.model.history import History

from .conftest import Dash, MakeEngine
from .given import Clock, eventually, sqlite
from .turned import enlarge

#: Seconds and points as the pages ask, and the length of a step.
RANGES = [(300, 100, 3.0), (900, 100, 9.0), (3600, 60, 60.0), (21600, 90, 240.0)]


@pytest.fixture
def clock() -> Clock:
    return Clock(100_000.5)


@pytest.fixture
def dash(make_dash: Dash, clock: Clock) -> Dashboard:
    return make_dash(clock=clock)


def history(dash: Dashboard, seconds: float = 300, points: int = 300) -> History:
    return dash._reader.history("orders", seconds, points)


def hold(engine: Engine, clock: Clock, seconds: float) -> None:
    with engine.connect():
        clock.advance(seconds)


@pytest.mark.parametrize(("seconds", "points", "step"), RANGES)
def test_range_has_its_steps(
    dash: Dashboard, engine: Engine, seconds: float, points: int, step: float
) -> None:
    dash.watch(engine, name="orders")
    past = history(dash, seconds, points)
    assert (past.step, len(past.used)) == (step, points)
    for name in ("pending", "checkouts", "timeouts", "errors", "created"):
        assert getattr(past, name) == (0,) * points
    for name in ("wait_p50", "wait_p99", "use_p95"):
        assert getattr(past, name) == (None,) * points


@pytest.mark.parametrize(("seconds", "points", "step"), RANGES)
def test_counts_add_up_in_every_range(
    dash: Dashboard, engine: Engine, clock: Clock, seconds: float, points: int, step: float
) -> None:
    dash.watch(engine, name="orders")
    for _ in range(7):
        hold(engine, clock, 3)
    past = history(dash, seconds, points)
    assert sum(past.checkouts) == 7
    assert sum(past.created) == 1
    assert past.checkouts[-1] <= 7
    assert max(past.used) <= 1


def test_levels_are_exact_by_the_second(
    dash: Dashboard, make_engine: MakeEngine, clock: Clock
) -> None:
    engine = make_engine(pool_size=3)
    dash.watch(engine, name="orders")
    first = engine.connect()
    clock.advance(1)
    second = engine.connect()
    third = engine.connect()
    clock.advance(1)
    second.close()
    clock.advance(1)
    past = history(dash)
    assert past.used[-5:] == (0, 1, 3, 2, 2)
    assert past.checkouts[-5:] == (0, 1, 2, 0, 0)
    first.close()
    third.close()
    clock.advance(1)
    assert history(dash).used[-6:] == (0, 1, 3, 2, 0, 0)


def test_long_hold_shows_everywhere(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    clock.advance(60)
    held = engine.connect()
    clock.advance(1200)
    assert history(dash, 300, 100).used == (1,) * 100
    assert history(dash, 900, 100).used == (1,) * 100
    assert sum(history(dash, 3600, 60).used) == 21
    held.close()
    clock.advance(60)
    assert history(dash, 300, 100).used[-1] == 0
    assert sum(history(dash, 3600, 60).used) == 20


def test_short_peak_survives_grouping(
    dash: Dashboard, make_engine: MakeEngine, clock: Clock
) -> None:
    engine = make_engine(pool_size=3)
    dash.watch(engine, name="orders")
    clock.advance(100)
    held = [engine.connect() for _ in range(3)]
    clock.advance(1)
    for each in held:
        each.close()
    clock.advance(200)
    past = history(dash, 900, 90)
    assert max(past.used) == 3
    assert [level for level in past.used if level] == [3]


def test_waiting_has_its_level(dash: Dashboard, make_engine: MakeEngine, clock: Clock) -> None:
    import threading

    engine = make_engine(pool_size=1)
    dash.watch(engine, name="orders")
    held = engine.connect()
    thread = threading.Thread(target=lambda: engine.connect().close())
    thread.start()
    eventually(lambda: dash.snapshot().pools["orders"].pending_requests == 1)
    clock.advance(4)
    past = history(dash)
    assert past.pending[-6:] == (0, 1, 1, 1, 1, 1)
    held.close()
    thread.join()
    clock.advance(1)
    past = history(dash)
    assert past.pending[-7:] == (0, 1, 1, 1, 1, 0, 0)
    assert past.wait_p99[-2] == pytest.approx(4.0, rel=RELATIVE_ERROR)


def test_timeouts_have_their_second(dash: Dashboard, make_engine: MakeEngine, clock: Clock) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)
    dash.watch(engine, name="orders")
    with engine.connect():
        clock.advance(2)
        with pytest.raises(exc.TimeoutError):
            engine.connect()
        clock.advance(1)
    past = history(dash)
    assert past.timeouts[-3:] == (0, 1, 0)
    assert sum(past.errors) == 0
    assert sum(past.pending) == 0


def test_hold_times_lie_in_their_step(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    hold(engine, clock, 2)
    clock.advance(100)
    hold(engine, clock, 8)
    past = history(dash, 900, 90)
    found = [value for value in past.use_p95 if value is not None]
    assert found[0] == pytest.approx(2.0, rel=RELATIVE_ERROR)
    assert found[-1] == pytest.approx(8.0, rel=RELATIVE_ERROR)


def test_old_seconds_are_forgotten(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    hold(engine, clock, 1)
    clock.advance(1000)
    assert sum(history(dash, 900, 90).checkouts) == 0
    assert sum(history(dash, 3600, 60).checkouts) == 1
    clock.advance(6 * 3600)
    assert sum(history(dash, 21600, 90).checkouts) == 0


def test_connection_from_before_is_a_level(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    held = engine.connect()
    dash.watch(engine, name="orders")
    clock.advance(5)
    past = history(dash)
    assert past.used[-7:] == (0, 1, 1, 1, 1, 1, 1)
    held.close()
    clock.advance(1)
    past = history(dash)
    assert past.used[-8:] == (0, 1, 1, 1, 1, 1, 0, 0)


def test_cleared_checkout_keeps_its_past(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    held = engine.connect()
    clock.advance(3)
    engine.dispose()
    clock.advance(2)
    past = history(dash)
    assert past.used[-7:] == (0, 1, 1, 1, 0, 0, 0)
    assert past.checkouts[-7:] == (0, 1, 0, 0, 0, 0, 0)
    held.close()


def test_return_after_dispose_changes_no_level(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    dash.watch(engine, name="orders")
    first, second = engine.connect(), engine.connect()
    clock.advance(3)
    engine.dispose()
    clock.advance(2)
    first.close()
    clock.advance(1)
    past = history(dash)
    assert past.used[-8:] == (0, 2, 2, 2, 0, 0, 0, 0)
    second.close()
    clock.advance(1)
    past = history(dash)
    assert past.used[-9:] == (0, 2, 2, 2, 0, 0, 0, 0, 0)
    assert past.pending[-9:] == (0,) * 9
    assert sum(past.checkouts) == 2
    assert sum(history(dash, 3600, 60).used[:-1]) == 0


def test_start_is_wall_time(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    import time

    dash.watch(engine, name="orders")
    before = time.time()
    past = history(dash, 300, 100)
    end = past.start + past.step * len(past.used)
    assert before + 0.2 <= end <= time.time() + 0.8


def test_unknown_pool_has_no_past(dash: Dashboard) -> None:
    assert history(dash).used == ()


def before(dash: Dashboard, clock: Clock, ago: float, seconds: float) -> History:
    return dash._reader.history("orders", seconds, 60, dash._reader.wall(clock() - ago))


def test_moment_in_the_past_ends_the_history(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    clock.advance(100)
    hold(engine, clock, 30)
    for _ in range(4):
        hold(engine, clock, 10)
    past = before(dash, clock, ago=50, seconds=60)
    assert (past.used[:39], past.used[39:]) == ((0,) * 39, (1,) * 21)
    assert (sum(past.checkouts), past.wait_p99[-1]) == (1, None)


def test_capacity_of_then_is_kept(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    clock.advance(400)
    dash.snapshot()
    clock.advance(100)
    enlarge(engine, 3)
    dash.snapshot()
    clock.advance(50)
    first, second = history(dash).capacities
    assert (first.size, first.max, second.size, second.max) == (2, 2, 2, 5)
    assert second.at - first.at == pytest.approx(250, abs=1)  # From the begin of the range on.
    (then,) = before(dash, clock, ago=60, seconds=60).capacities
    assert (then.size, then.max) == (2, 2)
    assert before(dash, clock, ago=500, seconds=60).capacities[0].max == 2


def test_capacity_is_that_of_the_pool_while_there_is_one(dash: Dashboard, clock: Clock) -> None:
    made = sqlite()
    dash.watch(made.pool, name="orders")
    ((_, record),) = dash._watches.records()
    dash.snapshot()
    made.dispose()
    del made
    gc.collect()
    clock.advance(10)
    dash.snapshot()
    assert list(record.past.capacities.between(0, clock())) == [(0, 2, 2)]


@pytest.mark.parametrize(
    ("seconds", "ago", "step", "length"),
    [(600, 500, 7.0, 57), (600, 700, 60.0, 10), (21600, 3600, 300.0, 60), (300, 30_000, 60.0, 0)],
)
def test_past_is_as_fine_as_it_is_kept(
    dash: Dashboard,
    engine: Engine,
    clock: Clock,
    seconds: float,
    ago: float,
    step: float,
    length: int,
) -> None:
    dash.watch(engine, name="orders")
    past = before(dash, clock, ago, seconds)
    assert (past.step, len(past.used)) == (step, length)
