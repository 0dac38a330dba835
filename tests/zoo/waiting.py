"""Held while waiting for something else: another service, or one more connection of the pool."""

import asyncio
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from tests.house.servers import serving

from .programs import ASYNC, ASYNCPG, SYNC, leak
from .stages import AsyncStage, SyncStage

QUERY = text("SELECT 1")


@leak(SYNC, "C-4", "deadlocked")
def two_threads_want_each_a_second_connection(stage: SyncStage) -> None:
    """Both hold one of two and ask for one more inside; neither can go on."""
    both = threading.Barrier(2)

    def audit() -> None:
        with stage.engine.connect() as inner:  # part of it
            inner.execute(QUERY)

    def handle() -> None:
        with stage.engine.connect() as outer:  # leak
            outer.execute(QUERY)
            both.wait()
            try:
                audit()
            except PoolTimeout as error:
                stage.keep(str(error))

    threads = [threading.Thread(target=handle, name=f"request {n}") for n in (1, 2)]
    for thread in threads:
        thread.start()
    stage.planted_at = time.monotonic()
    for thread in threads:
        thread.join()


@leak(SYNC, "C-4", "deadlocked", slots=1)
def error_handler_asks_while_it_holds(stage: SyncStage) -> None:
    """The handler writes to the error table with a connection of its own; the pool has one."""

    def report() -> None:
        with Session(stage.engine) as log:
            log.execute(QUERY)  # part of it

    with Session(stage.engine) as session:
        session.execute(QUERY)  # leak
        stage.planted_at = time.monotonic()
        try:
            report()
        except PoolTimeout as error:
            stage.keep(str(error))


@leak(ASYNC, "C-4", "deadlocked", slots=3, timeout=6.0)
async def three_tasks_open_a_session_in_a_session(stage: AsyncStage) -> None:
    """As many requests as slots, each with a transaction open and asking for a second one."""
    ready = asyncio.Barrier(3)

    async def permissions() -> None:
        async with AsyncSession(stage.engine) as inner:
            await inner.execute(QUERY)  # part of it

    async def handle() -> None:
        async with AsyncSession(stage.engine) as outer:
            await outer.execute(QUERY)  # leak
            await ready.wait()
            await permissions()

    tasks = [asyncio.create_task(handle(), name=f"request {n}") for n in range(3)]
    await stage.wait_for_verdict()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@leak(ASYNCPG, "C-4", "deadlocked")
async def two_tasks_acquire_inside_an_acquire(stage: AsyncStage) -> None:
    """`acquire()` without a time-out: they wait for each other for ever."""
    ready = asyncio.Barrier(2)

    async def handle() -> None:
        async with stage.pool.acquire() as outer:  # leak
            await outer.fetchval("SELECT 1")
            await ready.wait()
            async with stage.pool.acquire() as inner:  # part of it
                await inner.fetchval("SELECT 1")

    tasks = [asyncio.create_task(handle(), name=f"request {n}") for n in range(2)]
    await stage.wait_for_verdict()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@leak(ASYNCPG, "C-4", "deadlocked")
async def children_of_two_tasks_acquire_beside_them(stage: AsyncStage) -> None:
    """Each holds one and waits for children, in `gather`, that want one each."""
    ready = asyncio.Barrier(2)

    async def part() -> None:
        async with stage.pool.acquire() as inner:  # part of it
            await inner.fetchval("SELECT 1")

    async def handle() -> None:
        async with stage.pool.acquire() as outer:  # leak
            await outer.fetchval("SELECT 1")
            await ready.wait()
            await asyncio.gather(part(), part())

    tasks = [asyncio.create_task(handle(), name=f"request {n}") for n in range(2)]
    await stage.wait_for_verdict()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@leak(ASYNCPG, "C-3", "held_elsewhere", "overdue", "stalled")
