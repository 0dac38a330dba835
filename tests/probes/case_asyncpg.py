# ruff: noqa: D102, ASYNC109, ARG002 -- Case says what each is
"""asyncpg's own pool."""

import asyncio
from typing import Any

import asyncpg
import psycopg

from dashboard.demo.postgres import Postgres
from tests.probes.contract import until


async def _refuse(*_: object, **__: object) -> Any:
    raise OSError("refused")


class PoolCase:
    """A caller is a task."""

    name = "asyncpg-Pool"
    owner = "task"
    function = "PoolCase.checkout"
    can_cancel = can_wait = is_bounded = keeps = can_kill = closes = can_fail = True
    reclaims = False

    def __init__(self) -> None:
        self._timeout = 5.0

    async def open(self, postgres: Postgres, size: int, timeout: float) -> Any:
        self._timeout = timeout
        return await asyncpg.create_pool(postgres.url, min_size=0, max_size=size)

    async def checkout(self, pool: Any) -> Any:
        return await pool.acquire(timeout=self._timeout)

    async def checkin(self, pool: Any, connection: Any) -> None:
        await pool.release(connection)

    async def use(self, pool: Any, connection: Any) -> None:
        assert await connection.fetchval("SELECT $1::int", 1) == 1

    async def fail(self, pool: Any, connection: Any) -> None:
        await connection.execute("SELECT missing")

    async def kill(self, pool: Any, connection: Any) -> None:
        address, plain = pool._connect_args[0], connection._con
        await asyncio.to_thread(_terminate, address, connection.get_server_pid())
        # Between the server's last word and the end of the stream asyncpg answers in another way.
        await until(plain.is_closed)
        try:
            await connection.execute("SELECT 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return
        raise AssertionError("the connection outlived its server process")

    async def break_down(self, pool: Any) -> None:
        pool._connect = _refuse

    async def close(self, pool: Any) -> None:
        # After a test that failed a connection may be out, and close() would wait for ever.
        async with asyncio.timeout(30):
            await pool.close()

    def own(self, pool: Any) -> tuple[int, int] | None:
        return pool.get_size() - pool.get_idle_size(), pool.get_idle_size()

    def hooked(self, pool: Any) -> list[Any]:
        connections = [holder._con for holder in pool._holders if holder._con is not None]
        return [pool, *pool._holders, *(each._protocol for each in connections)]


def _terminate(address: str, pid: int) -> None:
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 30000)", (pid,))


CASES = [PoolCase()]
