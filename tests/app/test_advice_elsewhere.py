"""Pools that are used in another process or event loop than the one that they belong to."""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard import Dashboard

from .advised import advised
from .test_process import in_child

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres


def test_connection_used_after_a_fork_is_told(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    engine.connect().close()

    def child() -> object:
        before = advised(dash, "R19")
        engine.connect().close()
        advice = advised(dash, "R19")
        assert before is None
        assert advice is not None
        return [advice.severity, advice.evidence[0], advice.change.splitlines()[-1]]

    severity, evidence, remedy = in_child(child)
    assert severity == "critical"
    assert evidence.startswith(f"Connected in process {os.getpid()}, used in ")
    assert remedy == "+os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))"
    assert advised(dash, "R19") is None


def test_child_with_a_pool_of_its_own_is_fine(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    engine.connect().close()

    def child() -> object:
        engine.dispose(close=False)
        engine.connect().close()
        return advised(dash, "R19") is None

    assert in_child(child) is True


def test_engine_that_outlives_its_loop_is_told(dash: Dashboard, postgres: "Postgres") -> None:
    engine = create_async_engine(postgres.dsn("asyncpg"), pool_size=2, pool_pre_ping=True)
    dash.watch(engine, name="orders")

    async def ask() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def healthy() -> bool:
        await ask()
        await ask()
        is_fine = advised(dash, "R18") is None and advised(dash, "R19") is None
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
        driver.terminate()  # The server hears of it; the pool does not.
        return is_fine

    with asyncio.Runner() as runner:
        assert runner.run(healthy()) is True
    advice = advised(dash, "R18")
    assert advice is not None
    assert advice.title == "The pool's event loop ended while the pool was open"
    asyncio.run(engine.dispose(close=False))
    assert advised(dash, "R18") is None


def test_engine_used_in_a_second_loop_is_told(dash: Dashboard, postgres: "Postgres") -> None:
    dash.watch_all()
    engine = create_async_engine(postgres.dsn("asyncpg"))  # The line that is named.
    drivers: list[Any] = []

    async def ask() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            drivers.append((await connection.get_raw_connection()).driver_connection)

    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        home.run(ask())
        assert advised(dash, "R19") is None
        with pytest.raises((RuntimeError, DBAPIError)):
            abroad.run(ask())
        advice = advised(dash, "R19")
        home.run(end(drivers[0].terminate))
    engine.sync_engine.dispose(close=False)
    assert advice is not None
    assert advice.evidence[0] == "Its connections belong to one event loop, another one used them."
    made_at = advice.evidence[1].partition(":")[2].partition(" ")[0]
    assert int(made_at) == test_engine_used_in_a_second_loop_is_told.__code__.co_firstlineno + 2


async def end(terminate: Callable[[], object]) -> None:
    """In the loop of what is ended."""
    terminate()
    await asyncio.sleep(0)


def test_engine_that_ends_with_each_run_is_fine(dash: Dashboard, postgres: "Postgres") -> None:
    engine = create_async_engine(postgres.dsn("asyncpg"))
    dash.watch(engine, name="orders")

    async def ask() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        await engine.dispose()

    for _ in range(3):
        asyncio.run(ask())
    assert advised(dash, "R19") is None


def test_asyncpg_pool_used_in_a_second_loop_is_told(dash: Dashboard, postgres: "Postgres") -> None:
    async def make() -> "asyncpg.Pool[asyncpg.Record]":
        pool = await asyncpg.create_pool(postgres.dsn(), min_size=1, max_size=2)
        dash.watch(pool, name="orders")
        await pool.fetchval("SELECT 1")
        return pool

    async def ask(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        await pool.fetchval("SELECT 1")

    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        pool = home.run(make())
        assert advised(dash, "R19") is None
        with pytest.raises((RuntimeError, asyncpg.InterfaceError)):
            abroad.run(ask(pool))
        advice = advised(dash, "R19")
        home.run(end(pool.terminate))
    assert advice is not None
    assert advice.title == "The pool is used in another event loop"
