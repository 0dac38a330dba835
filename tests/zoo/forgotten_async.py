"""SQLAlchemy, asynchronous: what tasks, cancellations and generators leave behind."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from dashboard import Dashboard

from .programs import ASYNC, leak
from .stages import AsyncStage

QUERY = text("SELECT 1")
ROWS = text("SELECT generate_series(1, 3)")


@leak(ASYNC, "C-1", "orphaned", "overdue")
async def task_ends_and_its_session_stays(stage: AsyncStage) -> None:
    """A fire-and-forget task puts its session into a dictionary and ends."""
    sessions: dict[str, AsyncSession] = {}

    async def export(name: str = "") -> None:
        session = AsyncSession(stage.engine)
        await session.execute(QUERY)  # leak
        if name:
            sessions[name] = stage.keep(session)
        else:
            await session.close()

    await stage.warm(export)
    await asyncio.create_task(export("orders.csv"), name="export orders.csv")


@leak(ASYNC, "C-6", "lost")
async def cancelled_before_the_try(stage: AsyncStage) -> None:
    """The client goes away at an await between asking for the connection and `try`."""
    is_there = asyncio.Event()

    async def handle(pause: float = 0.0) -> None:
        connection = await stage.engine.connect()  # leak
        is_there.set()
        await asyncio.sleep(pause)
        try:
            await connection.execute(QUERY)
        finally:
            await connection.close()

    await stage.warm(handle)
    is_there.clear()
    task = asyncio.create_task(handle(pause=60))
    await is_there.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    stage.gone()


@leak(ASYNC, "C-6", "orphaned", "overdue")
async def never_finishes_its_async_generator(stage: AsyncStage) -> None:
    """A page takes the first row; the generator waits in a cache with its connection."""

    async def rows() -> AsyncIterator[Any]:
        async with stage.engine.connect() as connection:  # leak
            for row in await connection.scalars(ROWS):
                yield row

    async def page() -> None:
        async for _ in rows():
            pass

    async def first() -> None:
        await anext(stage.keep(rows()))

    await stage.warm(page)
    await asyncio.create_task(first(), name="first page")


@leak(ASYNC, "C-1", "overdue")
async def keeps_an_async_session_in_a_list(stage: AsyncStage) -> None:
    """The task that forgot it goes on with other things."""

    async def handle(*, forgets: bool = False) -> None:
        session = stage.keep(AsyncSession(stage.engine))
        await session.execute(QUERY)  # leak
        if not forgets:
            await session.close()

    await stage.warm(handle)
    await handle(forgets=True)


@leak(ASYNC, "C-21", "lost")
async def async_connection_dies_in_a_cycle(stage: AsyncStage) -> None:
    """A unit of work refers to itself; long after the request the collector comes by."""

    class Work:
        connection: AsyncConnection

        async def begin(self) -> "Work":
            self.me = self
            self.connection = await stage.engine.connect()  # leak
            await self.connection.execute(QUERY)
            return self

    async def handle() -> None:
        await (await Work().begin()).connection.close()

    await stage.warm(handle)
    await Work().begin()
    await asyncio.sleep(0.3)
    stage.gone()


@leak(ASYNC, "C-21", "lost")
async def task_forgets_and_ends(stage: AsyncStage) -> None:
    """Nobody looks at the result of the task, which is the connection."""

    async def connect() -> AsyncConnection:
        connection = await stage.engine.connect()  # leak
        await connection.execute(QUERY)
        return connection

    async def handle() -> None:
        await (await connect()).close()

    await stage.warm(handle)
    await asyncio.wait({asyncio.create_task(connect(), name="prefetch")})
    stage.gone()


@leak(ASYNC, "C-3", "overdue", "held_elsewhere")
async def worker_waits_for_jobs_with_its_session(stage: AsyncStage) -> None:
    """A background task keeps its session while it waits for the next job, for hours."""
    jobs: asyncio.Queue[str] = asyncio.Queue()

    async def work(*, waits: bool = False) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)  # leak
            while waits:
                await session.execute(text(await jobs.get()))

    await stage.warm(work)
    task = asyncio.create_task(work(waits=True), name="mailer")
    await stage.wait_for_verdict()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@leak(ASYNC, "C-1", "orphaned", "overdue")
async def route_leaves_its_session_in_app_state(stage: AsyncStage) -> None:
    """An endpoint opens a session by hand; the request ends, the session does not."""
    app = FastAPI()
    app.add_middleware(Dashboard.middleware)

    @app.get("/orders/{number}")
    async def show(request: Request, number: int) -> int:
        session = AsyncSession(stage.engine)
        await session.execute(QUERY)  # leak
        if number:
            request.app.state.session = stage.keep(session)
        else:
            await session.close()
        return number

    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://shop") as client:
        await stage.warm(lambda: client.get("/orders/0"))
        await asyncio.create_task(client.get("/orders/7"))


@leak(ASYNC, "C-6", "overdue")
async def wait_for_connection_is_never_closed(stage: AsyncStage) -> None:
    """On Python 3.11 the task inside `wait_for` knows no line of the application; this is it."""

    async def handle(*, forgets: bool = False) -> None:
        connection = await asyncio.wait_for(stage.engine.connect().start(), 5)  # leak
        await connection.execute(QUERY)
        if forgets:
            stage.keep(connection)
        else:
            await connection.close()

    await stage.warm(handle)
    await handle(forgets=True)


@leak(ASYNC, "C-1", "orphaned")
async def first_task_of_a_line_ends_without_closing(stage: AsyncStage) -> None:
    """A line without a past; that its task has ended is enough."""

    async def migrate() -> None:
        session = stage.keep(AsyncSession(stage.engine))
        await session.execute(QUERY)  # leak

    await asyncio.create_task(migrate(), name="migrate")
    stage.planted_at = time.monotonic()
