"""What only SQLAlchemy does: dispose, invalidate, recycle, pre-ping, detach, overflow."""

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool, StaticPool

from dashboard.demo.postgres import Postgres
from dashboard.probes import Tapped, tap

from .contract import EmitterEyes, LedgerEyes, until


@pytest.fixture
def engine(postgres: Postgres) -> Iterator[Engine]:
    engine = create_engine(
        postgres.dsn("psycopg"), pool_size=2, max_overflow=1, pool_timeout=0.05, pool_use_lifo=True
    )
    yield engine
    engine.dispose()


def watched(target: Any) -> tuple[LedgerEyes, Tapped]:
    eyes = LedgerEyes()
    return eyes, tap(target, eyes.sink)


def same(eyes: LedgerEyes, pool: Any, used: int, idle: int) -> None:
    assert (pool.checkedout(), pool.checkedin()) == (used, idle)
    assert (eyes.used, eyes.idle, eyes.errors) == (used, idle, 0)


def kill(postgres: Postgres, pid: int) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 30000)", (pid,))


def pid_of(connection: Any) -> int:
    pid: int = connection.connection.driver_connection.info.backend_pid
    return pid


def test_dispose_while_out_retires() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    eyes, tapped = watched(engine)
    old = engine.connect()
    engine.connect().close()
    engine.dispose()
    same(eyes, engine.pool, 0, 0)
    assert (len(eyes.sink.retired), eyes.closed) == (1, {"pool_closed": 1})
    with engine.connect():
        same(eyes, engine.pool, 1, 0)
        old.close()
        same(eyes, engine.pool, 1, 0)
    same(eyes, engine.pool, 0, 1)
    assert (eyes.returned, len(eyes.sink.retired), eyes.sink.unmatched) == (3, 0, 0)
    tapped.remove(eyes.sink)
    engine.dispose()


