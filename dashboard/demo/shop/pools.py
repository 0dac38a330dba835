"""The shop's four pools, opened together and closed together."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

import asyncpg
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..postgres import Postgres
from .tables import fraction

_CLOSE_WITHIN = 1.0
_TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shop-reports'
"""


@dataclass(frozen=True)
class Pools:
    """Who talks to whom: three pools to the database, one to the bank."""

    orders: AsyncEngine
    reports: Engine
    catalogue: "asyncpg.Pool[asyncpg.Record]"
    payments: ClientSession
    threads: ThreadPoolExecutor


@asynccontextmanager
async def opened(postgres: Postgres, bank: str, seed: int) -> AsyncIterator[Pools]:
    """Open every pool; at the end close them without waiting for who still holds something."""
    catalogue = await asyncpg.create_pool(
        postgres.url,
        min_size=2,
        max_size=8,
        command_timeout=8,
        timeout=5,
        server_settings=_settings("shop-catalogue", seed),
    )
    pools = Pools(
        orders=_orders(postgres, seed),
        reports=_reports(postgres, seed),
        catalogue=catalogue,
        payments=ClientSession(
            bank,
            connector=TCPConnector(limit=12),
            timeout=ClientTimeout(total=10),
        ),
        threads=ThreadPoolExecutor(max_workers=24, thread_name_prefix="report"),
    )
    try:
        yield pools
    finally:
        await _end_reports(pools, postgres.url)
        catalogue.terminate()
        await pools.payments.close()
        # The server may be dead, and a dead server answers no goodbye.
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_WITHIN):
                await pools.orders.dispose()
        pools.reports.dispose()


async def _end_reports(pools: Pools, url: str) -> None:
    """A report in its thread cannot be cancelled, so its connection is ended instead."""
    event.listen(pools.reports, "do_connect", _refuse)
    pools.threads.shutdown(wait=False, cancel_futures=True)
    ended = asyncio.create_task(asyncio.to_thread(pools.threads.shutdown))
    deadline = time.monotonic() + _CLOSE_WITHIN
    # More than once: a report that was just connecting has its connection a moment later.
    while not ended.done() and time.monotonic() < deadline:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with asyncio.timeout(_CLOSE_WITHIN):
                await _terminate(url)
        await asyncio.wait({ended}, timeout=0.1)
    await ended


async def _terminate(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_TERMINATE)
    finally:
        await connection.close()


def _refuse(*_: object) -> NoReturn:
    raise ConnectionRefusedError("the shop is closing")


def _orders(postgres: Postgres, seed: int) -> AsyncEngine:
    return create_async_engine(
        postgres.dsn("asyncpg"),
        pool_size=5,
        max_overflow=5,
        pool_timeout=3,
        pool_pre_ping=True,
        connect_args={"timeout": 5, "server_settings": _settings("shop-orders", seed)},
    )


def _reports(postgres: Postgres, seed: int) -> Engine:
    settings = _settings("shop-reports", seed).items()
    return create_engine(
        postgres.dsn("psycopg"),
        pool_size=3,
        max_overflow=1,
        pool_timeout=2,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in settings),
        },
    )


def _settings(application: str, seed: int) -> dict[str, str]:
    """Compiling a query for the machine takes longer than any query of a shop runs."""
    return {"application_name": application, "seed": str(fraction(seed)), "jit": "off"}
