"""SQLAlchemy, asynchronous, and by right: other tasks use and return what one task opened."""

import asyncio
import random
import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from dashboard import expect

from .programs import ASYNC, healthy
from .stages import AsyncStage

QUERY = text("SELECT 1")


async def _use(connection: AsyncConnection | AsyncSession, seconds: float) -> None:
    """A statement now and then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await connection.execute(QUERY)
        await asyncio.sleep(0.3)


@healthy(ASYNC, "hand-over")
async def one_task_opens_another_closes(stage: AsyncStage) -> None:
    """The task that opened it has ended; the one that it was handed to works on."""

    async def opened() -> AsyncConnection:
        connection = await stage.engine.connect()
        await connection.execute(QUERY)
        return connection

    async def quick() -> None:
        await (await opened()).close()

    await stage.warm(quick)
    connection = await asyncio.create_task(opened(), name="opener")
    await _use(connection, stage.long)
    await connection.close()


@healthy(ASYNC, "child task")
async def child_task_uses_it_while_its_parent_waits(stage: AsyncStage) -> None:
    """The parent acquires and only awaits its child."""

    async def handle(seconds: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            await asyncio.create_task(_use(session, seconds), name="child")

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNC, "wait_for")
async def wait_for_starts_the_connection(stage: AsyncStage) -> None:
    """On Python 3.11 `wait_for` runs the acquire in a task that ends at once."""

    async def handle(seconds: float = 0.0) -> None:
        connection = await asyncio.wait_for(stage.engine.connect().start(), 5)
        try:
            await _use(connection, seconds)
        finally:
            await connection.close()

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNC, "wait_for")
async def long_query_after_a_wait_for(stage: AsyncStage) -> None:
    """The same, and then one statement that takes long."""

    async def handle(seconds: float = 0.0) -> None:
        connection = await asyncio.wait_for(stage.engine.connect().start(), 5)
        try:
            await connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
        finally:
            await connection.close()

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNC, "long query")
async def query_takes_long_for_a_task(stage: AsyncStage) -> None:
    """One line, mostly quick, now waiting for a lock or a big sort."""

    async def handle(seconds: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNC, "cursor")
async def stream_of_rows_is_read_slowly(stage: AsyncStage) -> None:
    """`stream()` with a consumer that needs its time for every page."""

    async def export(pause: float = 0.0) -> None:
        async with stage.engine.connect() as connection:
            options = {"yield_per": 10}
            result = await connection.stream(
                text("SELECT generate_series(1, 50)"), execution_options=options
            )
            async for _ in result.partitions(10):
                await asyncio.sleep(pause)

    await stage.warm(export)
    await export(stage.long / 5)


@healthy(ASYNC, "C-6", slots=3)
async def cancelled_requests_clean_up(stage: AsyncStage) -> None:
    """Clients go away in the middle of statements; `async with` returns everything."""

    async def handle() -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            await session.execute(text("SELECT pg_sleep(0.05)"))

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        tasks = [asyncio.create_task(handle()) for _ in range(6)]
        await asyncio.wait(tasks, timeout=0.07)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@healthy(ASYNC, "heavy tail", slots=4)
async def tasks_have_a_heavy_tail(stage: AsyncStage) -> None:
    """App work inside the hold, lognormal and wide; the longest is one of its kind."""
    random_of = random.Random(7)
    gate = asyncio.Semaphore(4)

    async def order(pause: float) -> None:
        async with gate, AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            await asyncio.sleep(pause)

    pauses = [random_of.lognormvariate(-4.0, 1.8) for _ in range(160)]
    await asyncio.gather(*(order(min(pause, stage.long / 2)) for pause in pauses))
    await order(stage.long)


@healthy(ASYNC, "nightly report")
async def expected_to_be_long_in_a_child_task(stage: AsyncStage) -> None:
    """`expect` is said outside, and the task that is started inside inherits it."""

    async def export(pause: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            await asyncio.sleep(pause)

    await stage.warm(export)
    with expect(hold=600):
        await asyncio.create_task(export(stage.long), name="nightly")


@healthy(ASYNC, "C-3", slots=3)
async def releases_before_it_calls_the_bank(stage: AsyncStage) -> None:
    """What the fix of a session held over HTTP looks like."""

    async def pay(seconds: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
        async with stage.session.get(f"/late?seconds={seconds}") as response:
            await response.read()
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)

    await stage.warm(pay)
    await asyncio.gather(*(pay(stage.long) for _ in range(3)))


@healthy(ASYNC, "blocked loop")
async def loop_is_blocked_while_it_is_out(stage: AsyncStage) -> None:
    """Somebody computes in the event loop: nobody can return anything, and nothing leaks."""

    async def handle(pause: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            await asyncio.sleep(pause)
            await session.execute(QUERY)

    await stage.warm(handle)
    task = asyncio.create_task(handle(0.2))
    await asyncio.sleep(0.1)
    time.sleep(stage.long)  # noqa: ASYNC251 -- what this program is about
    await task
