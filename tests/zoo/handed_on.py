"""Connections that outlive their owners by habit: who comes next takes its time."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

from .programs import ASYNC, ASYNCPG, SYNC, healthy, leak
from .stages import AsyncStage, SyncStage

QUERY = text("SELECT 1")


@healthy(ASYNC, "unit of work")
async def each_step_of_a_saga_is_a_task(stage: AsyncStage) -> None:
    """Short tasks after each other share a session; one day there is a pause in between."""

    async def step(session: AsyncSession) -> None:
        await session.execute(QUERY)

    async def saga(pause: float = 0.0) -> None:
        session = AsyncSession(stage.engine)
        await asyncio.create_task(step(session))
        await asyncio.sleep(pause)
        await asyncio.create_task(step(session))
        await session.close()

    await stage.warm(saga)
    await saga(stage.long)


@leak(ASYNC, "unit of work", "orphaned")
async def last_step_of_a_saga_never_comes(stage: AsyncStage) -> None:
    """The same, and the step that closes is skipped."""

    async def begin(session: AsyncSession) -> None:
        await session.execute(QUERY)  # leak

    async def saga(*, forgets: bool = False) -> None:
        session = AsyncSession(stage.engine)
        await asyncio.create_task(begin(session))
        if forgets:
            stage.keep(session)
            return
        await asyncio.create_task(session.close())

    await stage.warm(saga)
    await saga(forgets=True)


@healthy(SYNC, "hand-over")
def threads_hand_on_and_end(stage: SyncStage) -> None:
    """A reader thread ends with each connection; the writer that closes it is busy for once."""
    box: queue.Queue[Connection] = queue.Queue()

    def read() -> None:
        connection = stage.engine.connect()
        connection.execute(QUERY)
        box.put(connection)

    def write() -> None:
        box.get().close()

    def run(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def handle(pause: float = 0.0) -> None:
        run(read)
        time.sleep(pause)
        run(write)

    stage.warm(handle)
    handle(stage.long)


@healthy(SYNC, "own pool")
def lends_what_it_keeps_to_short_threads(stage: SyncStage) -> None:
    """Two connections are kept by the application and lent to one short thread after another."""
    kept: queue.Queue[Connection] = queue.Queue()

    def use() -> None:
        connection = kept.get()
        connection.execute(QUERY)
        kept.put(connection)

    for _ in range(2):
        kept.put(stage.engine.connect())
    for _ in range(4):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        time.sleep(stage.long / 4)
    for _ in range(2):
        kept.get().close()


@healthy(ASYNCPG, "blocked loop")
async def loop_is_blocked_in_a_hand_over(stage: AsyncStage) -> None:
    """The producer has ended, and the consumer cannot run: somebody blocks the loop."""
    handed: asyncio.Queue[Any] = asyncio.Queue()

    async def produce() -> None:
        connection = await stage.pool.acquire()
        await connection.fetchval("SELECT 1")
        handed.put_nowait(connection)

    async def consume() -> None:
        await stage.pool.release(await handed.get())

    async def handle() -> None:
        await produce()
        await consume()

    await stage.warm(handle)
    await asyncio.create_task(produce())
    consumer = asyncio.create_task(consume())
    time.sleep(stage.long)  # noqa: ASYNC251 -- what this program is about
    await consumer
