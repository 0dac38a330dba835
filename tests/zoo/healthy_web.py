"""Web frameworks, and by right: what opens in one thread or task and closes in another."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.types import Message
from starlette.websockets import WebSocket

from dashboard import Dashboard
from tests.house.servers import serving

from .programs import ASYNC, ASYNCPG, SYNC, healthy
from .stages import AsyncStage, SyncStage

QUERY = text("SELECT 1")


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", timeout=60)


@healthy(SYNC, "dependency", slots=3)
def dependency_closes_in_another_thread(stage: SyncStage) -> None:
    """A plain generator dependency: FastAPI runs its two halves in two worker threads."""
    app = FastAPI()

    def database() -> Iterator[Session]:
        with Session(stage.engine) as session:
            session.execute(QUERY)
            yield session

    @app.get("/report")
    def report(session: Annotated[Session, Depends(database)], seconds: float = 0.0) -> str:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            session.execute(QUERY)
            time.sleep(0.3)
        return "done"

    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        stage.warm(lambda: client.get("/report"))
        assert client.get("/report", params={"seconds": stage.long}).status_code == 200


@healthy(SYNC, "streaming")
def rows_are_streamed_to_a_slow_client(stage: SyncStage) -> None:
    """A page of rows at a time from a server-side cursor, each in the next free thread."""
    app = FastAPI()

    def database() -> Iterator[Session]:
        with Session(stage.engine) as session:
            yield session

    @app.get("/export")
    def export(session: Annotated[Session, Depends(database)], pause: float = 0.0) -> Any:
        rows = session.execute(
            text("SELECT generate_series(1, 50)"), execution_options={"yield_per": 10}
        )

        def pages() -> Iterator[str]:
            for page in rows.partitions(10):
                time.sleep(pause)
                yield f"{page}\n"

        return StreamingResponse(pages())

    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        stage.warm(lambda: client.get("/export"))
        with client.stream("GET", "/export", params={"pause": stage.long / 5}) as response:
            for _ in response.iter_bytes():
                pass


@healthy(ASYNC, "middleware", slots=3)
async def middleware_runs_the_app_in_another_task(stage: AsyncStage) -> None:
    """BaseHTTPMiddleware opens the session; the endpoint uses it in a task of its own."""
    app = FastAPI()

    async def unit_of_work(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        async with AsyncSession(stage.engine) as session:
            await session.execute(QUERY)
            request.state.session = session
            return await call_next(request)

    @app.get("/work")
    async def work(request: Request, seconds: float = 0.0) -> int:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await request.state.session.execute(QUERY)
            await asyncio.sleep(0.3)
        return 1

    app.add_middleware(BaseHTTPMiddleware, dispatch=unit_of_work)
    app.add_middleware(Dashboard.middleware)
    async with _client(app) as client:
        await stage.warm(lambda: client.get("/work"))
        await client.get("/work", params={"seconds": stage.long})


@healthy(ASYNC, "middleware", slots=3)
async def endpoint_behind_a_middleware_queries_for_long(stage: AsyncStage) -> None:
    """The endpoint's task is the middleware's child; it opens, asks for long, and closes."""
    app = FastAPI()

    async def passing(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        return await call_next(request)

    async def database() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(stage.engine) as session:
            yield session

    @app.get("/search")
    async def search(
        session: Annotated[AsyncSession, Depends(database)], seconds: float = 0.0
    ) -> int:
        await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
        return 1

    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    async with _client(app) as client:
        await stage.warm(lambda: client.get("/search"))
        await client.get("/search", params={"seconds": stage.long})


@healthy(ASYNCPG, "websocket")
async def web_socket_queries_for_each_message(stage: AsyncStage) -> None:
    """A connection for as long as the socket is open, a query for every message."""
    app = FastAPI()

    @app.websocket("/prices")
    async def prices(socket: WebSocket) -> None:
        await socket.accept()
        async with stage.pool.acquire() as connection:
            async for _ in socket.iter_text():
                await socket.send_json(await connection.fetchval("SELECT 1"))

    async def visit(seconds: float = 0.0) -> None:
        ends = time.monotonic() + seconds
        steps = iter(["websocket.connect", "websocket.receive"])

        async def receive() -> Message:
            step = next(steps, None)
            if step is None:
                if time.monotonic() >= ends:
                    return {"type": "websocket.disconnect", "code": 1000}
                await asyncio.sleep(0.3)
            return {"type": step or "websocket.receive", "text": "EUR"}

        async def send(_: Message) -> None:
            pass

        scope = {"type": "websocket", "path": "/prices", "headers": [], "query_string": b""}
        await app(scope, receive, send)

    await stage.warm(visit)
    await visit(stage.long)
