"""What something else keeps once its owner went on: a timer, a context, an object, an error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

from .programs import ASYNC, ASYNCPG, HTTP, SYNC, leak
from .stages import AsyncStage, SyncStage

QUERY = text("SELECT 1")


@leak(ASYNC, "C-6", "orphaned", "overdue")
async def timer_keeps_a_connection(stage: AsyncStage) -> None:
    """A callback for much later refers to the connection of a task that has ended."""
    loop = asyncio.get_running_loop()

    async def handle(*, forgets: bool = False) -> None:
        connection = await stage.engine.connect()  # leak
        await connection.execute(QUERY)
        if forgets:
            stage.keep(connection)
            stage.keep(loop.call_later(600, connection.close))
            return
        await connection.close()

    await stage.warm(handle)
    await asyncio.create_task(handle(forgets=True))


@leak(ASYNC, "C-1", "orphaned", "overdue")
async def context_outlives_its_request(stage: AsyncStage) -> None:
    """A session in a context variable; a heartbeat that the request started has its context."""
    current: ContextVar[AsyncSession] = ContextVar("current")
    heartbeats: set[asyncio.Task[None]] = set()

    async def handle(*, forgets: bool = False) -> None:
        session = AsyncSession(stage.engine)
        current.set(session)
        await session.execute(QUERY)  # leak
        if forgets:
            stage.keep(session)
            heartbeats.add(asyncio.create_task(asyncio.sleep(600)))
            return
        await session.close()

    await stage.warm(handle)
    await asyncio.create_task(handle(forgets=True))


@leak(ASYNCPG, "C-5", "orphaned", "overdue")
async def context_manager_has_no_finally(stage: AsyncStage) -> None:
    """`yield`, then `release`: the error jumps over it, and its report keeps the frames."""

    @asynccontextmanager
    async def acquired() -> AsyncIterator[Any]:
        connection = await stage.pool.acquire()  # leak
        yield connection
        await stage.pool.release(connection)

    async def handle(value: str = "1") -> None:
        async with acquired() as connection:
            await connection.fetchval(f"SELECT {value}::int")

    await stage.warm(handle)
    failing = asyncio.create_task(handle("'x'"))
    stage.keep(await asyncio.gather(failing, return_exceptions=True))


@leak(ASYNCPG, "C-7", "lost")
async def worker_overwrites_its_connection(stage: AsyncStage) -> None:
    """One round of a loop that goes on forgets to release; the next one takes another."""

    async def work(rounds: int, forgets: int = -1) -> None:
        for place in range(rounds):
            connection = await stage.pool.acquire()  # leak
            await connection.fetchval("SELECT 1")
            if place != forgets:
                await stage.pool.release(connection)

    await stage.warm(lambda: work(1))
    await work(2, forgets=0)
    stage.gone()


@leak(HTTP, "C-15", "lost")
async def retry_leaves_the_first_answer(stage: AsyncStage) -> None:
    """A worker that goes on tries again after a bad status, whose long page nobody reads."""

    async def fetch(*paths: str) -> None:
        for path in paths:
            response = await stage.session.get(path)  # leak
            if response.status == 200:
                await response.read()

    await stage.warm(lambda: fetch("/quick"))
    await fetch("/large?status=503", "/quick")
    stage.gone()


@leak(ASYNC, "C-6", "orphaned", "overdue")
async def worker_swallows_the_deadline(stage: AsyncStage) -> None:
    """The worker lives on after a time-out in the middle of its work, which has no `finally`."""
    jobs: asyncio.Queue[float] = asyncio.Queue()
    kept: dict[str, object] = {}

    async def handle(pause: float) -> None:
        kept["connection"] = connection = await stage.engine.connect()  # leak
        await connection.execute(QUERY)
        await asyncio.sleep(pause)
        await connection.close()

    async def worker() -> None:
        while True:
            pause = await jobs.get()
            await asyncio.wait({asyncio.ensure_future(_limited(handle(pause)))})
            jobs.task_done()

    async def handed() -> None:
        jobs.put_nowait(0.0)
        await jobs.join()

    stage.keep(asyncio.create_task(worker()))
    await stage.warm(handed)
    jobs.put_nowait(60.0)
    await jobs.join()
    stage.keep(kept["connection"])


async def _limited(work: Any) -> None:
    try:
        async with asyncio.timeout(0.2):
            await work
    except TimeoutError:
        pass


@leak(SYNC, "C-1", "overdue")
def exit_stack_is_never_closed(stage: SyncStage) -> None:
    """An import keeps its stack for later, and is kept itself."""

    class Import:
        """Opened by what made it."""

        def __init__(self) -> None:
            self.stack = ExitStack()
            self.connection: Connection = self.stack.enter_context(
                stage.engine.connect()  # leak
            )
            self.connection.execute(QUERY)

    def handle() -> None:
        Import().stack.close()

    stage.warm(handle)
    stage.keep(Import().stack)
