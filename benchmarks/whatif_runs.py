"""The same traffic against a real PostgreSQL, through pools of several sizes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import log
from random import Random
from statistics import fmean
from time import monotonic
from typing import Any, Final

import asyncpg
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard.analysis.measuring import percentile
from dashboard.demo.postgres import Postgres
from dashboard.model.whatif import Demand
from dashboard.predicting import demand_of
from dashboard.watching import Watches

_SECONDS: Final = 85.0
_SIGMA: Final = 0.8
_LOCKS: Final = 6

Statement = Callable[[float, int], Any]
#: When, what the statement is told (seconds or rows), and which lock it takes.
Request = tuple[float, float, int]


@dataclass(frozen=True)
class Family:
    """What a request does, and how many come in a second outside bursts and in them."""

    statement: str
    mean: float
    low: float
    high: float
    runs: tuple[tuple[str, int, int, float | None], ...]


def _runs(
    sizes: Sequence[int], again: int, timeouts: Sequence[int] = (), libraries: str = "asyncpg"
) -> tuple[tuple[str, int, int, float | None], ...]:
    """Library, size, day and time-out: each size on day 1; `again` also on day 1 and on day 2."""
    return tuple(
        run
        for library in libraries.split()
        for run in (
            *((library, size, 1, None) for size in sizes),
            (library, again, 10, None),
            (library, again, 2, None),
            *((library, size, 1, 0.1) for size in timeouts),
        )
    )


_BOTH: Final = "asyncpg sqlalchemy"
FAMILIES: Final = {
    "sleep": Family(
        "SELECT pg_sleep($1::float8), $2::int",
        *(0.02, 110, 450),
        _runs([6, 8, 10], 8, [6, 8], _BOTH),
    ),
    "lock": Family(
        "WITH taken AS MATERIALIZED (SELECT pg_advisory_xact_lock($2::int))"
        " SELECT pg_sleep($1::float8) FROM taken",
        *(0.012, 110, 450),
        _runs([5, 8, 14], 8, [], _BOTH),
    ),
    "cpu": Family(
        "SELECT count(md5(i::text)), $2::int FROM generate_series(1, $1::float8::int) AS i",
        *(7000, 105, 360),
        _runs([2, 4, 8], 4, [], _BOTH),
    ),
}


@dataclass(frozen=True)
class Run:
    """One recording, and what its callers saw."""

    family: str
    library: str
    size: int
    day: int
    timeout: float | None
    demand: Demand
    waits: list[float]
    timeouts: int

    @property
    def p95(self) -> float:
        """Of all requests."""
        return percentile(sorted(self.waits), len(self.waits), 95.0)

    @property
    def hold(self) -> float:
        """The mean of the checkouts that came back."""
        held = [
            h for h, what in zip(self.demand.hold, self.demand.outcome, strict=True) if not what
        ]
        return fmean(held)

    @property
    def name(self) -> str:
        """Such as `7, 0.1 s, day 2`."""
        limit = "" if self.timeout is None else f", {self.timeout:g} s"
        return f"{self.size}{limit}"


def traffic(family: Family, day: int, seconds: float) -> list[Request]:
    """Bursts that come and last at random; every tenth day is day 1 once more."""
    chance = Random(day // 10 if day >= 10 else day)
    mu = log(family.mean) - _SIGMA**2 / 2
    now, until, is_burst = 0.0, 0.0, True
    requests = []
    while now < seconds:
        now += chance.expovariate(family.high if is_burst else family.low)
        while now > until:
            is_burst = not is_burst
            until += chance.expovariate(1 / 0.5 if is_burst else 1 / 4.5)
        requests.append((now, chance.lognormvariate(mu, _SIGMA), chance.randrange(_LOCKS)))
    return requests


async def drive(
    requests: Sequence[Request], connection: Callable[[], AbstractAsyncContextManager[Statement]]
) -> tuple[list[float], int]:
    """Every request at its time, whatever became of the others: waits, and how many gave up."""
    waits: list[float] = []
    gone = 0

    async def one(argument: float, lock: int) -> None:
        nonlocal gone
        asked = monotonic()
        try:
            async with connection() as run:
                waits.append(monotonic() - asked)
                await run(argument, lock)
        except (TimeoutError, PoolTimeout):
            waits.append(monotonic() - asked)
            gone += 1

    start = monotonic()
    async with asyncio.TaskGroup() as group:
        for at, argument, lock in requests:
            ahead = at - (monotonic() - start)
            if ahead > 0:
                await asyncio.sleep(ahead)
            group.create_task(one(argument, lock))
    return waits, gone


@asynccontextmanager
async def opened(
    server: Postgres, library: str, size: int, patience: float | None, statement: str
) -> AsyncIterator[tuple[object, Callable[[], AbstractAsyncContextManager[Statement]]]]:
    """A warm pool, and how a request gets a connection of it."""
    async with AsyncExitStack() as stack:
        if library == "asyncpg":
            pool = await asyncpg.create_pool(server.url, min_size=size, max_size=size)
            stack.push_async_callback(pool.close)

            @asynccontextmanager
            async def asyncpg_one() -> AsyncIterator[Statement]:
                async with pool.acquire(timeout=patience) as held:
                    yield lambda argument, lock: held.execute(statement, argument, lock)

            yield pool, asyncpg_one
            return
        engine = create_async_engine(
            server.dsn("asyncpg"), pool_size=size, max_overflow=0, pool_timeout=patience or 3600
        )
        stack.push_async_callback(engine.dispose)

        @asynccontextmanager
        async def sqlalchemy_one() -> AsyncIterator[Statement]:
            async with engine.connect() as held:
                yield lambda argument, lock: held.exec_driver_sql(statement, (argument, lock))

        async with AsyncExitStack() as warm:
            for _ in range(size):
                await warm.enter_async_context(engine.connect())
        yield engine, sqlalchemy_one


def record(
    server: Postgres, name: str, plan: tuple[str, int, int, float | None], seconds: float = _SECONDS
) -> Run:
    """One run of one day."""
    library, size, day, timeout = plan
    family = FAMILIES[name]
    watches = Watches(monotonic)

    async def all_of_it() -> Run:
        pool = opened(server, library, size, timeout, family.statement)
        async with pool as (target, connection):
            await drive(traffic(family, 99, 1.0), connection)
            watches.add(target, "pool")
            waits, gone = await drive(traffic(family, day, seconds), connection)
            (watch, kept), *_ = watches.records()
            demand = demand_of(kept, watch.probe)
            watches.stop()
        return Run(name, library, size, day, timeout, demand, waits, gone)

    return asyncio.run(all_of_it())
