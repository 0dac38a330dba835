"""Pools before and after a mark or a change of settings, with what was to be expected."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from sqlalchemy import Engine

from dashboard import Dashboard, mark
from dashboard.model.comparison import Changed
from dashboard.model.whatif import Demand
from dashboard.words import MARKS
from tests.analysis.traces import bursty, recorded

from .advised import Leaping, hold
from .conftest import Dash, MakeEngine
from .given import ask
from .test_advising import records, remember
from .turned import compared, crowded, enlarge, marked


@pytest.fixture(autouse=True)
def _no_marks() -> None:
    """Those of other tests are theirs."""
    MARKS.clear()


@pytest.fixture
def clock() -> Leaping:
    return Leaping()


@pytest.fixture
def leaping(make_dash: Dash, clock: Leaping) -> Dashboard:
    """A dashboard whose time can be moved on."""
    return make_dash(clock=clock, allow_unauthenticated=True)


@pytest.fixture(scope="module")
def busy() -> Demand:
    """Four minutes of bursts that wait at seven connections."""
    return recorded(*bursty(24_000, 1), size=7, semantics="queuepool")


def test_mark_is_compared_with_what_was_expected(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    engine = make_engine(pool_size=7)
    crowded(leaping, engine, busy, clock)
    enlarge(engine, 5)
    marked(leaping, clock, "more overflow")
    for _ in range(30):
        hold(engine, 1)
    clock.advance(60)
    (found,) = compared(leaping)
    assert (found.mark.text, found.pool) == ("more overflow", "orders")
    assert found.changed == (Changed("max_overflow", 0, 5),)
    assert found.expected.row is not None
    assert (found.expected.row.size, found.expected.row.overflow) == (7, 5)
    assert found.expected.requests == 24_000
    assert found.expected.row.p95 is not None
    assert found.after.checkouts == 30


def test_prediction_is_made_once_and_when_asked(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    marked(leaping, clock)
    hold(engine, 1)
    clock.advance(60)
    leaping.snapshot()
    (turns,) = leaping._reader._comparing._turns.values()
    assert turns.found[0].expected is None
    (first,) = compared(leaping)
    began = time.thread_time()
    (again,) = compared(leaping)
    assert time.thread_time() - began < 0.05
    assert again.expected is first.expected


def test_setting_that_differs_is_a_moment_too(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    clock.advance(1)
    enlarge(engine, 3)
    leaping.snapshot()
    clock.advance(2)
    hold(engine, 1)
    clock.advance(40)
    (found,) = compared(leaping)
    assert (found.mark.text, found.changed) == (
        "settings changed",
        (Changed("max_overflow", 0, 3),),
    )


def test_mark_after_the_change_names_it(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    enlarge(engine, 3)
    leaping.snapshot()
    time.sleep(0.001)  # The mark is later than the look.
    marked(leaping, clock, "more overflow")
    hold(engine, 1)
    clock.advance(40)
    (found,) = compared(leaping)
    assert (found.mark.text, len(found.changed)) == ("more overflow", 1)


async def test_session_that_ends_changes_no_setting(leaping: Dashboard, clock: Leaping) -> None:
    connector = aiohttp.TCPConnector()
    session = aiohttp.ClientSession(connector=connector, connector_owner=False)
    leaping.watch(session, name="bank")
    leaping.snapshot()
    await session.close()
    del session
    gc.collect()
    leaping.snapshot()
    (turns,) = leaping._reader._comparing._turns.values()
    assert list(turns.found) == []
    await connector.close()


def test_young_or_idle_sides_are_not_compared(
    leaping: Dashboard, engine: Engine, clock: Leaping
) -> None:
    leaping.watch(engine, name="orders")
    clock.advance(60)
    hold(engine, 1)
    clock.advance(2)
    marked(leaping, clock)
    clock.advance(17)
    hold(engine, 1)
    assert compared(leaping) == []
    clock.advance(10)
    (found,) = compared(leaping)
    assert found.expected.row is None
    assert found.expected.reason.startswith("Collecting: 1 of 1,000 checkouts")


def test_requests_before_are_set_aside_in_time(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    marked(leaping, clock)
    clock.advance(28)
    hold(engine, 1)
    (record,) = records(leaping)
    for _ in range(4):  # The trace holds 100,000.
        count = record.checkins
        remember(record, busy)
        record.checkins += count
        clock.advance(60)
        leaping.snapshot()
    (turns,) = leaping._reader._comparing._turns.values()
    assert turns.found[0].kept is not None
    (found,) = compared(leaping)
    assert found.expected.requests == 25_000
    leaping.snapshot()
    assert turns.found[0].kept is None


def test_forgotten_requests_are_not_made_up(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    marked(leaping, clock)
    clock.advance(28)
    hold(engine, 1)
    (record,) = records(leaping)
    record.trace.shrink(256)
    for _ in range(300):
        hold(engine, 1)
    record.fold()
    clock.advance(30)
    (found,) = compared(leaping)
    assert (found.expected.row, found.expected.reason) == (
        None,
        "no request of the time before is kept any more",
    )


def test_pool_without_bound_cannot_be_predicted(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    enlarge(engine, -1)
    leaping.snapshot()
    clock.advance(2)
    hold(engine, 1)
    clock.advance(40)
    (found,) = compared(leaping)
    assert found.expected.reason == "the pool has no bound after it, so nobody waits for a slot"


def test_waits_of_one_side_are_not_the_others(
    leaping: Dashboard, engine: Engine, clock: Leaping
) -> None:
    leaping.watch(engine, name="orders")
    clock.advance(100 - leaping._watches.clock() % 10)  # To where a step begins.
    for seconds in (2.0, 2.0, 2.0, 0.0, 0.0, 0.0):
        clock.advance(9 - seconds)
        with engine.connect():
            clock.advance(seconds)
        leaping.snapshot()
        if seconds:
            continue
        if not leaping._reader._comparing._turns[records(leaping)[0]].found:
            marked(leaping, clock)
    clock.advance(8)
    hold(engine, 1)
    (found,) = compared(leaping)
    assert found.before.use_time.longest > 1.9
    assert found.after.use_time.longest < 1.9


def test_looks_from_many_threads_note_a_mark_once(
    leaping: Dashboard, engine: Engine, clock: Leaping
) -> None:
    leaping.watch(engine, name="orders")
    for number in range(5):
        mark(f"deploy {number}")
        with ThreadPoolExecutor(8) as threads:
            for _ in range(40):
                threads.submit(leaping.snapshot)
    clock.advance(1)
    (turns,) = leaping._reader._comparing._turns.values()
    assert [turn.mark.text for turn in turns.found] == ["deploy 2", "deploy 3", "deploy 4"]


def test_pool_that_takes_anothers_place_is_compared_with_it(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, make_engine(pool_size=7), busy, clock)
    mark("larger pool")
    ((watch, _),) = leaping._watches.records()
    watch.stop()
    larger = make_engine(pool_size=12)
    leaping.watch(larger, name="orders")
    leaping.snapshot()
    clock.advance(2)
    hold(larger, 1)
    clock.advance(40)
    (found,) = compared(leaping)
    assert (found.mark.text, found.changed) == ("larger pool", (Changed("pool_size", 7, 12),))
    assert found.before.checkouts == 40
    assert found.expected.row is not None
    assert (found.expected.row.size, found.expected.requests) == (12, 24_000)
    assert leaping.snapshot().overhead.memory > 24_000 * 31


def test_pool_of_another_name_or_day_is_no_successor(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, make_engine(pool_size=7), busy, clock)
    ((watch, _),) = leaping._watches.records()
    watch.stop()
    other = make_engine(pool_size=12)
    with leaping.watch(other, name="reports"):
        hold(other, 1)
        clock.advance(40)
        assert compared(leaping) == []
    clock.advance(900)
    leaping.snapshot()
    leaping.watch(other, name="orders")
    hold(other, 1)
    clock.advance(40)
    assert compared(leaping) == []


def test_api_and_report_tell_the_same(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, busy: Demand
) -> None:
    crowded(leaping, engine := make_engine(pool_size=7), busy, clock)
    enlarge(engine, 5)
    marked(leaping, clock, "more overflow")
    clock.advance(10)  # The step in which the mark lies belongs to both sides.
    hold(engine, 1)
    clock.advance(60)
    (found,) = ask(leaping, "/api/comparisons").json()
    assert found["changed"] == [{"option": "max_overflow", "before": 0, "after": 5}]
    assert found["expected"]["row"]["size"] == 7
    assert found["sentences"][0].startswith("p95 wait: predicted ")
    report = ask(leaping, "/report.md").text
    assert "## Before and after (1)" in report
    assert found["sentences"][0] in report
