"""What the black box costs the caller that gives up first: a pool of 200, and 200 who hold.

`python -m benchmarks.freezing`: CPU time of the freeze, in the thread of the host, the median of
many; with what owners do and what keeps connections in use, and without the latter.
"""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
)
from statistics import median
from typing import Any, Final

import asyncpg
from aiohttp import ClientSession, TCPConnector, web
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from dashboard.demo.postgres import Postgres
from dashboard.recorder.incidents import nobody_knows, nobody_looks
from dashboard.recorder.pool import PoolRecord
from dashboard.watching import Watches

_HOLDERS: Final = 200
_TIMES: Final = 400


def main() -> None:
    """A line for each library."""
    print(f"{_HOLDERS} holders; ms of CPU time, median of {_TIMES} (slowest of a hundred)")
    print(f"{'':24}{'the first':>12}{'tables':>16}{'+ owners':>16}{'+ in use':>16}")
    _threads()
    with Postgres(settings={"max_connections": f"{_HOLDERS + 10}"}) as server:
        asyncio.run(_tasks(server))
        asyncio.run(_listeners(server))
    asyncio.run(_responses())


def _threads() -> None:
    """Each holder waits in a thread of its own."""
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=_HOLDERS,
        connect_args={"check_same_thread": False},
    )
    watches = Watches(time.monotonic)
    watches.add(engine, "orders")
    taken, is_over = threading.Barrier(_HOLDERS + 1), threading.Event()

    def hold() -> None:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
            taken.wait()
            is_over.wait()

    holders = [threading.Thread(target=hold) for _ in range(_HOLDERS)]
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.callback(watches.stop)
        for thread in holders:
            thread.start()
            stack.callback(thread.join)
        stack.callback(is_over.set)
        taken.wait()
        _told("SQLAlchemy, threads", _record_of(watches))


async def _tasks(server: Postgres) -> None:
    """Each holder is a task that ran a statement; behind SQLAlchemy, on asyncpg."""
    engine = create_async_engine(server.dsn("asyncpg"), pool_size=_HOLDERS)
    watches = Watches(time.monotonic)
    watches.add(engine, "orders")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        stack.callback(watches.stop)
        await _held("SQLAlchemy, tasks", watches, lambda: _by_engine(engine))


@asynccontextmanager
async def _by_engine(engine: AsyncEngine) -> AsyncIterator[None]:
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
        yield


async def _listeners(server: Postgres) -> None:
    """Each holder listens: its connection is in use without a statement."""
    async with AsyncExitStack() as stack:
        pool = await asyncpg.create_pool(server.url, min_size=0, max_size=_HOLDERS)
        stack.push_async_callback(pool.close)
        watches = Watches(time.monotonic)
        watches.add(pool, "orders")
        stack.callback(watches.stop)
        await _held("asyncpg, listeners", watches, lambda: _by_pool(pool))


@asynccontextmanager
async def _by_pool(pool: asyncpg.Pool) -> AsyncIterator[None]:
    async with pool.acquire() as connection:
        await connection.add_listener("news", _ignored)
        yield
        await connection.remove_listener("news", _ignored)


def _ignored(*_: object) -> None:
    """Nothing is sent."""


async def _held(
    name: str,
    watches: Watches,
    take: Callable[[], AbstractAsyncContextManager[None]],
) -> None:
    """Measures once every task has taken one."""
    taken, is_over = asyncio.Barrier(_HOLDERS + 1), asyncio.Event()

    async def hold() -> None:
        async with take():
            await taken.wait()
            await is_over.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(_HOLDERS):
            group.create_task(hold())
        await taken.wait()
        _told(name, _record_of(watches))
        is_over.set()


async def _responses() -> None:
    """Each holder has an answer that it does not read to its end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await is_over.wait()
        return response

    is_over = asyncio.Event()
    server = web.Application()
    server.router.add_get("/", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    watches = Watches(time.monotonic)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        session = ClientSession(connector=TCPConnector(limit=_HOLDERS))
        await stack.enter_async_context(session)
        watches.add(session, "bank")
        stack.callback(watches.stop)
        answers = [await session.get(address) for _ in range(_HOLDERS)]
        stack.callback(is_over.set)
        _told("aiohttp, responses", _record_of(watches))
        for each in answers:
            each.close()


def _record_of(watches: Watches) -> PoolRecord:
    ((_, record),) = watches._by_name.values()
    return record


def _told(name: str, record: PoolRecord) -> None:
    box = record.box
    doing, in_use = box.doing, box.in_use
    gc.collect()
    cells = [f"{_seconds(box._freeze) * 1000:.2f}"]
    for each in ((nobody_looks, nobody_knows), (doing, nobody_knows), (doing, in_use)):
        box.doing, box.in_use = each
        times = sorted(_seconds(box._freeze) * 1000 for _ in range(_TIMES))
        cells.append(f"{median(times):.2f} ({times[int(0.99 * _TIMES)]:.2f})")
    print(f"{name:24}{cells[0]:>12}{''.join(f'{each:>16}' for each in cells[1:])}", flush=True)


def _seconds(freeze: Callable[[], Any]) -> float:
    gc.collect(0)
    began = time.thread_time()
    frozen = freeze()
    took = time.thread_time() - began
    del frozen
    return took


if __name__ == "__main__":
    main()
