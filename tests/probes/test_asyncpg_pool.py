"""What the asyncpg probe says of a pool, and what the host sees of it: nothing."""

import asyncio
import gc
import random
import traceback
import warnings
import weakref
from typing import Any

import asyncpg
import pytest

from dashboard.demo.postgres import Postgres
from dashboard.probes.asyncpg import pool_of
from tests.probes.asyncpg_watching import Seen, drained, until, watched


async def test_errors_pass_through_with_one_frame_more(postgres: Postgres) -> None:
    error = ValueError("no")

    async def setup(_: Any) -> None:
        raise error

    async def frames(pool: Any) -> list[str]:
        with pytest.raises(ValueError, match="no") as caught:
            async with pool.acquire():
                pass
        assert caught.value is error
        assert caught.value.__context__ is None
        found = [each.name for each in traceback.extract_tb(error.__traceback__)]
        error.__traceback__ = None
        return found

    async with asyncpg.create_pool(postgres.url, min_size=0, setup=setup) as pool:
        bare = await frames(pool)
        seen = Seen(pool)
        more = await frames(pool)
        seen.stop()
    extra = more.copy()
    for name in bare:
        extra.remove(name)
    assert extra == ["_acquire"]


async def test_settings_hold_no_secret(postgres: Postgres) -> None:
    async def prepare(_: Any) -> None: ...

    options: dict[str, Any] = {"password": "s3cret", "init": prepare, "command_timeout": 3}
    async with watched(postgres.url, statement_cache_size=0, **options) as seen:
        assert seen.probe.settings() == {
            "min_size": 0,
            "max_size": 2,
            "init_size": 0,
            "max_queries": 50000,
            "max_inactive_connection_lifetime": 300.0,
            "timeout": 60,
            "command_timeout": 3,
            "statement_cache_size": 0,
            "max_cached_statement_lifetime": 300,
            "max_cacheable_statement_size": 15360,
            "init": "test_settings_hold_no_secret.<locals>.prepare",
            "setup": None,
            "reset": None,
        }
        assert seen.probe.limits() == (2, 2, 0)
        assert (seen.probe.kind, seen.probe.backend) == ("Pool", "PostgreSQL")
        assert seen.probe.limited == ()
        assert seen.probe.address == f"127.0.0.1:{postgres.port}/postgres"


@pytest.mark.parametrize(
    ("dsn", "options", "address"),
    [
        ("postgresql://u:p@ss@db.example/orders?sslmode=require", {}, "db.example:5432/orders"),
        ("postgres://u:p@a:1,b:2/d", {}, "a:1,b:2/d"),
        ("postgres://u:p@[::1]:5433/d", {}, "[::1]:5433/d"),
        ("postgres://u:p@[::1]/d", {}, "[::1]:5432/d"),
        ("postgres://%2Fvar%2Frun/d", {}, "/var/run:5432/d"),
        ("postgres:///d?host=/var/run&port=6432&password=p", {}, "/var/run:6432/d"),
        (None, {"host": "/tmp", "database": "d", "password": "p"}, "/tmp:5432/d"),
        (None, {"host": ["a", "b"], "port": [1, 2], "user": "u"}, "a:1,b:2"),
        (None, {"host": ["a", "b"], "port": 1}, "a:1,b:1"),
        ("postgres://u:p@h", {"host": "other", "database": "d"}, "other:5432/d"),
        ("postgres://u:p@[bad", {}, ""),
        ("mysql://u:p@h/d", {}, ""),
        ("host=h password=p", {}, "localhost:5432"),
    ],
)
async def test_address_never_shows_credentials(
    dsn: str | None, options: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGPORT", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    seen = Seen(asyncpg.create_pool(dsn, **options))
    assert seen.probe.address == address
    seen.stop()


async def test_only_pools_are_pools(postgres: Postgres) -> None:
    class Own(asyncpg.Pool):  # type: ignore[misc]
        pass

    connection = await asyncpg.connect(postgres.url)
    assert pool_of(connection) is None
    assert pool_of(asyncpg) is None
    await connection.close()
    options: dict[str, Any] = {"min_size": 1, "max_size": 1, "max_queries": 9, "loop": None}
    options |= {"max_inactive_connection_lifetime": 0, "record_class": asyncpg.Record}
    pool: Any = Own(postgres.url, connection_class=asyncpg.Connection, **options)
    assert (pool_of(pool),) == (pool,)
    seen = Seen(pool)
    await pool
    await pool.execute("SELECT 1")
    assert (seen.probe.kind, seen.counts()) == ("Own", (0, 1))
    await pool.close()
    seen.stop()
    assert type(pool) is Own


async def test_watch_keeps_no_pool_alive(postgres: Postgres) -> None:
    pool: Any = asyncpg.create_pool(postgres.url, min_size=1, max_size=2)
    seen = Seen(pool)
    probe, seen.pool = seen.probe, None
    assert (probe.is_gone, probe.own_counts(), probe.limits()) == (False, (0, 0), (2, 2, 1))
    await pool
    assert not probe.is_gone
    await pool.close()
    holder = weakref.ref(pool._holders[0])
    del pool
    gc.collect()
    assert holder() is None
    assert (probe.is_gone, probe.own_counts()) == (True, (0, 0))
    assert probe.settings()["max_size"] == 2
    seen.stop()


async def test_pool_that_was_never_initialised(postgres: Postgres) -> None:
    pool: Any = asyncpg.create_pool(postgres.url)
    seen = Seen(pool)
    with pytest.raises(asyncpg.InterfaceError, match="not initialized"):
        await pool.acquire()
    assert seen.kinds() == ["CheckoutStarted", "CheckoutFailed(pool_closed)"]
    seen.stop()
    assert type(pool) is asyncpg.Pool
    seen = Seen(pool)
    probe, seen.pool = seen.probe, None
    del pool
    gc.collect()
    assert probe.is_gone
    seen.stop()


async def test_watch_while_another_task_initialises(postgres: Postgres) -> None:
    pool: Any = asyncpg.create_pool(postgres.url, min_size=2, max_size=2)

    async def initialise() -> None:
        await pool

    task = asyncio.create_task(initialise())
    await until(lambda: pool._holders)
    seen = Seen(pool)
    await task
    await until(lambda: len(seen.ledger.connections) == 2)
    assert seen.counts() == (0, 2)
    await pool.close()
    assert seen.counts() == (0, 0)
    seen.stop()


async def test_random_use_leaves_counts_right(postgres: Postgres) -> None:
    chance = random.Random(5)
    async with watched(postgres.url, max_size=3, max_queries=7) as seen:

        async def use(pace: int) -> None:
            async with seen.pool.acquire(timeout=chance.choice([None, 0.02, 1])) as connection:
                for _ in range(pace):
                    await asyncio.sleep(0)
                if pace == 3:
                    connection.terminate()
                elif pace:
                    await connection.execute("SELECT pg_sleep(0.001)")

        for _ in range(30):
            tasks = [asyncio.create_task(use(chance.randrange(5))) for _ in range(8)]
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            for task in chance.sample(tasks, 3):
                task.cancel()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                await asyncio.gather(*tasks, return_exceptions=True)
            if chance.random() < 0.3:
                await seen.pool.expire_connections()
            await drained()
            assert seen.counts()[0] == 0
            assert seen.ledger.pending == {}
