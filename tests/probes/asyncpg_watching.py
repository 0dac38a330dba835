"""A watched asyncpg pool for tests: its events and its counts, beside the pool's own."""

import asyncio
import inspect
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from dashboard.model import events
from dashboard.probes import Tapped, tap
from dashboard.probes.emitter import Emitter
from dashboard.probes.frames import UNKNOWN
from dashboard.probes.owners import NOBODY
from dashboard.recorder.ledger import Ledger

_DEADLINE = 30.0
OPENED = ["CheckoutStarted", "ConnectionCreated", "ConnectionReady", "CheckedOut"]


async def acquire(pool: Any) -> Any:
    """For a task of its own."""
    return await pool.acquire()


async def query(pool: Any) -> None:
    """One statement, and back."""
    async with pool.acquire() as connection:
        await connection.execute("SELECT 1")


class _Strangers:
    site = UNKNOWN
    owner = NOBODY


class Seen:
    """One pool under watch by a ledger (for counts) and an emitter (for events)."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.events: list[Any] = []
        self.ledger = Ledger(time.monotonic, lambda: None, _Strangers())
        self.emitter = Emitter("p", self.events.append, time.monotonic)
        self.tapped: Tapped = tap(pool, self.ledger)
        tap(pool, self.emitter)

    @property
    def probe(self) -> Any:
        """The probe itself."""
        return self.tapped.probe

    def stop(self) -> None:
        """End the watch."""
        self.tapped.remove(self.ledger)
        self.tapped.remove(self.emitter)

    def kinds(self) -> list[str]:
        """The events since the last call; failures and closures with their reason."""
        names = [
            f"{each.kind}({each.reason})" if hasattr(each, "reason") else each.kind
            for each in self.events
        ]
        self.last = list(self.events)
        self.events.clear()
        return names

    def counts(self) -> tuple[int, int]:
        """Used and idle, as a snapshot counts them; at a quiet point equal to the pool's own."""
        taken = {claim[5].slot for claim in self.ledger.open.values()}
        idle = sum(number not in taken for number in self.ledger.connections)
        mine = (len(self.ledger.open), idle)
        size, free = self.pool.get_size(), self.pool.get_idle_size()
        assert mine == (size - free, free)
        assert self.probe.own_counts() == mine
        assert (self.ledger.errors, self.emitter.errors) == (0, 0), self.ledger.last_error
        assert (self.ledger.unmatched, len(self.ledger.retired)) == (0, 0)
        return mine

    def event(self, kind: type[events.PoolEvent]) -> Any:
        """The last event of a kind."""
        return [each for each in (*self.last, *self.events) if isinstance(each, kind)][-1]


@asynccontextmanager
async def watched(url: str, **options: Any) -> AsyncIterator[Seen]:
    """A pool of at most two, watched before it is initialised, and closed."""
    pool = asyncpg.create_pool(url, **{"min_size": 0, "max_size": 2, **options})
    seen = Seen(pool)
    await pool
    try:
        yield seen
        assert seen.ledger.pending == {}
    finally:
        pool.terminate()
        seen.stop()
        await drained()


async def drained() -> None:
    """Let what was cancelled or scheduled end."""
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < deadline, inspect.getsource(condition)
        await asyncio.sleep(0.002)


async def kill(url: str, pid: int) -> None:
    """Have the server end one backend."""
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT pg_terminate_backend($1, 30000)", pid)
    await connection.close()


def line_of(marker: str, path: str | None = None) -> int:
    """The number of the caller's line that ends with a marker comment."""
    path = path or sys._getframe(1).f_code.co_filename
    lines = Path(path).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {marker}"))
