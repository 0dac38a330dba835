"""Requests that get no connection, or lose it: time-outs, refusals, cancellation anywhere."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests.probes import aiohttp_watching
from tests.probes.aiohttp_watching import (
    FIRST,
    OPENING,
    Names,
    Server,
    Watching,
    cancel,
    get,
    silent,
    until,
)

server = pytest.fixture(aiohttp_watching.server)
raw = pytest.fixture(aiohttp_watching.raw)
watching = pytest.fixture(aiohttp_watching.watching)


@pytest.mark.parametrize("limits", [{"connect": 0.02}, {"total": 0.02}])
async def test_no_slot_in_time_is_timeout(
    server: Server, watching: Watching, limits: dict[str, float]
) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        with pytest.raises(TimeoutError):
            await session.get(f"{server.url}/ok", timeout=ClientTimeout(**limits))
        failed = seen.last("CheckoutFailed")
        assert (failed.reason, failed.error) == ("timeout", "TimeoutError")
        assert failed.wait_time >= 0.02
        assert seen.counts == (1, 0)
        first.close()


@pytest.mark.parametrize("limits", [{"connect": 0.02}, {"total": 0.02}, {"sock_connect": 0.02}])
async def test_slow_connect_is_connection_error(
    watching: Watching, limits: dict[str, float], raw: Any
) -> None:
    port = await raw(silent)
    async with ClientSession(timeout=ClientTimeout(**limits)) as session:
        seen = watching(session)
        with pytest.raises(TimeoutError):
            await session.get(f"https://127.0.0.1:{port}/", ssl=False)
        assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]
        assert seen.counts == (0, 0)


async def test_refused_is_connection_error(watching: Watching) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with ClientSession() as session:
            seen = watching(session)
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{port}/")
            assert seen.last("CheckoutFailed").error == "ClientConnectorError"
            assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]


async def test_unknown_name_is_connection_error(watching: Watching) -> None:
    names = Names()
    names.known.set()
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        seen = watching(session)
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("http://unknown.test/")
        assert seen.last("CheckoutFailed").error == "ClientConnectorDNSError"
        assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]


async def test_refused_tunnel_keeps_nothing(watching: Watching, raw: Any) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        await reader.read(-1)

    port = await raw(refuse)
    async with ClientSession() as session:
        seen = watching(session)
        with pytest.raises(aiohttp.ClientHttpProxyError):
            await session.get("https://shop.test/", proxy=f"http://127.0.0.1:{port}")
        assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_queueing(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        task = asyncio.create_task(get(session, f"{server.url}/ok"))
        await until(lambda: session.connector and session.connector._waiters)
        await cancel(task)
        assert seen.take() == ["CheckoutStarted", "CheckoutFailed cancelled"]
        assert seen.counts == (1, 0)
        first.close()


async def test_cancelled_while_resolving(watching: Watching) -> None:
    names = Names()
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, "http://shop.test/"))
        await names.asked.wait()
        await cancel(task)
        assert seen.take() == [*OPENING, "CheckoutFailed cancelled"]
        assert seen.counts == (0, 0)
        names.known.set()


async def test_cancelled_while_connecting(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/ok"))
        await asyncio.sleep(0)
        await cancel(task)
        assert seen.take() == [*OPENING, "CheckoutFailed cancelled"]
        assert seen.counts == (0, 0)


async def test_cancelled_during_handshake(watching: Watching, raw: Any) -> None:
    arrived = asyncio.Event()

    async def hello(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)
        arrived.set()
        await reader.read(-1)

    port = await raw(hello)
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(session.get(f"https://127.0.0.1:{port}/", ssl=False))
        await arrived.wait()
        await cancel(task)
        assert seen.take() == [*OPENING, "CheckoutFailed cancelled"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_sending(watching: Watching, raw: Any) -> None:
    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    port = await raw(deaf)
    async with ClientSession() as session:
        seen = watching(session)

        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65_536

        task = asyncio.create_task(session.post(f"http://127.0.0.1:{port}/", data=body()))
        await until(lambda: "CheckedOut" in seen.kinds)
        await asyncio.sleep(0.01)
        await cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_waiting_for_answer(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/gated"))
        await server.arrived.wait()
        await cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_reading_body(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/stream"))
        await until(lambda: "CheckedOut" in seen.kinds)
        await server.arrived.wait()
        await asyncio.sleep(0.01)
        await cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_read_timeout_closes_as_error(server: Server, watching: Watching) -> None:
    async with ClientSession(timeout=ClientTimeout(sock_read=0.02)) as session:
        seen = watching(session)
        with pytest.raises(aiohttp.SocketTimeoutError):
            await session.get(f"{server.url}/gated")
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]


async def test_server_hangs_up_in_a_body(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response = await session.get(f"{server.url}/broken")
        server.gate.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_cancelled_trace_forgets_no_connection(server: Server, watching: Watching) -> None:
    reusing = asyncio.Event()

    async def stuck(*_: object) -> None:
        reusing.set()
        await asyncio.Event().wait()

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(stuck)
    async with ClientSession(trace_configs=[trace]) as session:
        seen = watching(session)
        await get(session, f"{server.url}/ok")
        idle: Any = next(iter(seen.connector._conns.values()))[0][0]
        seen.take()
        task = asyncio.create_task(get(session, f"{server.url}/ok"))
        await reusing.wait()
        await cancel(task)
        assert seen.take() == [
            "CheckoutStarted",
            "ConnectionClosed error",
            "CheckoutFailed cancelled",
        ]
        assert seen.counts == (0, 0)
        idle.close()  # The library lets go of it, open.


async def test_closing_fails_those_who_wait(server: Server, watching: Watching) -> None:
    session = ClientSession(connector=TCPConnector(limit=1))
    seen = watching(session)
    out = await session.get(f"{server.url}/stream")
    task = asyncio.create_task(get(session, f"{server.url}/ok"))
    await until(lambda: seen.ledger.pending)
    seen.take()
    await session.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    out.close()
    assert seen.take() == [
        "CheckedIn",
        "ConnectionClosed pool_closed",
        "PoolClosed",
        "CheckoutFailed pool_closed",
    ]


async def test_closing_fails_those_who_connect(watching: Watching) -> None:
    names = Names()
    session = ClientSession(connector=TCPConnector(resolver=names))
    seen = watching(session)
    task = asyncio.create_task(get(session, "http://shop.test/"))
    await names.asked.wait()
    await session.close()
    with pytest.raises((asyncio.CancelledError, aiohttp.ClientError)):
        await task
    assert seen.take() == [*OPENING, "PoolClosed", "CheckoutFailed pool_closed"]
