"""What these tests share: a clock to move, real pools, and patience with a deadline."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import Engine, QueuePool, create_engine
from starlette.types import ASGIApp

from dashboard import Dashboard
from dashboard.model.snapshot import PoolSnapshot

TOKEN = "Zq3vT0mXb7YpL1sNcE5dUu9KwRfGhJ2a"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        """Seconds."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Later by so many seconds."""
        self.at += seconds


def sqlite(**options: Any) -> Engine:
    """An engine with a real queue pool: two connections, no overflow."""
    options = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 5.0, **options}
    return create_engine(
        "sqlite://", poolclass=QueuePool, connect_args={"check_same_thread": False}, **options
    )


def orders(dash: Dashboard) -> PoolSnapshot:
    """The pool of that name, as a snapshot shows it."""
    return dash.snapshot().pools["orders"]


def eventually(condition: Callable[[], object], within: float = 30.0) -> None:
    """Polls until it holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


async def soon(condition: Callable[[], object], within: float = 30.0) -> None:
    """Lets the loop go on until it holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.002)  # Threads need the interpreter too.


def ask(app: ASGIApp, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer to one request, without a server; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=named)

    return asyncio.run(asked())