async def deadline_of_a_request_pins_a_slot(stage: AsyncStage) -> None:
    """`wait_for` around the request to the bank: before Python 3.12 that is a task of its own."""

    async def pay(seconds: float = 0.0) -> None:
        async with stage.pool.acquire() as connection:  # leak
            await connection.fetchval("SELECT 1")
            asked = stage.session.get(f"/late?seconds={seconds}")
            async with await asyncio.wait_for(asked, 90) as response:
                await response.read()

    await stage.warm(pay)
    task = asyncio.create_task(pay(60), name="pay")
    await stage.wait_for_verdict()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@leak(ASYNC, "C-3", "held_elsewhere", "overdue", "stalled")
async def transaction_waits_for_another_service(stage: AsyncStage) -> None:
    """Idle in transaction while the bank thinks; the bank's session is watched as well."""

    async def pay(seconds: float = 0.0) -> None:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)  # leak
            async with stage.session.get(f"/late?seconds={seconds}") as response:
                await response.read()
            await session.commit()

    await stage.warm(pay)
    task = asyncio.create_task(pay(60), name="pay")
    await stage.wait_for_verdict()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@leak(SYNC, "C-3", "held_elsewhere", "overdue", "stalled")
def thread_waits_for_http_in_a_transaction(stage: SyncStage) -> None:
    """The same with urllib in a thread, which nothing watches."""

    def pay(seconds: float = 0.0) -> None:
        with Session(stage.engine) as session:
            session.execute(QUERY)  # leak
            with urllib.request.urlopen(f"{stage.web}/late?seconds={seconds}") as response:
                response.read()

    stage.warm(pay)
    pay(stage.long + 1)


@leak(ASYNCPG, "C-3", "held_elsewhere", "overdue", "stalled")
async def holds_a_slot_between_two_retries(stage: AsyncStage) -> None:
    """The job sleeps between its attempts, and its transaction sleeps with it."""

    async def send(pause: float = 0.0) -> None:
        async with stage.pool.acquire() as connection, connection.transaction():  # leak
            await connection.fetchval("SELECT 1")
            await asyncio.sleep(pause)

    await stage.warm(send)
    task = asyncio.create_task(send(60), name="send")
    await stage.wait_for_verdict()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@leak(SYNC, "C-2", "held_elsewhere", "overdue", "orphaned", "stalled")
def event_stream_parks_its_dependency(stage: SyncStage) -> None:
    """One query when the tab opens, then the session waits for as long as the tab is open."""
    app = FastAPI()

    def database() -> Iterator[Session]:
        with Session(stage.engine) as session:
            yield session

    async def ticks(is_long: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 -- a flag of the test
        yield b"data: 0\n\n"
        while is_long and not stage.over.is_set():
            await asyncio.sleep(0.1)
            yield b"data: 1\n\n"

    @app.get("/ticks")
    def stream(session: Annotated[Session, Depends(database)], tab: int = 0) -> Any:
        session.execute(QUERY)  # leak
        return StreamingResponse(ticks(tab > 0), media_type="text/event-stream")

    with serving(app) as address, httpx.Client(base_url=address) as client:
        stage.warm(lambda: client.get("/ticks"))
        with client.stream("GET", "/ticks?tab=1"):
            stage.wait_for_verdict()


@leak(ASYNC, "C-2", "held_elsewhere", "overdue", "stalled", slots=3)
async def authentication_pins_a_slot_for_a_model(stage: AsyncStage) -> None:
    """`Depends(get_db)` asks who it is in a millisecond, and holds while a model writes."""
    app = FastAPI()

    async def user() -> AsyncIterator[int]:
        async with AsyncSession(stage.engine) as session:
            yield (await session.execute(QUERY)).scalar_one()  # leak

    @app.get("/chat")
    async def chat(who: Annotated[int, Depends(user)], seconds: float = 0.0) -> int:
        async with stage.session.get(f"/late?seconds={seconds}") as response:
            await response.read()
        return who

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await stage.warm(lambda: client.get("/chat"))
        task = asyncio.create_task(client.get("/chat?seconds=60", timeout=None))
        await stage.wait_for_verdict()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
