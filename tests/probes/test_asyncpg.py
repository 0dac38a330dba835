"""asyncpg's pool under watch, on a real server: every way in and every way out."""

import asyncio
import contextlib
import socket
from typing import Any

import asyncpg
import pytest
from asyncpg.pool import Pool, PoolConnectionHolder

from dashboard.demo.postgres import Postgres
from dashboard.model import events
from tests.probes.asyncpg_watching import Seen, drained, kill, line_of, until, watched

pytestmark = pytest.mark.filterwarnings("ignore:.*being released to the pool but has")

OPENED = ["CheckoutStarted", "ConnectionCreated", "ConnectionReady", "CheckedOut"]


async def test_first_checkout_opens_a_connection(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        async with seen.pool.acquire() as connection:
            pid = connection.get_server_pid()
            assert seen.counts() == (1, 0)
        assert seen.kinds() == [*OPENED, "CheckedIn"]
        assert seen.counts() == (0, 1)
        ready, got = seen.event(events.ConnectionReady), seen.event(events.CheckedOut)
        assert (ready.backend_pid, got.backend_pid) == (pid, pid)
        assert set(got.phases) == {"connect"}
        assert 0 < ready.create_time == got.phases["connect"] <= got.wait_time
        assert set(seen.event(events.CheckedIn).phases) == {"connect", "reset"}
        async with seen.pool.acquire():
            pass
        assert seen.kinds() == ["CheckoutStarted", "CheckedOut", "CheckedIn"]
        assert seen.event(events.CheckedOut).phases == {}


async def test_initialising_opens_what_nobody_asked_for(postgres: Postgres) -> None:
    async with watched(postgres.url, min_size=2) as seen:
        ready = ["ConnectionCreated", "ConnectionReady"]
        assert sorted(seen.kinds()) == sorted(ready * 2)
        assert seen.counts() == (0, 2)
        async with seen.pool.acquire():
            assert seen.event(events.CheckedOut).phases == {}


async def test_live_pool_is_adopted(postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=2, max_size=3) as pool:
        connection = await pool.acquire()
        seen = Seen(pool)
        assert seen.counts() == (1, 1)
        assert next(iter(seen.ledger.open.values()))[5].backend_pid == connection.get_server_pid()
        await pool.release(connection)
        assert seen.counts() == (0, 2)
        seen.stop()


async def test_who_waits_when_the_watch_begins(postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=0, max_size=1) as pool:
        connecting = asyncio.create_task(_acquire(pool))
        await until(pool._queue.empty)
        waiting = asyncio.create_task(_acquire(pool))
        await until(lambda: pool._queue._getters)
        seen = Seen(pool)
        connection = await connecting
        await until(lambda: seen.ledger.open)
        assert seen.counts() == (1, 0)
        await pool.release(connection)
        connection = await waiting
        await until(lambda: seen.ledger.open)
        assert seen.counts() == (1, 0)
        await pool.release(connection)
        assert seen.counts() == (0, 1)
        seen.stop()


async def _acquire(pool: Any) -> Any:
    return await pool.acquire()


async def _helper(pool: Any) -> None:
    async with pool.acquire() as connection:  # async with in a helper
        await connection.execute("SELECT 1")


async def test_call_site_is_the_line_that_asked(postgres: Postgres) -> None:
    async with watched(postgres.url, max_size=3) as seen:
        pool, owner = seen.pool, asyncio.current_task()
        assert owner is not None

        def site() -> tuple[int, str]:
            seen.kinds()
            asked = seen.event(events.CheckoutStarted)
            assert asked.call_site.file == "tests/probes/test_asyncpg.py"
            return asked.call_site.line, asked.owner.name

        for _ in range(3):
            await _helper(pool)
            assert site() == (line_of("async with in a helper"), owner.get_name())
            connection = await pool.acquire()  # awaited
            assert site() == (line_of("awaited"), owner.get_name())
            await pool.release(connection)
            await pool.fetch("SELECT 1")  # fetch
            assert site() == (line_of("fetch"), owner.get_name())
            await pool.execute("SELECT 1")  # execute
            assert site() == (line_of("execute"), owner.get_name())
            await asyncio.create_task(_helper(pool), name="own")
            assert site() == (line_of("async with in a helper"), "own")
            connection = await asyncio.wait_for(pool.acquire(), 5)  # wait_for
            assert site() == (line_of("wait_for"), owner.get_name())
            await pool.release(connection)
            await asyncio.gather(pool.fetch("SELECT 1"), pool.fetch("SELECT 2"))  # gather
            assert site()[0] == line_of("gather")
            async with asyncio.TaskGroup() as group:
                group.create_task(pool.execute("SELECT 1"), name="grouped")
                seen.kinds()
                await pool.execute("SELECT pg_sleep(0.01)")  # meanwhile
                assert site()[0] == line_of("meanwhile")
        assert seen.counts()[0] == 0


async def test_timeout_is_told_with_its_error(postgres: Postgres) -> None:
    async with watched(postgres.url, max_size=1) as seen, seen.pool.acquire():
        seen.kinds()
        with pytest.raises(TimeoutError):
            await seen.pool.acquire(timeout=0.01)
        assert seen.kinds() == ["CheckoutStarted", "CheckoutFailed(timeout)"]
        assert seen.event(events.CheckoutFailed).error == "TimeoutError"
        assert seen.counts() == (1, 0)


async def test_cancelled_waiter(postgres: Postgres) -> None:
    async with watched(postgres.url, max_size=1) as seen, seen.pool.acquire():
        seen.kinds()
        waiter = asyncio.create_task(_acquire(seen.pool))
        await until(lambda: seen.ledger.pending)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert seen.kinds() == ["CheckoutStarted", "CheckoutFailed(cancelled)"]
        assert seen.counts() == (1, 0)


async def test_dead_database_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with watched(f"postgresql://u@127.0.0.1:{port}/d") as seen:
        with pytest.raises(OSError, match="onnect"):
            await seen.pool.acquire(timeout=5)
        assert seen.kinds() == [
            "CheckoutStarted",
            "ConnectionCreated",
            "CheckoutFailed(connection_error)",
        ]
        assert seen.event(events.CheckoutFailed).error == "ConnectionRefusedError"
        assert seen.counts() == (0, 0)


async def test_connecting_that_times_out_is_no_pool_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d"
        async with watched(url, timeout=0.05) as seen:
            with pytest.raises(TimeoutError):
                await seen.pool.acquire(timeout=5)
            assert seen.kinds()[-1] == "CheckoutFailed(connection_error)"


async def test_failed_initialisation_closes_the_pool() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    pool = asyncpg.create_pool(f"postgresql://u@127.0.0.1:{port}/d", min_size=1, max_size=1)
    seen = Seen(pool)
    with pytest.raises(ConnectionRefusedError):
        await pool
    assert seen.kinds() == ["ConnectionCreated", "PoolClosed"]
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire()
    assert seen.kinds() == ["CheckoutStarted", "CheckoutFailed(pool_closed)"]
    seen.stop()


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
        await _helper(seen.pool)
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
        waiters = [asyncio.create_task(_acquire(seen.pool)) for _ in range(2)]
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


async def test_release_twice_and_to_a_wrong_pool(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen, watched(postgres.url) as other:
        connection = await seen.pool.acquire()
        with pytest.raises(asyncpg.InterfaceError):
            await other.pool.release(connection)
        assert (seen.counts(), other.counts()) == ((1, 0), (0, 0))
        await seen.pool.release(connection)
        await seen.pool.release(connection)
        assert seen.kinds() == [*OPENED, "CheckedIn"]
        assert seen.counts() == (0, 1)


async def test_releases_at_the_same_time(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        twice = (seen.pool.release(connection), seen.pool.release(connection))
        await asyncio.gather(*twice, return_exceptions=True)
        assert seen.counts()[0] == 0


async def test_setup_is_timed_and_may_fail(postgres: Postgres) -> None:
    error = ValueError("no")
    fails = True

    async def setup(connection: Any) -> None:
        await connection.execute("SELECT 1")
        if fails:
            raise error

    async with watched(postgres.url, setup=setup) as seen:
        with pytest.raises(ValueError, match="no") as caught:
            await seen.pool.acquire()
        assert caught.value is error
        assert seen.kinds() == [
            *OPENED[:3],
            "ConnectionClosed(error)",
            "CheckoutFailed(connection_error)",
        ]
        assert seen.counts() == (0, 0)
        fails = False
        async with seen.pool.acquire():
            assert set(seen.event(events.CheckedOut).phases) == {"connect", "setup"}
        async with seen.pool.acquire():
            assert set(seen.event(events.CheckedOut).phases) == {"setup"}


async def test_init_may_fail(postgres: Postgres) -> None:
    async def init(_: Any) -> None:
        raise ValueError("no")

    async with watched(postgres.url, init=init) as seen:
        with pytest.raises(ValueError, match="no"):
            await seen.pool.acquire()
        assert seen.kinds() == [*OPENED[:2], "CheckoutFailed(connection_error)"]
        assert seen.counts() == (0, 0)


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
        await _helper(seen.pool)
        assert seen.counts() == (1, 1)
        seen.kinds()
        await seen.pool.expire_connections()
        assert seen.kinds() == ["PoolCleared"]
        assert seen.counts() == (1, 1)
        await _helper(seen.pool)
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


async def test_cancellation_at_every_turn(postgres: Postgres) -> None:
    async def setup(connection: Any) -> None:
        await connection.execute("SELECT 1")

    async with watched(postgres.url, max_size=1, setup=setup) as seen:

        async def use() -> None:
            async with seen.pool.acquire(timeout=5) as connection:
                await connection.execute("SELECT 1")

        turns, is_done = 0, False
        while not is_done:
            if turns % 2:
                await seen.pool.expire_connections()
            task = asyncio.create_task(use())
            for _ in range(turns):
                await asyncio.sleep(0)
            is_done = task.done()
            task.cancel()
            await asyncio.wait([task])
            await until(lambda: not seen.pool._holders[0]._in_use)
            await drained()
            assert seen.counts()[0] == 0
            assert seen.ledger.pending == {}
            turns += 1 + turns // 40
        assert turns > 10


async def test_detach_while_out_restores_everything(postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=2) as pool:
        methods = ("_acquire", "_get_new_connection", "close", "terminate", "release")
        before = {name: getattr(pool, name).__func__ for name in methods}
        seen = Seen(pool)
        assert pool.__class__ is Pool
        assert pool._holders[0].__class__ is PoolConnectionHolder
        assert isinstance(pool, Pool)
        connection = await pool.acquire()
        waiter = asyncio.create_task(_acquire(pool))
        seen.stop()
        assert type(pool) is Pool
        assert {type(holder) for holder in pool._holders} == {PoolConnectionHolder}
        assert {name: getattr(pool, name).__func__ for name in methods} == before
        await pool.release(connection)
        await pool.release(await waiter)
        again = Seen(pool)
        assert again.counts() == (0, 2)
        again.stop()