def test_invalidated_after_dispose_leaves_no_slot(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    old = engine.connect()
    engine.dispose()
    old.invalidate()
    old.close()
    same(eyes, engine.pool, 0, 0)
    assert eyes.closed == {"error": 1}
    tapped.remove(eyes.sink)


def test_dispose_without_close_clears() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    eyes, tapped = watched(engine)
    out = engine.connect()
    engine.dispose(close=False)
    same(eyes, engine.pool, 0, 0)
    engine.connect().close()
    same(eyes, engine.pool, 0, 1)
    out.close()
    tapped.remove(eyes.sink)
    engine.dispose()


def test_bare_pool_goes_on_after_dispose() -> None:
    creator: Any = sqlite3.connect
    pool = QueuePool(lambda: creator(":memory:"), pool_size=2, max_overflow=0)
    eyes, tapped = watched(pool)
    for _ in range(2):
        pool.connect().close()
        pool.dispose()
        same(eyes, pool, 0, 0)
    out = pool.connect()
    pool.dispose()
    out.close()
    assert (eyes.used, eyes.idle, eyes.sink.unmatched) == (0, 1, 0)
    pool.connect().close()
    assert (eyes.returned, eyes.idle) == (4, 1)
    tapped.remove(eyes.sink)
    pool.dispose()


def test_recreate_after_bare_dispose_clears() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    eyes, tapped = watched(engine)
    engine.connect().close()
    engine.pool.dispose()
    out = engine.connect()
    engine.dispose(close=False)
    assert (eyes.used, eyes.idle) == (0, 0)
    out.close()
    tapped.remove(eyes.sink)
    engine.dispose()


async def test_waiter_of_a_disposed_pool(postgres: Postgres) -> None:
    engine = create_async_engine(postgres.dsn("asyncpg"), pool_size=1, max_overflow=0)
    eyes, tapped = watched(engine)
    first = await engine.connect()
    waiter = asyncio.ensure_future(engine.connect())
    await until(lambda: eyes.waiting == 1)
    await engine.dispose()
    await first.close()
    second: Any = await waiter
    assert (eyes.waiting, eyes.used, eyes.errors) == (0, 1, 0)
    await second.invalidate()  # nobody else would close it
    await second.close()
    await until(lambda: eyes.used == 0)
    same(eyes, engine.pool, 0, 0)
    assert eyes.sink.unmatched == 0
    await (await engine.connect()).close()
    await until(lambda: eyes.idle == 1)
    tapped.remove(eyes.sink)
    await engine.dispose()


def test_invalidate_keeps_the_slot(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    with engine.connect() as connection:
        connection.invalidate()
        same(eyes, engine.pool, 0, 1)
    with engine.connect():
        same(eyes, engine.pool, 1, 0)
    same(eyes, engine.pool, 0, 1)
    assert (eyes.closed, eyes.created) == ({"error": 1}, 2)
    tapped.remove(eyes.sink)


def test_soft_invalidate_is_stale(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    with engine.connect() as connection:
        connection.connection.invalidate(soft=True)
    same(eyes, engine.pool, 0, 1)
    with engine.connect():
        same(eyes, engine.pool, 1, 0)
    assert (eyes.closed, eyes.created) == ({"stale": 1}, 2)
    tapped.remove(eyes.sink)


def test_recycled_connection_is_stale(postgres: Postgres) -> None:
    engine = create_engine(postgres.dsn("psycopg"), pool_recycle=3600)
    eyes, tapped = watched(engine)
    with engine.connect() as connection:
        record: Any = connection.connection._connection_record
        record.starttime -= 4000
    engine.connect().close()
    assert (eyes.closed, eyes.created) == ({"stale": 1}, 2)
    same(eyes, engine.pool, 0, 1)
    tapped.remove(eyes.sink)
    engine.dispose()


def test_pre_ping_finds_dead_backend(postgres: Postgres) -> None:
    engine = create_engine(postgres.dsn("psycopg"), pool_size=2, pool_pre_ping=True)
    eyes = EmitterEyes()
    tapped = tap(engine, eyes.sink)
    with engine.connect() as connection:
        pid = pid_of(connection)
    kill(postgres, pid)
    engine.connect().close()
    engine.connect().close()
    first, second, third = eyes.of("CheckedOut")
    assert (set(first.phases), set(second.phases)) == ({"connect"}, {"connect", "pre_ping"})
    assert set(third.phases) == {"pre_ping"}
    assert 0 < third.phases["pre_ping"] <= third.wait_time
    assert (first.backend_pid, eyes.closed) == (pid, {"error": 1})
    tapped.remove(eyes.sink)
    engine.dispose()


def test_raising_connect_listener_leaves_nothing(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    engine.connect().close()
    engine.connect().close()
    trouble = RuntimeError("no")

    def refuse(*_: object) -> None:
        raise trouble

    event.listen(engine, "connect", refuse)
    with engine.connect(), pytest.raises(RuntimeError) as caught:
        engine.connect()
    assert caught.value is trouble
    same(eyes, engine.pool, 0, 1)
    with engine.connect() as connection:
        connection.invalidate()
    with pytest.raises(RuntimeError):
        engine.connect()
    same(eyes, engine.pool, 0, 1)
    assert eyes.failures == {"connection_error": 2}
    event.remove(engine, "connect", refuse)
    engine.connect().close()
    same(eyes, engine.pool, 0, 1)
    tapped.remove(eyes.sink)


def test_disconnection_listener_reconnects(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    refusals = [exc.DisconnectionError(), exc.DisconnectionError()]

    def refuse(*_: object) -> None:
        if refusals:
            raise refusals.pop()

    event.listen(engine, "checkout", refuse)
    with pytest.raises(exc.InvalidRequestError):
        engine.connect()
    same(eyes, engine.pool, 0, 1)
    engine.connect().close()
    same(eyes, engine.pool, 0, 1)
    assert (eyes.failures, eyes.sink.unmatched) == ({"connection_error": 1}, 0)
    tapped.remove(eyes.sink)


def test_failing_reset_closes_with_error(engine: Engine, postgres: Postgres) -> None:
    eyes, tapped = watched(engine)
    connection = engine.raw_connection()
    connection.cursor().execute("SELECT 1")
    raw: Any = connection.driver_connection
    kill(postgres, raw.info.backend_pid)
    connection.close()
    same(eyes, engine.pool, 0, 1)
    assert eyes.closed == {"error": 1}
    tapped.remove(eyes.sink)


def test_static_pool_counts_leases() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    eyes, tapped = watched(engine)
    first, second = engine.connect(), engine.connect()
    assert (eyes.used, eyes.idle, eyes.created) == (2, 0, 1)
    first.close()
    second.invalidate()
    second.close()
    engine.connect().close()
    assert (eyes.used, eyes.idle, eyes.created, eyes.closed) == (0, 1, 2, {"error": 1})
    tapped.remove(eyes.sink)
    engine.dispose()
