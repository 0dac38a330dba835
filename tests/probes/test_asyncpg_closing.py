"""How connections of an asyncpg pool end: killed, closed, expired."""

import asyncio
import contextlib
from typing import Any

import asyncpg
import pytest

from dashboard.demo.postgres import Postgres
from dashboard.model import events
from tests.probes.asyncpg_watching import OPENED, Seen, acquire, kill, query, until, watched


async def test_server_kills_a_held_connection(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        seen.kinds()
        await kill(postgres.url, connection.get_server_pid())
        await until(lambda: not seen.ledger.open)
        assert seen.kinds() == ["CheckedIn", "ConnectionClosed(error)"]
        assert not seen.event(events.CheckedIn).is_lost
        assert seen.counts() == (0, 0)
        await seen.pool.release(connection)
        assert seen.kinds() == []


async def test_server_kills_an_idle_connection(postgres: Postgres) -> None:
    async with watched(postgres.url, min_size=1) as seen:
        pid = await seen.pool.fetchval("SELECT pg_backend_pid()")
        seen.kinds()
        await kill(postgres.url, pid)
        await until(lambda: seen.counts() == (0, 1) and len(seen.events) == 3)
        restored = ["ConnectionClosed(error)", "ConnectionCreated", "ConnectionReady"]
        assert seen.kinds() == restored
        async with seen.pool.acquire():
            assert seen.event(events.CheckedOut).phases == {}


async def test_close_while_held(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        async with seen.pool.acquire() as connection:
            seen.kinds()
            await connection.close()
            assert seen.kinds() == ["CheckedIn", "ConnectionClosed(error)"]
        assert seen.kinds() == []
        assert seen.counts() == (0, 0)


async def test_pool_terminates_while_held(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        await query(seen.pool)
        seen.kinds()
        seen.pool.terminate()
        assert sorted(seen.kinds()) == [
            "CheckedIn",
            "ConnectionClosed(pool_closed)",
            "ConnectionClosed(pool_closed)",
            "PoolClosed",
        ]
        await seen.pool.release(connection)
        assert seen.kinds() == []
        assert seen.counts() == (0, 0)


async def test_close_waits_for_held_connections(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        seen.kinds()
        closing = asyncio.create_task(seen.pool.close())
        await until(seen.pool.is_closing)
        with pytest.raises(asyncpg.InterfaceError, match="pool is closing"):
            await seen.pool.acquire()
        failed = ["CheckoutStarted", "CheckoutFailed(pool_closed)"]
        assert seen.kinds() == ["PoolClosed", *failed]
        assert seen.counts() == (1, 0)
        await seen.pool.release(connection)
        await closing
        assert seen.kinds() == ["CheckedIn", "ConnectionClosed(pool_closed)"]
        assert seen.counts() == (0, 0)


async def test_close_while_waiters_wait(postgres: Postgres) -> None:
    async with watched(postgres.url, max_size=1) as seen:
        connection = await seen.pool.acquire()
        waiters = [asyncio.create_task(acquire(seen.pool)) for _ in range(2)]
        await until(lambda: len(seen.ledger.pending) == 2)
        closing = asyncio.create_task(seen.pool.close())
        await until(seen.pool.is_closing)
        await seen.pool.release(connection)
        await closing
        await until(lambda: all(waiter.done() for waiter in waiters))
        assert seen.counts() == (0, 0)
        assert seen.ledger.pending == {}
        for waiter in waiters:
            with contextlib.suppress(asyncpg.InterfaceError):
                await waiter


async def test_cancelled_close_terminates(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        seen.kinds()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(seen.pool.close(), 0.01)
        assert seen.kinds() == ["PoolClosed", "CheckedIn", "ConnectionClosed(pool_closed)"]
        assert seen.counts() == (0, 0)
        await seen.pool.release(connection)


async def test_reset_that_times_out_ends_the_connection(postgres: Postgres) -> None:
    async def reset(connection: Any) -> None:
        await connection.execute("SELECT pg_sleep(5)")

    async with watched(postgres.url, reset=reset) as seen:
        connection = await seen.pool.acquire(timeout=0.2)
        seen.kinds()
        with pytest.raises(TimeoutError):
            await seen.pool.release(connection)
        assert seen.kinds() == ["CheckedIn", "ConnectionClosed(error)"]
        assert seen.event(events.CheckedIn).phases["reset"] >= 0.19
        assert seen.counts() == (0, 0)


async def test_spent_and_expired_connections_are_stale(postgres: Postgres) -> None:
    async with watched(postgres.url, max_size=1, max_queries=1) as seen:
        await seen.pool.execute("SELECT 1")
        await until(lambda: seen.counts() == (0, 0))
        assert seen.kinds() == [*OPENED, "CheckedIn", "ConnectionClosed(stale)"]
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        await query(seen.pool)
        assert seen.counts() == (1, 1)
        seen.kinds()
        await seen.pool.expire_connections()
        assert seen.kinds() == ["PoolCleared"]
        assert seen.counts() == (1, 1)
        await query(seen.pool)
        assert seen.kinds() == [
            "CheckoutStarted",
            "ConnectionClosed(stale)",
            "ConnectionCreated",
            "ConnectionReady",
            "CheckedOut",
            "CheckedIn",
        ]
        await seen.pool.release(connection)
        assert seen.kinds() == ["CheckedIn", "ConnectionClosed(stale)"]
        assert seen.counts() == (0, 1)


async def test_inactive_connection_is_idle_also_when_older(postgres: Postgres) -> None:
    async with watched(postgres.url, max_inactive_connection_lifetime=0.02) as seen:
        await seen.pool.execute("SELECT 1")
        seen.kinds()
        await until(lambda: seen.counts() == (0, 0))
        assert seen.kinds() == ["ConnectionClosed(idle)"]
    lifetime = 0.1
    async with asyncpg.create_pool(
        postgres.url, min_size=0, max_inactive_connection_lifetime=lifetime
    ) as pool:
        await pool.execute("SELECT 1")
        seen = Seen(pool)
        await until(lambda: seen.counts() == (0, 0))
        assert seen.kinds() == ["ConnectionClosed(idle)"]
        seen.stop()
