"""Rules that aiohttp connectors bring up against a real server, and their healthy twins do not."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from dashboard import Dashboard

from .advised import Leaping, advised, spoken
from .conftest import Dash
from .given import Clock

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@asynccontextmanager
async def served(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def session_of(dash: Dashboard, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(**options)
    async with aiohttp.ClientSession(connector=connector) as session:
        dash.watch(session, name="bank")
        yield session


async def read(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        return await response.read()


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_read_responses_need_no_advice(dash: Dashboard) -> None:
    async with served(hello) as url, session_of(dash) as session:
        for _ in range(50):
            await read(session, url)
        assert dash.advice() == []


@pytest.mark.parametrize(("limit", "is_told"), [(2, True), (8, False)])
async def test_host_at_its_limit_is_told(dash: Dashboard, limit: int, *, is_told: bool) -> None:
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response()

    async with served(slow) as url, session_of(dash, limit_per_host=limit) as session:
        asking = [asyncio.create_task(read(session, url)) for _ in range(6)]
        await asyncio.sleep(0)
        assert _callers(dash) == (0, 6)  # A look at those who are connecting hides nothing later.
        async with asyncio.timeout(30):
            used = min(limit, 6)
            while _callers(dash) != (used, 6 - used):  # noqa: ASYNC110 -- the pool tells nobody
                await asyncio.sleep(0.005)
        advice = advised(dash, "R25")
        go_on.set()
        await asyncio.gather(*asking)
    assert (advice is not None) is is_told
    if advice is not None:
        assert "-    limit_per_host=2," in advice.change


def _callers(dash: Dashboard) -> tuple[int, int]:
    pool = dash.snapshot().pools["bank"]
    return pool.used, pool.pending_requests


async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers once, and hangs up on whoever asks again."""
    if await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
    await reader.read(1)
    writer.transport.abort()


async def post(session: aiohttp.ClientSession, url: str) -> None:
    """A request that aiohttp does not repeat by itself."""
    async with session.post(url, json={}) as response:
        await response.read()


@pytest.mark.parametrize(("force_close", "is_told"), [(False, True), (True, False)])
async def test_keepalive_beyond_the_servers_is_told(
    dash: Dashboard, clock: Clock, *, force_close: bool, is_told: bool
) -> None:
    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with session_of(dash, force_close=force_close) as session:
        await read(session, url)
        clock.advance(0.15)  # It lies idle for longer than it will be used.
        if is_told:
            with pytest.raises(aiohttp.ClientConnectionError):
                await post(session, url)
        else:
            await read(session, url)
        advice = advised(dash, "R26")
    server.close()
    await server.wait_closed()
    assert (advice is not None) is is_told
    if advice is not None:
        assert "-    keepalive_timeout=15," in advice.change


async def test_forgotten_response_is_told(make_dash: Dash) -> None:
    clock = Leaping()
    dash = make_dash(clock=clock)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x" * 100_000)
        await asyncio.sleep(60)
        return response

    async with served(endless) as url, session_of(dash) as session:

        async def forget() -> None:
            await session.get(url)

        await asyncio.create_task(forget())
        gc.collect()
        clock.advance(90)
        advice = advised(dash, "R27")
    assert advice is not None
    assert "+    async with session.get(url) as response:" in advice.change


@pytest.mark.parametrize(("ttl", "rules"), [(None, ["R28"]), (60, [])])
async def test_address_believed_for_ever_is_told(
    dash: Dashboard, ttl: int | None, rules: list[str]
) -> None:
    async with session_of(dash, ttl_dns_cache=ttl) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await read(session, "http://127.0.0.1:1/")
        assert spoken(dash) == rules


@pytest.mark.parametrize(("limit", "rules"), [(0, ["R05"]), (100, [])])
async def test_connector_without_limit_is_told(
    dash: Dashboard, limit: int, rules: list[str]
) -> None:
    async with session_of(dash, limit=limit):
        assert spoken(dash) == rules
