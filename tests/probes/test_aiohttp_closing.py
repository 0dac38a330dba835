"""Why a connection was closed, and what becomes of a response that nobody read."""

import asyncio
import gc
import random
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from dashboard.model.claim import is_unreferenced
from tests.probes import aiohttp_watching
from tests.probes.aiohttp_watching import (
    FIRST,
    Seen,
    Server,
    Watching,
    get,
    until,
)

server = pytest.fixture(aiohttp_watching.server)
raw = pytest.fixture(aiohttp_watching.raw)
watching = pytest.fixture(aiohttp_watching.watching)


@pytest.mark.parametrize("way", ["release", "close"])
async def test_early_release_closes_connection(
    server: Server, watching: Watching, way: str
) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response = await session.get(f"{server.url}/stream")
        seen.take()
        getattr(response, way)()
        assert seen.take() == ["CheckedIn", "ConnectionClosed stale"]
        assert seen.counts == (0, 0)


async def test_session_close_returns_everything(server: Server, watching: Watching) -> None:
    session = ClientSession(connector=TCPConnector(limit=2))
    seen = watching(session)
    out = await session.get(f"{server.url}/stream")
    await get(session, f"{server.url}/ok")
    seen.take()
    await session.close()
    assert seen.take() == [
        "CheckedIn",
        "ConnectionClosed pool_closed",
        "ConnectionClosed pool_closed",
        "PoolClosed",
    ]
    assert seen.counts == (0, 0)
    out.release()
    out.close()
    await session.close()
    assert seen.take() == []


async def test_server_closes_idle_connection(watching: Watching, raw: Any) -> None:
    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await writer.drain()

    port = await raw(one_answer)
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"http://127.0.0.1:{port}/")
        idle: Any = next(iter(seen.connector._conns.values()))
        await until(lambda: not idle[0][0].is_connected())
        assert seen.counts == (0, 1)  # The library has not looked yet.
        seen.take()
        await get(session, f"http://127.0.0.1:{port}/")
        assert seen.take() == [
            "CheckoutStarted",
            "ConnectionClosed stale",
            "ConnectionCreated",
            "ConnectionReady",
            "CheckedOut",
            "CheckedIn",
        ]
        assert seen.counts == (0, 1)


async def test_expired_connection_is_idle(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(keepalive_timeout=0.05)) as session:
        seen = watching(session)
        await get(session, f"{server.url}/ok")
        assert seen.counts == (0, 1)
        await until(lambda: "ConnectionClosed" in seen.kinds)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed idle"]
        assert seen.counts == (0, 0)


async def test_expired_connection_is_found_by_next_request(
    server: Server, watching: Watching
) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"{server.url}/ok")
        seen.take()
        for idle in seen.connector._conns.values():
            idle[0] = (idle[0][0], idle[0][1] - 60)
        await get(session, f"{server.url}/ok")
        assert seen.take() == [
            "CheckoutStarted",
            "ConnectionClosed idle",
            "ConnectionCreated",
            "ConnectionReady",
            "CheckedOut",
            "CheckedIn",
        ]


async def test_force_close_keeps_none(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(force_close=True)) as session:
        seen = watching(session)
        await get(session, f"{server.url}/ok")
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed idle"]
        assert seen.counts == (0, 0)


async def test_servers_goodbye_is_stale(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"{server.url}/goodbye")
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed stale"]


