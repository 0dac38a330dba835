"""By right and in a hurry: whoever looks in between must not take a moment for a leak."""

import asyncio
import threading
import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from .programs import ASYNC, ASYNCPG, HTTP, SYNC, healthy
from .stages import AsyncStage, Stage, SyncStage

QUERY = text("SELECT 1")


def _look(stage: Stage) -> None:
    """Looks as often as it can, far more often than the audience does."""
    ends = time.monotonic() + stage.long / 2
    while time.monotonic() < ends:
        words = [each for each in stage.dash.suspects() if each.certainty != "possible"]
        assert words == []
        time.sleep(0.001)


@healthy(SYNC, "traffic", slots=4)
def many_threads_in_a_hurry(stage: SyncStage) -> None:
    """Six threads, four slots, two statements in each session."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            with Session(stage.engine) as session:
                session.execute(QUERY)
                session.execute(QUERY)

    threads = [threading.Thread(target=work, name=f"caller {n}") for n in range(6)]
    for thread in threads:
        thread.start()
    try:
        _look(stage)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@healthy(ASYNC, "traffic", slots=4)
async def many_sessions_in_a_hurry(stage: AsyncStage) -> None:
    """Twelve tasks, four slots; the look comes from another thread."""
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            async with AsyncSession(stage.engine) as session:
                await session.execute(QUERY)

    tasks = [asyncio.create_task(work()) for _ in range(12)]
    try:
        await asyncio.to_thread(_look, stage)
    finally:
        is_over.set()
        await asyncio.gather(*tasks)


@healthy(ASYNCPG, "traffic", slots=4)
async def many_acquires_in_a_hurry(stage: AsyncStage) -> None:
    """The same with asyncpg, by `acquire` and by the pool's own short cuts."""
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            async with stage.pool.acquire() as connection:
                await connection.fetchval("SELECT 1")
            await stage.pool.fetchval("SELECT 1")

    tasks = [asyncio.create_task(work()) for _ in range(12)]
    try:
        await asyncio.to_thread(_look, stage)
    finally:
        is_over.set()
        await asyncio.gather(*tasks)


@healthy(HTTP, "traffic", slots=4)
async def many_requests_in_a_hurry(stage: AsyncStage) -> None:
    """The same with aiohttp; every body is read."""
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            async with stage.session.get("/quick") as response:
                await response.read()

    tasks = [asyncio.create_task(work()) for _ in range(12)]
    try:
        await asyncio.to_thread(_look, stage)
    finally:
        is_over.set()
        await asyncio.gather(*tasks)
