"""What a program plays on: its own pool and dashboard, the other service, and the time it has."""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import aiohttp
import asyncpg
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dashboard import Dashboard
from dashboard.demo.postgres import Postgres

from .programs import ASYNC, ASYNCPG, HTTP, SYNC, Program

#: Quick checkouts that make a call site known.
WARM = 40
T = TypeVar("T")


class Stage:
    """One program's world. `long` is what a long hold takes, `patience` what a leak may take."""

    def __init__(
        self, program: Program, postgres: Postgres, web: str, *, long: float, patience: float
    ) -> None:
        self.program = program
        self.postgres = postgres
        self.web = web
        self.long = long
        self.patience = patience
        self.dash = Dashboard(**program.options)
        #: Set when the leak was found or nobody waits for it any more.
        self.over = threading.Event()
        #: When the last quick checkout was over, and when a connection was collected.
        self.planted_at = self.gone_at = time.monotonic()
        self.kept: list[Any] = []

    def keep(self, thing: T) -> T:
        """Refer to it until the end, as a cache, a registry or an error log does."""
        self.kept.append(thing)
        return thing

    def gone(self) -> None:
        """Nothing refers to the connection any more, cycles included: the clock for `lost` runs."""
        gc.collect()
        self.gone_at = time.monotonic()

    def patience_left(self) -> float:
        """Seconds, counted from the leak."""
        return max(0.0, self.planted_at + self.patience - time.monotonic())

    def finish(self) -> None:
        """Nobody waits any more; called by the audience, from its own thread."""
        self.over.set()


class SyncStage(Stage):
    """A psycopg engine; the program is a plain function in a thread of its own."""

    engine: Engine

    def warm(self, handle: Callable[[], Any]) -> None:
        """Call it often, so that its line has a past."""
        for _ in range(WARM):
            handle()
        self.planted_at = time.monotonic()

    def wait_for_verdict(self) -> None:
        """Until the leak is found, or nobody waits any more."""
        self.over.wait(self.patience_left())

    @contextmanager
    def open(self) -> Iterator[None]:
        """With its pool, which ends with the program."""
        self.engine = create_engine(
            self.postgres.dsn("psycopg"),
            pool_size=self.program.slots,
            max_overflow=0,
            pool_timeout=self.program.timeout,
        )
        self.dash.watch(self.engine, name="orders")
        try:
            yield
        finally:
            for thing in self.kept:
                with suppress(Exception):
                    thing.close()
            self.kept.clear()
            self.engine.dispose()
            self.dash.stop()


class AsyncStage(Stage):
    """An event loop of its own in a thread of its own, and one pool of the program's library."""

    engine: AsyncEngine
    pool: Any
    session: aiohttp.ClientSession

    async def warm(self, handle: Callable[[], Awaitable[Any]]) -> None:
        """Call it often, each time in a task of its own, so that its line has a past."""
        for _ in range(WARM):
            await asyncio.create_task(_awaited(handle))
        self.planted_at = time.monotonic()

    async def wait_for_verdict(self) -> None:
        """Until the leak is found, or nobody waits any more."""
        while self.patience_left():
            if self.over.is_set():
                break
            await asyncio.sleep(0.05)

    async def start(self) -> None:
        """Open the pool of the program's library."""
        slots = self.program.slots
        if self.program.library == ASYNC:
            self.engine = create_async_engine(
                self.postgres.dsn("asyncpg"),
                pool_size=slots,
                max_overflow=0,
                pool_timeout=self.program.timeout,
            )
            self.dash.watch(self.engine, name="orders")
        elif self.program.library == ASYNCPG:
            self.pool = await asyncpg.create_pool(self.postgres.url, min_size=0, max_size=slots)
            self.dash.watch(self.pool, name="orders")
        if self.program.library == HTTP:
            connector = aiohttp.TCPConnector(limit=slots)
            self.session = aiohttp.ClientSession(self.web, connector=connector)
            self.dash.watch(self.session, name="orders")
        else:
            self.session = aiohttp.ClientSession(self.web)
            self.dash.watch(self.session, name="bank")

    async def stop(self) -> None:
        """Close what was kept, then the pools."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thing in self.kept:
            await _closed(thing)
        self.kept.clear()
        await self.session.close()
        if self.program.library == ASYNC:
            await self.engine.dispose()
        elif self.program.library == ASYNCPG:
            self.pool.terminate()
        self.dash.stop()


async def _awaited(handle: Callable[[], Awaitable[Any]]) -> None:
    await handle()


async def _closed(thing: Any) -> None:
    close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
    if close is not None:
        with suppress(Exception):
            closing = close()
            if closing is not None:
                await closing


def stage(
    program: Program, postgres: Postgres, web: str, *, long: float, patience: float
) -> SyncStage | AsyncStage:
    """The stage that the program's library needs; nothing is opened yet."""
    kind = SyncStage if program.library == SYNC else AsyncStage
    return kind(program, postgres, web, long=long, patience=patience)
