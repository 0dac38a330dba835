"""Exact figures for scripted histories, on a clock that is moved by hand."""

import dataclasses
import gc
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, exc

from dashboard import Dashboard, PoolSnapshot
from dashboard.model.distribution import RELATIVE_ERROR

from .conftest import Dash, MakeEngine
from .given import Clock, eventually


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def dash(make_dash: Dash, clock: Clock) -> Dashboard:
    return make_dash(clock=clock)


def pool(dash: Dashboard) -> PoolSnapshot:
    return dash.snapshot().pools["orders"]


def hold(engine: Engine, clock: Clock, seconds: float) -> None:
    with engine.connect():
        clock.advance(seconds)


def near(seconds: float) -> Any:
    return pytest.approx(seconds, rel=RELATIVE_ERROR)


def test_fresh_pool_is_empty(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    found = pool(dash)
    assert (found.used, found.idle, found.count, found.overflow, found.peak) == (0, 0, 0, 0, 0)
    assert (found.checkouts, found.checkins, found.created, found.closed) == (0, 0, 0, 0)
    assert (found.size, found.max, found.pending_requests, found.oldest_wait) == (2, 2, 0, None)
    assert (found.library, found.kind, found.backend) == ("sqlalchemy", "QueuePool", "SQLite")
    assert (found.wait_time.count, found.use_time.percentile(95)) == (0, None)
    assert (found.open, found.waiting, found.recently_lost, found.call_sites) == ((), (), (), ())


def test_counts_follow_a_script(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=2, max_overflow=2)
    dash.watch(engine, name="orders")
    held = [engine.connect() for _ in range(3)]
    found = pool(dash)
    assert (found.used, found.idle, found.count, found.overflow, found.peak) == (3, 0, 3, 1, 3)
    assert (found.checkouts, found.checkins, found.created) == (3, 0, 3)
    for each in held:
        each.close()
    found = pool(dash)
    assert (found.used, found.idle, found.count, found.overflow, found.peak) == (0, 2, 2, 0, 3)
    assert (found.checkouts, found.checkins, found.created, found.closed) == (3, 3, 3, 1)
    assert found.closed_by == {"idle": 1}
    assert (found.own_used, found.own_idle) == (0, 2)


def test_times_lie_within_the_error(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    for seconds in (0.1, 0.2, 0.4, 3.0):
        hold(engine, clock, seconds)
    use = pool(dash).use_time
    assert use.count == 4
    assert use.percentile(25) == near(0.1)
    assert use.percentile(50) == near(0.2)
    assert use.percentile(75) == near(0.4)
    assert use.percentile(100) == near(3.0)
    assert use.total == near(3.7)
    assert use.longest == near(3.0)


def test_distributions_forget_after_window(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    hold(engine, clock, 0.5)
    clock.advance(890)
    assert pool(dash).use_time.count == 1
    clock.advance(30)
    found = pool(dash)
    assert (found.window, found.use_time.count, found.wait_time.count) == (900.0, 0, 0)
    assert found.lifetime["use_time"].percentile(50) == near(0.5)
    assert found.checkouts == 1


def test_rate_covers_ten_seconds(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    clock.advance(100)
    for _ in range(20):
        hold(engine, clock, 0.25)
    assert pool(dash).checkout_rate == 2.0
    clock.advance(11)
    assert pool(dash).checkout_rate == 0.0


def test_open_is_sorted_by_age(dash: Dashboard, make_engine: MakeEngine, clock: Clock) -> None:
    engine = make_engine(pool_size=3)
    dash.watch(engine, name="orders")
    held = []
    for _ in range(3):
        held.append(engine.connect())
        clock.advance(2)
    found = pool(dash)
    assert [each.held_for for each in found.open] == [6.0, 4.0, 2.0]
    assert [each.connection for each in found.open] == [1, 2, 3]
    assert [each.uses for each in found.open] == [1, 1, 1]
    assert {each.owner.name for each in found.open} == {threading.current_thread().name}
    assert all(each.since.tzinfo is not None for each in found.open)
    assert (found.open[0].call_site.function, found.open[0].call_site.file) == (
        "test_open_is_sorted_by_age",
        "tests/app/test_snapshot.py",
    )
    for each in held:
        each.close()
    assert pool(dash).open == ()


def _orders(engine: Engine) -> Connection:
    return engine.connect()


def _reports(engine: Engine) -> Connection:
    return engine.connect()


def test_call_sites_share_the_time(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    for _ in range(3):
        with _orders(engine):
            clock.advance(1)
    with _reports(engine):
        clock.advance(9)
        orders, reports = sorted(pool(dash).call_sites, key=lambda each: each.call_site.function)
    assert [each.call_site.function for each in (orders, reports)] == ["_orders", "_reports"]
    assert (orders.checkouts, orders.open, reports.checkouts, reports.open) == (3, 0, 1, 1)
    assert reports.total_hold == 9.0
    assert orders.total_hold == near(3.0)
    assert (orders.share, reports.share) == (near(0.25), near(0.75))
    assert orders.share + reports.share == pytest.approx(1.0)
    assert orders.use_time.percentile(50) == near(1.0)
    assert (orders.failures, orders.lost) == (0, 0)


def test_waiters_are_listed_in_order(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    held = [engine.connect(), engine.connect()]
    threads = []
    for number in (1, 2):
        thread = threading.Thread(target=lambda: engine.connect().close(), name=f"asks {number}")
        thread.start()
        threads.append(thread)
        eventually(lambda number=number: pool(dash).pending_requests == number)  # type: ignore[misc]
        clock.advance(3)
    found = pool(dash)
    assert (found.pending_requests, found.oldest_wait, found.used) == (2, 6.0, 2)
    assert [each.owner.name for each in found.waiting] == ["asks 1", "asks 2"]
    assert [each.waited_for for each in found.waiting] == [6.0, 3.0]
    for each in held:
        each.close()
    for thread in threads:
        thread.join()
    found = pool(dash)
    assert (found.pending_requests, found.oldest_wait, found.checkouts) == (0, None, 4)
    assert found.wait_time.percentile(100) == near(6.0)


def test_timeouts_are_counted(dash: Dashboard, make_engine: MakeEngine, clock: Clock) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)
    dash.watch(engine, name="orders")
    with engine.connect():
        for _ in range(3):
            with pytest.raises(exc.TimeoutError):
                engine.connect()
    found = pool(dash)
    assert (found.timeouts, found.failures) == (3, {"timeout": 3})
    assert (found.checkouts, found.checkins) == (1, 1)
    assert found.last_timeout is not None
    assert sum(site.failures for site in found.call_sites) == 3


def test_dead_database_is_a_connection_error(dash: Dashboard) -> None:
    engine = create_engine("postgresql+psycopg://nobody:hunter2@127.0.0.1:1/none")
    dash.watch(engine, name="orders")
    with pytest.raises(exc.OperationalError):
        engine.connect()
    found = pool(dash)
    assert found.failures == {"connection_error": 1}
    assert (found.used, found.idle, found.timeouts, found.created) == (0, 0, 0, 0)
    assert (found.pending_requests, found.unmatched) == (0, 0)


def test_dispose_closes_what_was_idle(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect(), engine.connect():
        pass
    engine.dispose()
    found = pool(dash)
    assert (found.used, found.idle, found.closed_by) == (0, 0, {"pool_closed": 2})


def test_dispose_retires_what_is_out(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    held = engine.connect()
    engine.dispose()
    found = pool(dash)
    assert (found.used, found.idle, found.checkouts) == (0, 0, 1)
    assert [each.is_retired for each in found.open] == [True]
    held.close()
    found = pool(dash)
    assert (found.open, found.checkouts, found.checkins, found.unmatched) == ((), 1, 1, 0)


def test_lost_connection_is_remembered(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    _orders(engine)
    held = [_reports(engine)]
    clock.advance(7)
    held.clear()
    gc.collect()
    found = pool(dash)
    assert (found.lost, found.used, found.idle) == (2, 0, 1)
    newest, oldest = found.recently_lost
    assert (newest.call_site.function, newest.held_for) == ("_reports", 7.0)
    assert (oldest.call_site.function, oldest.held_for) == ("_orders", 0.0)
    assert newest.ended_ago == 0.0
    assert {site.call_site.function: site.lost for site in found.call_sites} == {
        "_orders": 1,
        "_reports": 1,
    }


def test_detached_connection_leaves(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect() as connection:
        connection.detach()
        found = pool(dash)
        assert (found.used, found.detached, found.checkins) == (0, 1, 1)
    assert pool(dash).closed_by == {"detached": 1}


def test_invalidated_connection_is_an_error(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect() as connection:
        connection.invalidate()
    assert pool(dash).closed_by == {"error": 1}


def test_peak_of_an_open_pool(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=3)
    for each in [engine.connect() for _ in range(3)]:
        each.close()
    dash.watch(engine, name="orders")
    for each in [engine.connect() for _ in range(3)]:
        each.close()
    assert pool(dash).peak == 3


def test_snapshot_cannot_be_changed(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        snapshot = dash.snapshot()
    found = snapshot.pools["orders"]
    parts = (snapshot, snapshot.source, found, found.open[0], found.open[0].call_site)
    for part in (*parts, found.call_sites[0], found.use_time, found.open[0].owner):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, dataclasses.fields(part)[0].name, 5)
