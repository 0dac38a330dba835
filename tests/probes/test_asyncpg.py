"""asyncpg's pool under watch, on a real server: every way in and every way out."""

import asyncio
import socket
from typing import Any

import asyncpg
import pytest
from asyncpg.pool import Pool, PoolConnectionHolder

from dashboard.demo.postgres import Postgres
from dashboard.model import events
from tests.probes.asyncpg_watching import OPENED, Seen, acquire, drained, line_of, until, watched

pytestmark = pytest.mark.filterwarnings("ignore:.*being released to the pool but has")


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
        connecting = asyncio.create_task(acquire(pool))
        await until(pool._queue.empty)
        waiting = asyncio.create_task(acquire(pool))
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
        waiter = asyncio.create_task(acquire(seen.pool))
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
        waiter = asyncio.create_task(acquire(pool))
        seen.stop()
        assert type(pool) is Pool
        assert {type(holder) for holder in pool._holders} == {PoolConnectionHolder}
        assert {name: getattr(pool, name).__func__ for name in methods} == before
        await pool.release(connection)
        await pool.release(await waiter)
        again = Seen(pool)
        assert again.counts() == (0, 2)
        again.stop()
