"""`watch(pool, emit)`: events only, in order, and nothing of what emit does reaches the host."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, QueuePool, exc

from dashboard import Dashboard, DashboardError, watch
from dashboard.model.events import (
    CheckedIn,
    CheckedOut,
    CheckoutFailed,
    CheckoutStarted,
    ConnectionClosed,
    ConnectionReady,
    PoolEvent,
    PoolOpened,
)

from .conftest import Dash, MakeEngine
from .given import Clock


def kinds(seen: list[PoolEvent]) -> list[str]:
    return [event.kind for event in seen]


def only(kind: type[PoolEvent], seen: list[PoolEvent]) -> list[Any]:
    return [event for event in seen if isinstance(event, kind)]


def test_events_of_a_first_checkout(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    with watch(engine, seen.append, name="orders"):
        with engine.connect():
            pass
        engine.dispose()
    assert kinds(seen) == [
        "PoolOpened",
        "CheckoutStarted",
        "ConnectionCreated",
        "ConnectionReady",
        "CheckedOut",
        "CheckedIn",
        "ConnectionClosed",
        "PoolCleared",
    ]
    assert {event.pool for event in seen} == {"orders"}
    assert only(PoolOpened, seen)[0].library == "sqlalchemy"


def test_one_claim_ties_the_events(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    with watch(engine, seen.append, name="orders"), engine.connect(), engine.connect():
        pass
    claims = [event.claim for event in seen if hasattr(event, "claim")]
    assert claims == [1, 1, 2, 2, 2, 1]
    sites = {event.call_site.function for event in only(CheckedOut, seen)}
    assert sites == {"test_one_claim_ties_the_events"}


def test_times_are_of_the_clock(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    clock = Clock(50.0)
    with watch(engine, seen.append, clock=clock), engine.connect():
        clock.advance(2.5)
    (came,) = only(CheckedIn, seen)
    assert (came.at, came.use_time, came.is_lost) == (52.5, 2.5, False)
    assert [event.wait_time for event in only(CheckedOut, seen)] == [0.0]


def test_failure_has_reason_and_error(make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)
    seen: list[PoolEvent] = []
    with watch(engine, seen.append), engine.connect(), pytest.raises(exc.TimeoutError):
        engine.connect()
    (failed,) = only(CheckoutFailed, seen)
    assert (failed.reason, failed.error) == ("timeout", "TimeoutError")
    assert [event.claim for event in only(CheckoutStarted, seen)] == [1, 2]
    assert failed.claim == 2


def test_lost_connection_is_told(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    with watch(engine, seen.append):
        held = [engine.connect()]
        held.clear()
        gc.collect()
    assert [event.is_lost for event in only(CheckedIn, seen)] == [True]


def test_close_tells_age_and_uses(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    clock = Clock()
    with watch(engine, seen.append, clock=clock):
        for _ in range(3):
            with engine.connect():
                clock.advance(1)
        engine.dispose()
    (closed,) = only(ConnectionClosed, seen)
    assert (closed.reason, closed.age, closed.connection) == ("pool_closed", 3.0, 1)
    assert closed.uses == 3
    assert [event.connection for event in only(ConnectionReady, seen)] == [1]


def test_pool_name_is_redacted_or_given(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    with watch(engine, seen.append) as first:
        assert first.name == ":memory:"
    with watch(engine, seen.append, name="orders") as second:
        assert second.name == "orders"
    assert [event.pool for event in seen] == [":memory:", "orders"]


@pytest.mark.parametrize("error", [ValueError, AttributeError, MemoryError, RecursionError])
def test_emit_that_raises_is_swallowed(engine: Engine, error: type[Exception]) -> None:
    def emit(_: PoolEvent) -> None:
        raise error

    with watch(engine, emit), engine.connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1
    assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 1)  # type: ignore[attr-defined]


def test_host_error_passes_by_emit(make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)

    def emit(_: PoolEvent) -> None:
        raise ValueError

    with watch(engine, emit), engine.connect(), pytest.raises(exc.TimeoutError) as raised:
        engine.connect()
    assert raised.value.__context__ is None or "Empty" in repr(raised.value.__context__)


@pytest.mark.parametrize("emit", [None, 5, "print", []])
def test_wrong_emit_is_told_at_once(engine: Engine, emit: Any) -> None:
    with pytest.raises(DashboardError) as told:
        watch(engine, emit)
    assert str(told.value) == (
        f"watch() takes a function of an event as its second argument, not {emit!r}"
    )
    assert type(engine.pool) is QueuePool


@pytest.mark.parametrize("clock", [5, lambda: "now"])
def test_wrong_clock_is_told_at_once(engine: Engine, clock: Any) -> None:
    with pytest.raises(DashboardError, match="clock takes a function that answers seconds"):
        watch(engine, print, clock=clock)
    assert type(engine.pool) is QueuePool


@pytest.mark.parametrize("target", [None, 5, "sqlite://"])
def test_wrong_pool_is_told_at_once(target: object) -> None:
    with pytest.raises(DashboardError, match="no probe for "):
        watch(target, print)


def test_stop_ends_the_events(engine: Engine) -> None:
    seen: list[PoolEvent] = []
    watching = watch(engine, seen.append)
    watching.stop()
    watching.stop()
    with engine.connect():
        pass
    assert kinds(seen) == ["PoolOpened"]
    assert type(engine.pool) is QueuePool


def test_watch_shares_with_dashboard(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash()
    seen: list[PoolEvent] = []
    dash.watch(engine, name="orders")
    with watch(engine, seen.append), engine.connect():
        assert dash.snapshot().pools["orders"].used == 1
    assert [kind for kind in kinds(seen) if kind.startswith("Checked")] == [
        "CheckedOut",
        "CheckedIn",
    ]
    with engine.connect():
        pass
    assert dash.snapshot().pools["orders"].checkouts == 2
    assert len(only(CheckedOut, seen)) == 1


def read(dash: Dashboard) -> list[PoolEvent]:
    events, _, dropped = dash._reader.events(0, 100)
    assert dropped == 0
    return list(events)


def test_feed_tells_the_same_story(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)
    dash.watch(engine, name="orders")
    with engine.connect(), pytest.raises(exc.TimeoutError):
        engine.connect()
    engine.dispose()
    seen = read(dash)
    assert only(PoolOpened, seen)[0].library == "sqlalchemy"
    assert sorted(kinds(seen)) == [
        "CheckedIn",
        "CheckedOut",
        "CheckoutFailed",
        "ConnectionClosed",
        "ConnectionCreated",
        "ConnectionReady",
        "PoolCleared",
        "PoolOpened",
    ]
    (came,) = only(CheckedIn, seen)
    (went,) = only(CheckedOut, seen)
    assert (came.claim, came.connection) == (went.claim, went.connection)


def test_feed_goes_on_from_its_cursor(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    _, cursor, _ = dash._reader.events(0, 100)
    assert dash._reader.events(cursor, 100) == ([], cursor, 0)
    held = engine.connect()
    events, cursor, _ = dash._reader.events(cursor, 100)
    assert "CheckedOut" in kinds(list(events))
    held.close()
    events, cursor, _ = dash._reader.events(cursor, 100)
    assert kinds(list(events)) == ["CheckedIn"]


def test_feed_keeps_every_failure(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.0)
    dash.watch(engine, name="orders")
    fail: Callable[[], object] = engine.connect
    with engine.connect():
        for _ in range(60):
            with pytest.raises(exc.TimeoutError):
                fail()
    events, _, _ = dash._reader.events(0, 5)
    assert len(only(CheckoutFailed, list(events))) == 60
