"""Connections of an asyncpg pool that nobody refers to any more, and what only looks like it."""

import asyncio
import contextvars
import gc
import sys
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import pytest

from dashboard.demo.postgres import Postgres
from dashboard.model import events
from dashboard.model.claim import REF, is_unreferenced
from tests.probes.asyncpg_watching import Seen, until, watched

_KEPT: contextvars.ContextVar[Any] = contextvars.ContextVar("kept")
_WAYS = ("object", "closure", "method", "list", "generator", "raw", "statement", "cursor")
_MORE = ("transaction", "context variable", "listener", "traceback", "coroutine")


def _is_lost(seen: Seen) -> bool:
    (claim,) = seen.ledger.open.values()
    assert claim[REF] is not None
    gc.collect()
    return is_unreferenced(claim)


async def test_leak_is_lost_as_soon_as_nobody_has_it(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        await seen.pool.acquire()
        assert _is_lost(seen)
        assert seen.counts() == (1, 0)
    async with watched(postgres.url) as seen:
        connection = await seen.pool.acquire()
        assert not _is_lost(seen)
        await connection.transaction().start()
        assert not _is_lost(seen)
        del connection
        assert _is_lost(seen)


async def test_adopted_leak_is_lost(postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
        connection = await pool.acquire()
        seen = Seen(pool)
        assert not _is_lost(seen)
        del connection
        assert _is_lost(seen)
        seen.stop()
        pool.terminate()


async def test_finished_task_loses_what_it_held(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:
        begun, end = asyncio.Event(), asyncio.Event()

        async def forget() -> None:
            connection = await seen.pool.acquire()
            begun.set()
            await end.wait()
            await connection.execute("SELECT 1")

        task = asyncio.create_task(forget())
        await begun.wait()
        assert not _is_lost(seen)
        end.set()
        await task
        assert _is_lost(seen)


class _Thing:
    connection: Any


async def _kept(kind: str, pool: Any) -> Any:
    """Take a connection and keep it in one way only; what is answered keeps it alive."""
    connection = await pool.acquire()
    if kind in {"statement", "cursor", "transaction"}:
        begun = connection.transaction()
        await begun.start()
        if kind == "transaction":
            return begun
        statement = await connection.prepare("SELECT generate_series(1, 9)")
        return statement if kind == "statement" else await statement.cursor()
    if kind == "context variable":
        _KEPT.set(connection)
        return None
    if kind == "listener":
        await connection.add_listener("channel", print)
        return None
    if kind == "traceback":
        with pytest.raises(ZeroDivisionError) as caught:
            connection.pid = 1 / 0
        return caught.value
    return _plainly_kept(kind, connection)


def _plainly_kept(kind: str, connection: Any) -> Any:
    thing = _Thing()
    thing.connection = thing if kind == "cycle" else connection
    return {
        "object": thing,
        "closure": lambda: connection,
        "method": connection.fetch,
        "list": [connection],
        "coroutine": connection.fetch("SELECT 1"),
        "generator": (each for each in [connection]),
        "raw": connection._con,
    }[kind]


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("kind", [*_WAYS, *_MORE])
async def test_whatever_is_kept_is_not_lost(postgres: Postgres, kind: str) -> None:
    async with watched(postgres.url) as seen:
        kept = await _kept(kind, seen.pool)
        assert not _is_lost(seen)
        if kind == "context variable":
            _KEPT.set(None)
        if kind == "coroutine":
            kept.close()
        del kept
        assert _is_lost(seen) is (kind != "listener")


async def test_a_query_on_a_connection_without_a_name_is_use(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:

        async def use() -> None:
            await (await seen.pool.acquire()).execute("SELECT pg_sleep(0.1)")

        task = asyncio.create_task(use())
        await until(lambda: seen.ledger.open)
        while not task.done():
            assert not _is_lost(seen)
            await asyncio.sleep(0.005)
        assert _is_lost(seen)


async def test_suspended_holders_hold(postgres: Postgres) -> None:
    async with watched(postgres.url) as seen:

        async def rows() -> AsyncGenerator[int, None]:
            async with seen.pool.acquire():
                yield 1
                yield 2

        generator = rows()
        assert await anext(generator) == 1
        assert not _is_lost(seen)
        await generator.aclose()
        assert seen.counts() == (0, 1)


async def test_a_returned_connection_is_never_lost(postgres: Postgres) -> None:
    """Also when its task was cancelled in `release()`, which goes on without it."""

    async def reset(connection: Any) -> None:
        await connection.execute("SELECT pg_sleep(0.05)")

    async with watched(postgres.url, reset=reset) as seen:

        async def use() -> None:
            async with seen.pool.acquire():
                pass

        task = asyncio.create_task(use())
        await until(lambda: seen.probe.releasing)
        task.cancel()
        await asyncio.wait([task])
        del task
        assert not _is_lost(seen)
        await until(lambda: not seen.ledger.open)
        seen.kinds()
        assert not seen.event(events.CheckedIn).is_lost


def test_references_are_counted_here() -> None:
    from dashboard.probes import _asyncpg_facts

    assert (_asyncpg_facts._BARE is not None) is (sys.implementation.name == "cpython")
