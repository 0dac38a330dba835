"""asyncpg, and by right: listeners, cursors, copies, hand-overs."""

import asyncio
import time
from typing import Any

from .programs import ASYNCPG, healthy
from .stages import AsyncStage


async def _use(connection: Any, seconds: float) -> None:
    """A statement now and then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(0.3)


@healthy(ASYNCPG, "wait_for")
async def wait_for_acquires(stage: AsyncStage) -> None:
    """`asyncio.wait_for(pool.acquire(), …)`: on 3.11 another task acquires, and ends."""

    async def handle(seconds: float = 0.0) -> None:
        connection = await asyncio.wait_for(stage.pool.acquire(), 5)
        try:
            await _use(connection, seconds)
        finally:
            await stage.pool.release(connection)

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNCPG, "wait_for")
async def wait_for_and_a_long_statement(stage: AsyncStage) -> None:
    """The same, and one statement that takes long."""

    async def handle(seconds: float = 0.0) -> None:
        connection = await asyncio.wait_for(stage.pool.acquire(), 5)
        try:
            await connection.execute(f"SELECT pg_sleep({seconds})")
        finally:
            await stage.pool.release(connection)

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNCPG, "LISTEN")
async def listener_waits_for_notifications(stage: AsyncStage) -> None:
    """LISTEN keeps a connection for ever and is quiet most of the time."""
    heard: list[object] = []

    async def listen(seconds: float = 0.0) -> None:
        async with stage.pool.acquire() as connection:
            await connection.add_listener("orders", heard.append)
            await asyncio.sleep(seconds)
            await connection.remove_listener("orders", heard.append)

    await stage.warm(listen)
    await listen(stage.long)


@healthy(ASYNCPG, "LISTEN")
async def listener_outlives_the_task_that_set_it_up(stage: AsyncStage) -> None:
    """Start-up code acquires, listens and ends; the connection is in use until shutdown."""
    listening: list[Any] = []

    def heard(*_: object) -> None:
        pass

    async def start() -> None:
        connection = await stage.pool.acquire()
        await connection.add_listener("orders", heard)
        listening.append(connection)

    async def stop() -> None:
        connection = listening.pop()
        await connection.remove_listener("orders", heard)
        await stage.pool.release(connection)

    async def quick() -> None:
        await start()
        await stop()

    await stage.warm(quick)
    await asyncio.create_task(start(), name="start-up")
    await asyncio.sleep(stage.long)
    await stop()


@healthy(ASYNCPG, "cursor")
async def cursor_is_read_slowly(stage: AsyncStage) -> None:
    """A cursor in a transaction; every fetch is followed by a while of work."""

    async def export(pause: float = 0.0) -> None:
        async with stage.pool.acquire() as connection, connection.transaction():
            rows = connection.cursor("SELECT generate_series(1, 50)", prefetch=10)
            number = 0
            async for _ in rows:
                number += 1
                if number % 10 == 0:
                    await asyncio.sleep(pause)

    await stage.warm(export)
    await export(stage.long / 5)


@healthy(ASYNCPG, "hand-over")
async def producer_acquires_consumer_releases(stage: AsyncStage) -> None:
    """A queue carries connections from the task that asks to the task that works."""
    box: asyncio.Queue[Any] = asyncio.Queue()

    async def produce() -> None:
        connection = await stage.pool.acquire()
        await connection.fetchval("SELECT 1")
        await box.put(connection)

    async def consume(seconds: float = 0.0) -> None:
        connection = await box.get()
        await _use(connection, seconds)
        await stage.pool.release(connection)

    async def quick() -> None:
        await asyncio.create_task(produce())
        await consume()

    await stage.warm(quick)
    await asyncio.create_task(produce(), name="producer")
    await asyncio.create_task(consume(stage.long), name="consumer")


@healthy(ASYNCPG, "C-18", slots=3)
async def burst_of_tasks_queues_up(stage: AsyncStage) -> None:
    """Fifty tasks at once for three slots, again and again."""

    async def handle() -> None:
        async with stage.pool.acquire(timeout=5) as connection:
            await connection.fetchval("SELECT pg_sleep(0.01)")

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        await asyncio.gather(*(handle() for _ in range(50)))
        await asyncio.sleep(0.3)


@healthy(ASYNCPG, "batch")
async def prepared_statement_runs_for_long(stage: AsyncStage) -> None:
    """One hold, one prepared statement, thousands of executions."""

    async def load(seconds: float = 0.0) -> None:
        async with stage.pool.acquire() as connection:
            statement = await connection.prepare("SELECT $1::int")
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await statement.fetchval(1)
                await asyncio.sleep(0.02)

    await stage.warm(load)
    await load(stage.long)


@healthy(ASYNCPG, "copy")
async def copy_feeds_a_slow_consumer(stage: AsyncStage) -> None:
    """COPY is one statement for as long as its consumer takes."""

    async def copy(rows: int = 1, seconds: float = 0.0) -> None:
        ends = time.monotonic() + seconds

        async def consume(_: bytes) -> None:
            if time.monotonic() < ends:
                await asyncio.sleep(0.2)

        async with stage.pool.acquire() as connection:
            query = "SELECT repeat('x', 100000) FROM generate_series(1, $1)"
            await connection.copy_from_query(query, rows, output=consume)

    await stage.warm(copy)
    await copy(400, stage.long)


@healthy(ASYNCPG, "child task")
async def group_shares_one_connection(stage: AsyncStage) -> None:
    """The parent holds it, its children take turns with it under a lock."""

    async def handle(seconds: float = 0.0) -> None:
        turn = asyncio.Lock()

        async def child(connection: Any) -> None:
            async with turn:
                await _use(connection, seconds / 3)

        async with stage.pool.acquire() as connection, asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(child(connection), name=f"child {number}")

    await stage.warm(handle)
    await handle(stage.long)


@healthy(ASYNCPG, "C-14")
async def server_ends_a_session_that_is_held(stage: AsyncStage) -> None:
    """The administrator terminates a backend: an error, but no leak."""

    async def handle() -> None:
        async with stage.pool.acquire() as victim, stage.pool.acquire() as other:
            gone = asyncio.Event()
            victim.add_termination_listener(lambda _: gone.set())
            pid = victim.get_server_pid()
            await other.fetchval("SELECT pg_terminate_backend($1)", pid)
            await gone.wait()

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        await handle()
        await asyncio.sleep(0.2)


@healthy(ASYNCPG, "child task")
async def owner_ends_while_a_statement_runs(stage: AsyncStage) -> None:
    """A task acquires, starts another one on a long statement, and ends at once."""
    running: list[asyncio.Task[None]] = []

    async def finish(connection: Any, seconds: float) -> None:
        try:
            await connection.execute(f"SELECT pg_sleep({seconds})")
        finally:
            await stage.pool.release(connection)

    async def start(seconds: float = 0.0) -> None:
        connection = await stage.pool.acquire()
        running.append(asyncio.create_task(finish(connection, seconds), name="finisher"))
        await asyncio.sleep(0)

    async def quick() -> None:
        await start()
        await running.pop()

    await stage.warm(quick)
    await asyncio.create_task(start(stage.long), name="starter")
    await running.pop()


@healthy(ASYNCPG, "C-6")
async def clean_up_goes_on_after_a_cancellation(stage: AsyncStage) -> None:
    """The request is cancelled; a shielded task ends its work in the database and releases."""
    ending: list[asyncio.Task[None]] = []

    async def end(connection: Any, seconds: float) -> None:
        await connection.execute(f"SELECT pg_sleep({seconds})")
        await stage.pool.release(connection)

    async def handle(work: float = 0.0, seconds: float = 0.0) -> None:
        connection = await stage.pool.acquire()
        try:
            await asyncio.sleep(work)
        finally:
            ending[:] = [asyncio.create_task(end(connection, seconds), name="end")]
            await asyncio.shield(ending[0])

    await stage.warm(handle)
    task = asyncio.create_task(handle(60, stage.long))
    await asyncio.sleep(0.2)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.1)
    await ending[0]


@healthy(ASYNCPG, "gather")
async def children_acquire_while_the_parent_holds(stage: AsyncStage) -> None:
    """In a pool that is full now and then, but never of parents alone."""

    async def part(seconds: float) -> None:
        async with stage.pool.acquire() as inner:
            await _use(inner, seconds)

    async def handle(seconds: float = 0.0) -> None:
        async with stage.pool.acquire() as outer:
            await outer.fetchval("SELECT 1")
            await asyncio.gather(*[part(seconds) for _ in range(4)])
            await _use(outer, seconds / 4)

    await stage.warm(handle)
    await handle(stage.long / 4)
