# ruff: noqa: D102, ASYNC109, ARG002 -- Case says what each is
"""SQLAlchemy's pools, each as `create_engine` or `create_async_engine` makes it."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event, exc, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import Pool

from dashboard.demo.postgres import Postgres
from tests.probes.contract import until

_BOUNDED = (pool.QueuePool, pool.AsyncAdaptedQueuePool)


class _RefusedError(Exception):
    """The server cannot be reached."""


def _refuse(*_: object) -> None:
    raise _RefusedError


def _options(kind: type[Pool], size: int, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {"poolclass": kind}
    if issubclass(kind, pool.QueuePool):
        options |= {"pool_size": size, "max_overflow": 0, "pool_timeout": timeout}
    return options


class _Case:
    """What both kinds of engine share."""

    owner = "task"
    reclaims = can_fail = True
    closes = False

    def __init__(self, kind: type[Pool], driver: str) -> None:
        self.name = f"{kind.__name__}-{driver}"
        self.kind, self.driver = kind, driver
        self.can_wait = kind in _BOUNDED
        self.is_bounded = self.can_wait or kind is pool.AssertionPool
        self.keeps = kind is not pool.NullPool
        self.can_kill = driver in {"psycopg", "asyncpg"}

    def url(self, postgres: Postgres) -> str:
        return "sqlite+aiosqlite://" if self.driver == "aiosqlite" else postgres.dsn(self.driver)

    def own(self, engine: Any) -> tuple[int, int] | None:
        its = _pool(engine)
        return (its.checkedout(), its.checkedin()) if isinstance(its, pool.QueuePool) else None

    def hooked(self, engine: Any) -> list[Any]:
        return [_pool(engine), _sync(engine).dialect]

    async def break_down(self, engine: Any) -> None:
        event.listen(_sync(engine), "do_connect", _refuse)


class SyncCase(_Case):
    """A caller runs in the test's task; one that has to wait, in a thread of its own."""

    can_cancel = False
    function = "SyncCase.checkout.<locals>.ask"

    async def open(self, postgres: Postgres, size: int, timeout: float) -> Engine:
        return create_engine(self.url(postgres), **_options(self.kind, size, timeout))

    async def checkout(self, engine: Engine) -> Any:
        def ask() -> Any:
            return engine.connect()

        its: Any = engine.pool
        must_wait = self.can_wait and its.checkedout() >= its.size()
        return await asyncio.to_thread(ask) if must_wait else ask()

    async def checkin(self, engine: Engine, connection: Any) -> None:
        connection.close()

    async def use(self, engine: Engine, connection: Any) -> None:
        assert connection.execute(text("SELECT 1")).scalar() == 1

    async def fail(self, engine: Engine, connection: Any) -> None:
        connection.execute(text("SELECT missing"))

    async def kill(self, engine: Engine, connection: Any) -> None:
        pid = connection.connection.driver_connection.info.backend_pid
        await asyncio.to_thread(_terminate, engine.url.render_as_string(), pid)
        _expect_dead(lambda: connection.execute(text("SELECT 1")))

    async def close(self, engine: Engine) -> None:
        engine.dispose()


class AsyncCase(_Case):
    """A caller is a task."""

    can_cancel = True
    function = "AsyncCase.checkout"

    async def open(self, postgres: Postgres, size: int, timeout: float) -> AsyncEngine:
        return create_async_engine(self.url(postgres), **_options(self.kind, size, timeout))

    async def checkout(self, engine: AsyncEngine) -> AsyncConnection:
        return await engine.connect()

    async def checkin(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        await connection.close()

    async def use(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        assert await connection.scalar(text("SELECT 1")) == 1

    async def fail(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT missing"))

    async def kill(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        raw: Any = await connection.get_raw_connection()
        plain = raw.driver_connection
        await asyncio.to_thread(_terminate, engine.url.render_as_string(), plain.get_server_pid())
        # Between the server's last word and the end of the stream asyncpg answers in another way.
        await until(plain.is_closed)
        try:
            await connection.execute(text("SELECT 1"))
        except exc.DBAPIError:
            return
        raise AssertionError("the connection outlived its server process")

    async def close(self, engine: AsyncEngine) -> None:
        await engine.dispose()
        if self.driver == "aiosqlite":
            await _workers_end()


async def _workers_end() -> None:
    """A worker that is still closing a leaked connection would answer to a loop that is gone."""
    gc.collect()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any("_connection_worker_thread" in each.name for each in threading.enumerate()):
            return
        await asyncio.sleep(0.005)


def _terminate(url: str, pid: int) -> None:
    with psycopg.connect("postgresql://" + url.split("://")[1], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 30000)", (pid,))


def _expect_dead(use: Callable[[], object]) -> None:
    try:
        use()
    except exc.DBAPIError:
        return
    raise AssertionError("the connection outlived its server process")


def _sync(engine: Any) -> Engine:
    its: Engine = getattr(engine, "sync_engine", engine)
    return its


def _pool(engine: Any) -> Pool:
    return _sync(engine).pool


CASES = [
    SyncCase(pool.QueuePool, "psycopg"),
    SyncCase(pool.NullPool, "psycopg"),
    SyncCase(pool.StaticPool, "psycopg"),
    SyncCase(pool.SingletonThreadPool, "psycopg"),
    SyncCase(pool.AssertionPool, "psycopg"),
    AsyncCase(pool.AsyncAdaptedQueuePool, "asyncpg"),
    AsyncCase(pool.AsyncAdaptedQueuePool, "aiosqlite"),
    AsyncCase(pool.NullPool, "asyncpg"),
    AsyncCase(pool.StaticPool, "aiosqlite"),
]
