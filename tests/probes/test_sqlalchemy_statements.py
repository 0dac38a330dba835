"""Statements on SQLAlchemy pools: however the watch began, whoever executes, and to the end."""

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    QueuePool,
    Table,
    create_engine,
    exc,
    insert,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session

from dashboard.demo.postgres import Postgres
from dashboard.model.claim import USE
from dashboard.probes import Tapped, tap

from .contract import LedgerEyes, until

_ONE = text("SELECT 1")
_LONG = text("SELECT pg_sleep(60)")


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres: Postgres) -> Iterator[Engine]:
    engine = create_engine(postgres.dsn("psycopg"))
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(postgres: Postgres) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(postgres.dsn("asyncpg"))
    yield engine
    await engine.dispose()


def watched(target: Any) -> tuple[LedgerEyes, Tapped]:
    eyes = LedgerEyes()
    return eyes, tap(target, eyes.sink)


def told(eyes: LedgerEyes) -> tuple[int, bool]:
    """Statements of the only checkout, and whether one runs."""
    return eyes.use.statements, eyes.use.began is not None


def test_pool_alone_is_enough(engine: Engine) -> None:
    eyes, _ = watched(engine.pool)
    with engine.connect() as connection:
        connection.execute(_ONE)
        assert told(eyes) == (1, False)


def test_pool_that_gets_its_engine_later_is_seen() -> None:
    pool = QueuePool(lambda: sqlite3.connect(":memory:"))  # type: ignore[arg-type]
    eyes, tapped = watched(pool)
    seen = [tapped.probe.sees_statements]
    engine = create_engine("sqlite://", pool=pool)
    with engine.connect() as connection:
        connection.execute(_ONE)
        assert told(eyes) == (1, False)
    assert [*seen, tapped.probe.sees_statements] == [False, True]
    pool.dispose()


def test_pool_that_meets_its_engine_takes_its_place() -> None:
    pool = QueuePool(lambda: sqlite3.connect(":memory:"))  # type: ignore[arg-type]
    probe: Any = watched(pool)[1].probe
    probe.meet(create_engine("sqlite:////srv/shop.db", pool=pool))
    assert (probe.backend, probe.address, probe.sees_statements) == ("SQLite", "/srv/shop.db", True)


def test_engine_with_options_is_the_same(engine: Engine) -> None:
    eyes, _ = watched(engine)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(_ONE)
        assert told(eyes) == (1, False)


def test_no_listener_slows_the_engine_down(engine: Engine) -> None:
    eyes, tapped = watched(engine)
    assert (engine._has_events, engine.dialect._has_events) == (False, False)
    tapped.remove(eyes.sink)
    with engine.connect() as connection:
        connection.execute(_ONE)
    assert eyes.returned == 0


