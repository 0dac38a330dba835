"""What a holder does with a connection of an asyncpg pool."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from dashboard.demo.postgres import Postgres
from dashboard.model.claim import USE
from dashboard.probes import Tapped, tap
from dashboard.probes.swap import probe_of

from .asyncpg_watching import drained
from .contract import LedgerEyes, until


class Watched:
    """A pool of one under watch."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.eyes = LedgerEyes()
        self.tapped: Tapped = tap(pool, self.eyes.sink)

    @property
    def told(self) -> tuple[int, bool]:
        """Statements of the only checkout, and whether one runs."""
        return self.eyes.use.statements, self.eyes.use.began is not None

    @property
    def kept(self) -> str:
        """What keeps the only checkout in use."""
        return self.tapped.probe.in_use_by(self.eyes.lease)

    @property
    def is_busy(self) -> bool:
        """Whether the only checkout runs a statement."""
        uses = [claim[USE] for claim in self.eyes.sink.open.values()]
        return any(use is not None and use.began is not None for use in uses)


@pytest.fixture
async def watched(postgres: Postgres) -> AsyncIterator[Watched]:
    pool = await asyncpg.create_pool(postgres.url, min_size=0, max_size=1)
    watched = Watched(pool)
    yield watched
    assert watched.eyes.errors == 0
    pool.terminate()
    watched.tapped.remove(watched.eyes.sink)
    await drained()


async def test_preparing_is_no_statement(watched: Watched) -> None:
    async with watched.pool.acquire() as connection:
        for count in (1, 2):
            await connection.fetchval("SELECT $1::int", 1)
            assert watched.told == (count, False)
        statement = await connection.prepare("SELECT 2")
        assert watched.told == (2, False)
        await statement.fetch()
        assert watched.told == (3, False)


async def test_reset_of_the_pool_is_no_statement(watched: Watched) -> None:
    async with watched.pool.acquire() as connection:
        await connection.execute("SELECT 1")
        use = watched.eyes.use
    assert (use.statements, watched.eyes.returned) == (1, 1)
    async with watched.pool.acquire() as connection:
        await connection.execute("SELECT 1")
        assert watched.told == (1, False)


async def test_running_statement_is_seen(watched: Watched) -> None:
    async with watched.pool.acquire() as connection:
        task = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"), name="sleeper")
        await until(lambda: watched.is_busy)
        assert watched.told == (1, True)
        assert (watched.eyes.use.user and watched.eyes.use.user.name) == "sleeper"
        assert watched.kept == ""
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watched.told == (1, False)


async def test_second_statement_at_once_changes_nothing(watched: Watched) -> None:
    async with watched.pool.acquire() as connection:
        task = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        await until(lambda: watched.is_busy)
        with pytest.raises(asyncpg.InterfaceError, match="another operation"):
            await connection.execute("SELECT 1")
        assert watched.told == (1, True)
        task.cancel()
        await asyncio.wait([task])


async def test_statement_from_before_the_watch_is_found(postgres: Postgres) -> None:
    pool = await asyncpg.create_pool(postgres.url, min_size=1, max_size=1)
    async with pool.acquire() as connection:
        task = asyncio.create_task(connection.fetch("SELECT pg_sleep(60)"))
        await until(lambda: connection._stmt_exclusive_section._acquired)
        watched = Watched(pool)
        assert watched.kept == "a statement"
        task.cancel()
        await asyncio.wait([task])
        assert watched.kept == ""
    watched.tapped.remove(watched.eyes.sink)
    await pool.close()


async def test_transaction_alone_is_no_use(watched: Watched) -> None:
    async with watched.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1")
        assert watched.told == (2, False)
        assert watched.kept == ""


async def test_cursor_is_use_until_it_is_read(watched: Watched) -> None:
    many = "SELECT generate_series(1, 120)"
    async with watched.pool.acquire() as connection, connection.transaction():
        kept = [watched.kept async for _ in connection.cursor(many)]
        assert set(kept[:99]) == {"a cursor"}
        assert watched.kept == ""
        assert watched.told == (2, False)  # BEGIN, and the cursor with all its rows.
        cursor = await connection.cursor(many)
        await cursor.fetch(1)
        assert watched.kept == "a cursor"
        del cursor
        assert watched.kept == ""


async def test_listener_is_use(watched: Watched) -> None:
    async with watched.pool.acquire() as connection:
        await connection.add_listener("news", print)
        assert watched.kept == "listeners"
        await connection.remove_listener("news", print)
        assert watched.kept == ""


async def test_copy_is_use(watched: Watched) -> None:
    copied: list[str] = []
    async with watched.pool.acquire() as connection:
        await connection.execute("CREATE TEMP TABLE copied (n int)")

        async def rows() -> AsyncIterator[bytes]:
            copied.append(watched.kept)
            yield b"1\n"

        await connection.copy_to_table("copied", source=rows())
        assert watched.told == (2, False)
        assert [*copied, watched.kept] == ["a COPY", ""]


async def test_pools_own_statements_are_told_to_nobody(postgres: Postgres) -> None:
    async def init(connection: Any) -> None:
        await connection.execute("SET application_name = 'init'")

    async def setup(connection: Any) -> None:
        await connection.execute("SET application_name = 'setup'")

    pool = asyncpg.create_pool(postgres.url, min_size=0, max_size=1, init=init, setup=setup)
    watched = Watched(pool)
    async with pool, pool.acquire() as connection:
        await connection.execute("SELECT 1")
        assert watched.told == (1, False)
    assert watched.eyes.errors == 0
    watched.tapped.remove(watched.eyes.sink)


async def test_stop_lets_a_statement_end(postgres: Postgres) -> None:
    pool = await asyncpg.create_pool(postgres.url, min_size=1, max_size=1)
    protocol = pool._holders[0]._con._protocol
    kind, own = type(protocol), set(vars(protocol))
    watched = Watched(pool)
    assert probe_of(protocol) is watched.tapped.probe
    async with pool.acquire() as connection:
        task = asyncio.create_task(connection.fetchval("SELECT pg_sleep(0.05)::text || 'x'"))
        await until(lambda: watched.is_busy)
        watched.tapped.remove(watched.eyes.sink)
        assert (type(protocol), set(vars(protocol))) == (kind, own)
        assert await task == "x"
    await pool.close()
