"""How connections leave a SQLAlchemy pool, and who had asked for them."""

import asyncio
import gc
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from dashboard.demo.postgres import Postgres
from dashboard.probes import tap

from .contract import EmitterEyes, LedgerEyes, until
from .test_sqlalchemy import same, watched


@pytest.fixture(name="engine")
def _engine(postgres: Postgres) -> Iterator[Engine]:
    engine = create_engine(postgres.dsn("psycopg"), pool_size=2, max_overflow=1)
    yield engine
    engine.dispose()


def test_detached_connection_is_the_callers(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    with engine.connect() as connection:
        connection.detach()
        same(eyes, engine.pool, 0, 1)
        with engine.connect():
            same(eyes, engine.pool, 1, 0)
        same(eyes, engine.pool, 0, 1)
    same(eyes, engine.pool, 0, 1)
    assert (eyes.sink.detached_count, eyes.closed) == (1, {"detached": 1})
    tapped.remove(eyes.sink)


def test_detached_overflow_leaves_no_slot(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    out = [engine.connect() for _ in range(3)]
    for connection in out[:2]:
        connection.close()
    out[2].detach()
    same(eyes, engine.pool, 0, 2)
    out[2].close()
    same(eyes, engine.pool, 0, 2)
    tapped.remove(eyes.sink)


def test_detached_from_null_pool() -> None:
    engine = create_engine("sqlite://", poolclass=NullPool)
    eyes, tapped = watched(engine)
    with engine.connect() as connection:
        connection.detach()
        assert (eyes.used, eyes.idle) == (0, 0)
    assert (eyes.idle, eyes.closed) == (0, {"detached": 1})
    tapped.remove(eyes.sink)


def test_overflow_closes_as_idle(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    out = [engine.connect() for _ in range(3)]
    same(eyes, engine.pool, 3, 0)
    for connection in out:
        connection.close()
    same(eyes, engine.pool, 0, 2)
    assert (eyes.closed, eyes.sink.peak) == ({"idle": 1}, 3)
    tapped.remove(eyes.sink)


async def test_cancelled_query_frees_the_slot(postgres: Postgres) -> None:
    engine = create_async_engine(postgres.dsn("asyncpg"), pool_size=1, max_overflow=0)
    eyes, tapped = watched(engine)

    async def query() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))

    task = asyncio.create_task(query())
    await until(lambda: eyes.used == 1)
    pid = next(iter(eyes.sink.open.values()))[5].backend_pid
    await asyncio.to_thread(_runs, postgres, pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: eyes.used == 0)
    same(eyes, engine.pool, 0, 1)
    assert eyes.closed == {"error": 1}
    tapped.remove(eyes.sink)
    await engine.dispose()


def _runs(postgres: Postgres, pid: int) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(postgres.url, autocommit=True) as other:
        while time.monotonic() < deadline:
            query = "SELECT query FROM pg_stat_activity WHERE pid = %s"
            if "pg_sleep" in str(other.execute(query, (pid,)).fetchone()):
                return


async def test_call_sites_in_sessions(postgres: Postgres) -> None:
    engine = create_async_engine(postgres.dsn("asyncpg"))
    eyes = EmitterEyes()
    tapped = tap(engine, eyes.sink)
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 1"))
    async with AsyncSession(engine) as session:
        await session.run_sync(_use_session)
    sites = [each.call_site.function for each in eyes.of("CheckedOut")]
    assert sites == ["test_call_sites_in_sessions", "_use_session"]
    assert {each.call_site.file for each in eyes.of("CheckedOut")} == {
        "tests/probes/test_sqlalchemy_leaving.py"
    }
    await until(lambda: eyes.used == 0)
    tapped.remove(eyes.sink)
    await engine.dispose()


def _use_session(session: Session) -> None:
    session.execute(text("SELECT 1"))


def test_listeners_gone_after_dispose_and_stop() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    engine.connect().close()
    before = _listeners(engine)
    eyes, tapped = watched(engine)
    engine.connect().close()
    engine.dispose()
    gc.collect()  # the first pool, by which the listeners are known
    tapped.remove(eyes.sink)
    assert type(engine.pool) is QueuePool
    assert _listeners(engine) == before
    engine.dispose()


def test_nothing_stays_on_records_after_stop() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    with engine.connect() as held:
        record = held._dbapi_connection._connection_record  # type: ignore[union-attr]
    before = set(vars(record))
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)
    engine.connect().close()
    engine.connect().close()
    with engine.connect():
        tapped.remove(eyes.sink)
        assert set(vars(record)) == before
    assert eyes.sink.errors == 0
    engine.dispose()


def _listeners(engine: Engine) -> list[int]:
    names = ("connect", "close", "detach", "close_detached", "checkout", "checkin")
    return [len(list(getattr(engine.pool.dispatch, name))) for name in names]