async def test_collected_websocket_is_lost(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        channel: Any = await session.ws_connect(f"{server.url}/ws")
        assert seen.counts == (1, 0)
        del channel
        gc.collect()
        assert seen.last("CheckedIn").is_lost
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed stale"]
        assert seen.counts == (0, 0)
        assert [claim[9] for claim in seen.ledger.ended] == ["lost"]


async def test_dropped_response_keeps_slot_until_eof(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response: Any = await session.get(f"{server.url}/stream")
        dropped = weakref.ref(response)
        del response
        gc.collect()
        assert dropped() is not None
        assert seen.counts == (1, 0)
        server.gate.set()
        await until(lambda: "CheckedIn" in seen.kinds)
        assert not seen.last("CheckedIn").is_lost
        assert seen.counts == (0, 1)


async def _stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """More than any buffer holds, and no end of it."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 600_000)
    await reader.read()


async def _filled(seen: Seen) -> None:
    """The buffer of the only connection is full."""
    await until(lambda: next(iter(seen.connector._acquired))._reading_paused)


def _is_lost(seen: Seen) -> bool:
    (claim,) = seen.ledger.open.values()
    return is_unreferenced(claim)


async def test_dropped_response_with_a_full_buffer_is_lost(watching: Watching, raw: Any) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response: Any = await session.get(f"http://127.0.0.1:{await raw(_stuck)}/")
        await _filled(seen)
        assert not _is_lost(seen)
        del response
        gc.collect()
        assert _is_lost(seen)
        assert seen.counts == (1, 0)
    assert [claim[9] for claim in seen.ledger.ended] == ["lost"]


@pytest.mark.parametrize(
    "keep",
    [
        lambda response: response,
        lambda response: response.read,
        lambda response: response.content,
        lambda response: response.content.iter_chunked(10),
    ],
    ids=["the response", "a method", "the body", "an iterator"],
)
async def test_response_that_can_be_read_is_not_lost(
    watching: Watching, raw: Any, keep: Callable[[Any], Any]
) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response: Any = await session.get(f"http://127.0.0.1:{await raw(_stuck)}/")
        await _filled(seen)
        kept = keep(response)
        del response
        assert not _is_lost(seen)
        del kept
        gc.collect()
        assert _is_lost(seen)


async def test_reader_in_the_middle_is_not_lost(watching: Watching, raw: Any) -> None:
    async def read(url: str, paused: asyncio.Event) -> None:
        async with session.get(url) as response:
            async for _ in response.content.iter_chunked(1000):
                paused.set()
                await asyncio.Event().wait()

    async with ClientSession() as session:
        seen = watching(session)
        paused = asyncio.Event()
        task = asyncio.create_task(read(f"http://127.0.0.1:{await raw(_stuck)}/", paused))
        await paused.wait()
        await _filled(seen)
        assert not _is_lost(seen)
        task.cancel()
        await asyncio.wait({task})


async def test_dropped_response_of_lost_server_is_lost(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response: Any = await session.get(f"{server.url}/broken")
        del response
        server.gate.set()
        await until(lambda: gc.collect() is not None and "CheckedIn" in seen.kinds)
        assert seen.last("CheckedIn").is_lost
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_counts_hold_in_a_storm(server: Server, watching: Watching) -> None:
    chance = random.Random(7)
    connector = TCPConnector(limit=5, limit_per_host=4, keepalive_timeout=0.05)
    hosts = [server.url, server.url.replace("127.0.0.1", "localhost")]
    async with ClientSession(connector=connector) as session:
        seen = watching(session)

        async def ask() -> None:
            url = chance.choice(hosts) + chance.choice(["/ok", "/moved", "/goodbye", "/gated"])
            with suppress(TimeoutError, ClientError):
                limit = ClientTimeout(total=chance.choice([0.01, 0.05, 5]))
                async with session.get(url, timeout=limit) as response:
                    if chance.random() < 0.8:
                        await response.read()

        for _ in range(10):
            tasks = [asyncio.create_task(ask()) for _ in range(30)]
            for task in chance.sample(tasks, 10):
                await asyncio.sleep(0.001)
                task.cancel()
            server.gate.set()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError}
            assert seen.counts[0] == 0
            server.gate.clear()
        assert seen.ledger.pending == {}
        failures = {event.reason for event in seen.events if event.kind == "CheckoutFailed"}  # type: ignore[attr-defined]
        assert failures >= {"cancelled", "timeout"}
        asked = seen.kinds.count("CheckoutStarted")
        assert asked == seen.kinds.count("CheckedOut") + seen.kinds.count("CheckoutFailed")
        assert seen.kinds.count("CheckedOut") == seen.kinds.count("CheckedIn")