def test_many_rows_are_one_statement(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("n", Integer))
    eyes, _ = watched(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
        connection.execute(insert(table), [{"n": n} for n in range(5)])
        assert told(eyes) == (2, False)
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", [(1,), (2,)])
        assert told(eyes) == (3, False)


def test_commit_is_use_and_no_statement(engine: Engine) -> None:
    eyes, _ = watched(engine)
    with Session(engine) as session:
        session.execute(_ONE)
        connection = session.connection()
        before = eyes.use.last, eyes.use.busy
        connection.commit()
        assert told(eyes) == (1, False)
        assert (eyes.use.last, eyes.use.busy) > before


def test_quiet_time_ends_with_a_statement(engine: Engine) -> None:
    eyes, _ = watched(engine)
    now = [100.0]
    eyes.sink.now = lambda: now[0]
    with engine.connect() as connection:
        for at in (107.0, 109.0):
            now[0] = at
            connection.execute(_ONE)
        assert (eyes.use.quiet, eyes.use.last) == (7.0, 109.0)


def test_user_is_the_thread_that_executes(postgres_engine: Engine) -> None:
    eyes, _ = watched(postgres_engine)
    connection = postgres_engine.connect()
    worker = threading.Thread(target=connection.execute, args=(_ONE,), name="worker")
    worker.start()
    worker.join()
    assert eyes.use.user is not None
    assert (eyes.use.user.kind, eyes.use.user.name) == ("thread", "worker")
    connection.close()


def test_statement_after_dispose_is_told(engine: Engine) -> None:
    eyes, _ = watched(engine)
    connection = engine.connect()
    engine.dispose()
    connection.execute(_ONE)
    assert told(eyes) == (1, False)
    connection.close()
    with engine.connect() as connection:
        connection.execute(_ONE)
        assert told(eyes) == (1, False)


def test_dialect_of_two_pools_tells_the_first(engine: Engine) -> None:
    other = Engine(engine.pool.recreate(), engine.dialect, engine.url)
    first, tapped = watched(engine)
    second, tapped_other = watched(other)
    with engine.connect() as one, other.connect() as two:
        one.execute(_ONE)
        two.execute(_ONE)
        assert told(first) == (1, False)
        assert next(iter(second.sink.open.values()))[USE] is None
    assert (tapped.probe.sees_statements, tapped_other.probe.sees_statements) == (True, False)
    other.dispose()


def test_errors_traceback_has_one_frame_more(engine: Engine) -> None:
    def fail() -> list[str]:
        with engine.connect() as connection, pytest.raises(exc.OperationalError) as caught:
            connection.execute(text("SELECT missing"))
        assert isinstance(caught.value.orig, sqlite3.OperationalError)
        return [each.name for each in traceback.extract_tb(caught.tb)]

    plain = fail()
    watched(engine)
    assert sorted(fail()) == sorted([*plain, "do_execute"])


async def test_cancelled_statement_ends(async_engine: AsyncEngine) -> None:
    eyes, _ = watched(async_engine)

    async def hold() -> None:
        async with async_engine.connect() as connection:
            await connection.execute(_LONG)

    task = asyncio.create_task(hold(), name="sleeper")
    await until(lambda: eyes.used and next(iter(eyes.sink.open.values()))[USE])
    use = eyes.use
    assert told(eyes) == (1, True)
    assert (use.user and use.user.name) == "sleeper"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert use.began is None
    await until(lambda: eyes.used == 0)


async def test_stop_lets_a_statement_end(async_engine: AsyncEngine) -> None:
    eyes, tapped = watched(async_engine)
    kind = async_engine.dialect.__class__
    async with async_engine.connect() as connection:
        task = asyncio.create_task(connection.scalar(text("SELECT pg_sleep(0.05)::text || 'x'")))
        await until(lambda: next(iter(eyes.sink.open.values()))[USE])
        tapped.remove(eyes.sink)
        assert type(async_engine.dialect) is kind
        assert await task == "x"


def test_open_cursor_is_use(postgres_engine: Engine) -> None:
    eyes, tapped = watched(postgres_engine)
    many = text("SELECT generate_series(1, 1000)")
    with postgres_engine.connect() as connection:
        rows = connection.execution_options(stream_results=True).execute(many)
        assert rows.fetchone() == (1,)
        assert tapped.probe.in_use_by(eyes.lease) == "a cursor"
        rows.close()
        assert tapped.probe.in_use_by(eyes.lease) == ""
        assert len(connection.execute(many).all()) == 1000
        assert tapped.probe.in_use_by(eyes.lease) == ""


async def test_stream_is_use_until_its_end(async_engine: AsyncEngine) -> None:
    eyes, tapped = watched(async_engine)
    async with async_engine.connect() as connection:
        rows = await connection.stream(text("SELECT generate_series(1, 200)"))
        assert await rows.fetchone() == (1,)
        assert tapped.probe.in_use_by(eyes.lease) == "a cursor"
        assert len(await rows.all()) == 199
        assert tapped.probe.in_use_by(eyes.lease) == ""


async def test_what_goes_past_sqlalchemy_is_found(postgres_engine: Engine) -> None:
    eyes, tapped = watched(postgres_engine)
    raw = postgres_engine.raw_connection()
    driver: Any = raw.driver_connection
    driver.execute("SELECT 1")  # Else the cancel may hit the BEGIN.
    asleep = asyncio.create_task(asyncio.to_thread(driver.execute, "SELECT pg_sleep(60)"))
    await until(lambda: tapped.probe.in_use_by(eyes.lease) == "a statement")
    driver.cancel()
    with pytest.raises(psycopg.errors.QueryCanceled):
        await asleep
    assert tapped.probe.in_use_by(eyes.lease) == ""
    driver.add_notify_handler(print)
    assert tapped.probe.in_use_by(eyes.lease) == "listeners"
    driver.remove_notify_handler(print)
    raw.close()


async def test_listener_past_sqlalchemy_is_found(async_engine: AsyncEngine) -> None:
    eyes, tapped = watched(async_engine)
    async with async_engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.add_listener("news", print)
        assert tapped.probe.in_use_by(eyes.lease) == "listeners"
        await driver.remove_listener("news", print)
        assert tapped.probe.in_use_by(eyes.lease) == ""
