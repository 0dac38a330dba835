"""Watching, watching again, sharing a pool, and stopping."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool

from dashboard import Dashboard, DashboardError
from dashboard.watching import Watches

from .conftest import Dash, MakeEngine


class Broken:
    """An object of the host's whose repr must not be called."""

    def __repr__(self) -> str:
        raise AssertionError


@pytest.mark.parametrize("target", [None, 5, "sqlite://", [], object, Broken(), threading.Lock()])
def test_unsupported_object_is_refused(dash: Dashboard, target: object) -> None:
    with pytest.raises(DashboardError, match=r"^no probe for [\w.]+; supported: .*sqlalchemy"):
        dash.watch(target)


def test_message_names_the_class(dash: Dashboard) -> None:
    with pytest.raises(DashboardError, match=r"no probe for tests\.Broken; supported: "):
        dash.watch(Broken())


def test_engine_pool_and_engine_are_one(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine)
    assert dash.watch(engine) is watch
    assert dash.watch(engine.pool) is watch
    assert len(dash.snapshot().pools) == 1


async def test_async_engine_and_sync_are_one(dash: Dashboard) -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    assert dash.watch(engine) is dash.watch(engine.sync_engine)
    await engine.dispose()


def test_second_watch_renames(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    with engine.connect():
        pass
    assert dash.watch(engine, name="reports") is watch
    assert watch.name == "reports"
    assert [pool.checkouts for pool in dash.snapshot().pools.values()] == [1]
    assert list(dash.snapshot().pools) == ["reports"]


def test_second_watch_keeps_name(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    assert dash.watch(engine) is watch
    assert dash.watch(engine, name="orders") is watch
    assert list(dash.snapshot().pools) == ["orders"]


def test_wrong_new_name_changes_nothing(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    with pytest.raises(DashboardError):
        dash.watch(engine, name="")
    assert watch.name == "orders"
    assert list(dash.snapshot().pools) == ["orders"]


def test_watch_is_a_context_manager(dash: Dashboard, engine: Engine) -> None:
    with dash.watch(engine, name="orders") as watch:
        assert type(engine.pool) is not QueuePool
        assert repr(watch) == "<Watch orders (sqlalchemy)>"
    assert repr(watch) == "<Watch orders (sqlalchemy, stopped)>"
    assert type(engine.pool) is QueuePool


def test_error_passes_the_block(dash: Dashboard, engine: Engine) -> None:
    error = ValueError("the host's")
    with pytest.raises(ValueError, match="the host's") as raised, dash.watch(engine):
        raise error
    assert raised.value is error
    assert type(engine.pool) is QueuePool


def test_stopping_twice_is_once(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    watch.stop()
    again = dash.watch(engine, name="orders")
    watch.stop()
    assert again is not watch
    assert list(dash.snapshot().pools) == ["orders"]
    assert type(engine.pool) is not QueuePool


def test_stop_with_connections_out(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine)
    held = engine.connect()
    watch.stop()
    assert type(engine.pool) is QueuePool
    held.close()
    assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 1)


def test_watch_begins_again_with_connections_out(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders").stop()
    held = engine.connect()
    dash.watch(engine, name="orders")
    pool = dash.snapshot().pools["orders"]
    assert (pool.used, pool.idle, pool.checkouts) == (1, 0, 0)
    assert [checkout.is_adopted for checkout in pool.open] == [True]
    held.close()
    pool = dash.snapshot().pools["orders"]
    assert (pool.used, pool.idle, pool.checkouts, pool.checkins) == (0, 1, 0, 1)
    assert pool.unmatched == 0


def test_dashboard_stop_ends_all(make_dash: Dash, make_engine: MakeEngine) -> None:
    dash = make_dash()
    engines = [make_engine() for _ in range(3)]
    watches = [dash.watch(engine) for engine in engines]
    dash.stop()
    dash.stop()
    assert all(watch.is_stopped for watch in watches)
    assert [type(engine.pool) for engine in engines] == [QueuePool] * 3
    assert dict(dash.snapshot().pools) == {}


def test_dashboard_watches_after_stop(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine)
    dash.stop()
    dash.watch(engine, name="again")
    with engine.connect():
        pass
    assert dash.snapshot().pools["again"].checkouts == 1


def test_two_dashboards_share_a_probe(make_dash: Dash, engine: Engine) -> None:
    one, two = make_dash(), make_dash()
    first, second = one.watch(engine, name="one"), two.watch(engine, name="two")
    assert first.probe is second.probe
    assert first is not second
    with engine.connect():
        assert one.snapshot().pools["one"].used == 1
        assert two.snapshot().pools["two"].used == 1
    first.stop()
    assert type(engine.pool) is not QueuePool
    with engine.connect():
        pass
    assert two.snapshot().pools["two"].checkouts == 2
    second.stop()
    assert type(engine.pool) is QueuePool


def test_second_dashboard_joins_mid_flight(make_dash: Dash, engine: Engine) -> None:
    one, two = make_dash(), make_dash()
    one.watch(engine, name="orders")
    with engine.connect():
        two.watch(engine, name="orders")
    for dash, checkouts in ((one, 1), (two, 0)):
        pool = dash.snapshot().pools["orders"]
        assert (pool.used, pool.idle, pool.unmatched) == (0, 1, 0)
        assert (pool.checkouts, pool.checkins) == (checkouts, 1)


def test_watching_at_once_is_watching_once(dash: Dashboard, make_engine: MakeEngine) -> None:
    for _ in range(20):
        engine = make_engine()
        start = threading.Barrier(8)

        def begin(engine: Engine = engine, start: threading.Barrier = start) -> Any:
            start.wait()
            return dash.watch(engine)

        with ThreadPoolExecutor(8) as threads:
            watches = {each.result() for each in [threads.submit(begin) for _ in range(8)]}
        assert len(watches) == 1
        watches.pop().stop()
        assert type(engine.pool) is QueuePool


def test_dispose_keeps_the_watch(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    with engine.connect():
        pass
    engine.dispose()
    assert dash.watch(engine) is watch
    with engine.connect():
        assert dash.snapshot().pools["orders"].used == 1
    watch.stop()
    assert type(engine.pool) is QueuePool


def test_engine_never_connected_is_watched(dash: Dashboard) -> None:
    dash.watch(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"), name="dead")
    pool = dash.snapshot().pools["dead"]
    assert (pool.used, pool.idle, pool.max, pool.state) == (0, 0, 15, "open")


def test_budget_holds_when_nobody_reads(engine: Engine) -> None:
    watches = Watches(time.monotonic, budget=400_000)
    with watches.add(engine, "orders"):
        ((_, record),) = watches.records()
        for _ in range(9_000):
            engine.raw_connection().close()
        assert record.checkins >= 8_192
        assert 1_000 < len(record.trace) < 8_000
        assert record.ledger.errors == 0
