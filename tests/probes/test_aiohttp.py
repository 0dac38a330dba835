import asyncio
import gc
import inspect
import random
import socket
import time
import traceback
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult

from dashboard.model.errors import DashboardError
from dashboard.model.events import PoolEvent
from dashboard.probes import Tapped, frames, owners, tap
from dashboard.probes.aiohttp import attach, pool_of
from dashboard.probes.sinks import Emitter
from dashboard.recorder.ledger import Ledger

_DEADLINE = 5.0


class _Strangers:
    site = frames.UNKNOWN
    owner = owners.NOBODY


class Seen:
    """A watched connector: its events, and a ledger beside them."""

    def __init__(self, target: Any) -> None:
        self.connector: Any = pool_of(target)
        self.kind = type(self.connector)
        self.events: list[PoolEvent] = []
        self.emitter = Emitter("api", self.events.append, time.monotonic)
        self.ledger = Ledger(time.monotonic, lambda: None, _Strangers())
        self.tapped: Tapped = tap(target, self.emitter)
        self.tapped.add(self.ledger)
        self.probe: Any = self.tapped.probe

    def stop(self) -> None:
        self.tapped.remove(self.emitter)
        self.tapped.remove(self.ledger)
        assert type(self.connector) is self.kind
        assert (self.emitter.errors, self.ledger.errors) == (0, 0), self.ledger.last_error
        assert self.ledger.unmatched == 0
        assert self.ledger.pending == {}
        assert self.probe._slots.asking == {}
        assert self.probe._slots.opening == {}

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def take(self) -> list[str]:
        """Kinds since the last time, failures and closings with their reason."""
        taken = [
            f"{event.kind} {reason}" if (reason := getattr(event, "reason", None)) else event.kind
            for event in self.events
        ]
        self.events.clear()
        return taken

    def last(self, kind: str) -> Any:
        return next(event for event in reversed(self.events) if event.kind == kind)

    @property
    def counts(self) -> tuple[int, int]:
        """Used and idle by the ledger, and the same by the connector."""
        used = len(self.ledger.open)
        counts = used, len(self.ledger.connections) - used
        idle = sum(len(each) for each in self.connector._conns.values())
        assert counts == (len(self.connector._acquired), idle) == self.probe.own_counts()
        return counts


Watching = Callable[[Any], Seen]


@pytest.fixture
def watching() -> AsyncIterator[Watching]:
    seen: list[Seen] = []

    def begin(target: Any) -> Seen:
        seen.append(Seen(target))
        return seen[-1]

    yield begin  # type: ignore[misc]
    for each in seen:
        each.stop()


class Server:
    """What it answers to is in its paths; `gate` holds back `/gated` and the rest of `/stream`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.arrived = asyncio.Event()
        self.url = ""

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="fine")


async def _goodbye(_: web.Request) -> web.Response:
    return web.Response(text="fine", headers={"Connection": "close"})


async def _moved(_: web.Request) -> web.Response:
    raise web.HTTPFound("/ok")


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


async def _swallow(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="fine")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()

    async def gated(_: web.Request) -> web.Response:
        served.arrived.set()
        await served.gate.wait()
        return web.Response(text="fine")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some")
        served.arrived.set()
        await served.gate.wait()
        await response.write(b"more")
        return response

    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some")
        await served.gate.wait()
        assert request.transport is not None
        request.transport.close()
        return response

    app = web.Application()
    app.add_routes([web.get("/ok", _ok), web.post("/ok", _swallow), web.get("/moved", _moved)])
    app.add_routes([web.get("/gated", gated), web.get("/stream", stream), web.get("/ws", _echo)])
    app.add_routes([web.get("/broken", broken), web.get("/goodbye", _goodbye)])
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    served.gate.set()
    await runner.cleanup()


@pytest.fixture
async def raw() -> AsyncIterator[Callable[[Callable[..., Awaitable[None]]], Awaitable[int]]]:
    """`await raw(serve)` is the port of a server of which `serve(reader, writer)` is all."""
    servers = []
    tasks = set()

    async def start(serve: Callable[..., Awaitable[None]]) -> int:
        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            tasks.add(task)
            try:
                await serve(reader, writer)
            except (asyncio.CancelledError, OSError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        servers.append(await asyncio.start_server(once, "127.0.0.1", 0))
        port: int = servers[-1].sockets[0].getsockname()[1]
        return port

    yield start
    for each in servers:
        each.close()
    for task in list(tasks):
        task.cancel()
    await until(lambda: not tasks)


async def until(condition: Callable[[], object]) -> None:
    """Each turn of the loop looks again."""
    async with asyncio.timeout(_DEADLINE):
        while not condition():
            await asyncio.sleep(0.001)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


class Names(AbstractResolver):
    """Knows every name, once `known` is set; `unknown` names fail."""

    def __init__(self) -> None:
        self.known = asyncio.Event()
        self.asked = asyncio.Event()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.set()
        await self.known.wait()
        if host.startswith("unknown"):
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def get(session: ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()


ASKED_GOT = ["CheckoutStarted", "CheckedOut"]
FIRST = ["CheckoutStarted", "ConnectionCreated", "ConnectionReady", "CheckedOut"]
OPENING = ["CheckoutStarted", "ConnectionCreated"]


async def test_request_emits_every_step(server: Server) -> None:
    seen: list[PoolEvent] = []
    async with ClientSession() as session:
        probe = attach(session, Emitter("api", seen.append, time.monotonic))
        assert await get(session, f"{server.url}/ok?secret=1") == "fine"
        assert [event.kind for event in seen] == [*FIRST, "CheckedIn"]
        ready: Any = seen[2]
        assert ready.host == server.host
        assert ready.create_time > 0
        got: Any = seen[3]
        assert got.phases.keys() == {"connect"}
        assert got.phases["connect"] == ready.create_time
        assert got.wait_time >= ready.create_time
        seen.clear()
        await get(session, f"{server.url}/ok")
        assert [event.kind for event in seen] == [*ASKED_GOT, "CheckedIn"]
        again: Any = seen[1]
        assert again.connection == 1
        assert again.phases == {}
        probe.detach()


async def test_call_site_is_the_users_line(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        here = inspect.currentframe()
        assert here is not None
        line = here.f_lineno
        async with session.get(f"{server.url}/ok") as response:
            await response.read()
        posted = await session.post(f"{server.url}/ok", data=b"x")
        await posted.read()
        await get(session, f"{server.url}/ok")
        sites = [e.call_site for e in seen.events if e.kind == "CheckoutStarted"]  # type: ignore[attr-defined]
        name = "test_call_site_is_the_users_line"
        assert [(site.function, site.line) for site in sites[:2]] == [
            (name, line + 1),
            (name, line + 3),
        ]
        assert sites[2].function == "get"
        assert {site.file for site in sites} == {"tests/probes/test_aiohttp.py"}


async def test_owner_is_the_asking_task(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await asyncio.create_task(get(session, f"{server.url}/ok"), name="asker")
        asked = seen.last("CheckoutStarted")
        assert (asked.owner.kind, asked.owner.name) == ("task", "asker")


async def test_task_of_its_own_has_no_line(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        (response,) = await asyncio.gather(session.get(f"{server.url}/ok"))
        await response.read()
        assert seen.last("CheckedOut").call_site.function == "(library)"


async def test_unread_response_keeps_slot(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response = await session.get(f"{server.url}/stream")
        assert seen.counts == (1, 0)
        assert seen.take() == FIRST
        server.gate.set()
        assert await response.read() == b"somemore"
        assert seen.take() == ["CheckedIn"]
        assert seen.counts == (0, 1)


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


async def test_adopts_what_is_out_and_idle(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        out = await session.get(f"{server.url}/stream")
        await get(session, f"{server.url}/ok")
        seen = watching(session)
        assert seen.counts == (1, 1)
        assert seen.probe.hosts() == [(server.host, 1, 1, 0)]
        server.gate.set()
        await out.read()
        assert seen.counts == (0, 2)
        await get(session, f"{server.url}/ok")
        assert seen.take() == [*ASKED_GOT, "CheckedIn"]


async def test_meets_those_who_asked_before(server: Server, watching: Watching) -> None:
    names = Names()
    port = server.host.split(":")[1]
    async with ClientSession(connector=TCPConnector(resolver=names, limit=2)) as session:
        early = [
            asyncio.create_task(session.get(f"http://shop.test:{port}/stream")) for _ in range(3)
        ]
        await until(lambda: session.connector and session.connector._waiters)
        seen = watching(session)
        names.known.set()
        first = [each for each in await _done(early, 2)]
        server.gate.set()
        late = asyncio.create_task(get(session, f"http://shop.test:{port}/ok"))
        for response in first:
            await response.read()
        await (await early[2]).read()
        assert await late == "fine"
        assert seen.counts == (0, 2)
        assert seen.ledger.unmatched == 0


async def _done(tasks: list[Any], count: int) -> list[Any]:
    await until(lambda: sum(each.done() for each in tasks) == count)
    return [each.result() for each in tasks if each.done()]


async def test_waiting_is_shown_for_each_host(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        second = asyncio.create_task(get(session, f"{server.url}/ok"))
        other = asyncio.create_task(
            get(session, f"{server.url.replace('127.0.0.1', 'localhost')}/ok")
        )
        await until(lambda: len(seen.ledger.pending) == 2)
        assert seen.take() == ["CheckoutStarted", "CheckoutStarted"]
        name = server.host.replace("127.0.0.1", "localhost")
        assert seen.probe.hosts() == [(server.host, 1, 0, 1), (name, 0, 0, 1)]
        server.gate.set()
        await first.read()
        await asyncio.gather(second, other)
        assert seen.counts == (0, 2)
        assert seen.probe.hosts() == [(server.host, 0, 1, 0), (name, 0, 1, 0)]


async def test_limit_per_host_waits(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit_per_host=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        second = asyncio.create_task(get(session, f"{server.url}/ok"))
        await until(lambda: seen.ledger.pending)
        assert seen.counts == (1, 0)
        seen.take()
        server.gate.set()
        await first.read()
        await second
        assert seen.take() == ["CheckedIn", "CheckedOut", "CheckedIn"]
        assert seen.counts == (0, 1)


@pytest.mark.parametrize("timeout", [{"connect": 0.02}, {"total": 0.02}])
async def test_no_slot_in_time_is_timeout(
    server: Server, watching: Watching, timeout: dict[str, float]
) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        with pytest.raises(TimeoutError):
            await session.get(f"{server.url}/ok", timeout=ClientTimeout(**timeout))
        failed = seen.last("CheckoutFailed")
        assert (failed.reason, failed.error) == ("timeout", "TimeoutError")
        assert failed.wait_time >= 0.02
        assert seen.counts == (1, 0)
        first.close()


@pytest.mark.parametrize("timeout", [{"connect": 0.02}, {"total": 0.02}, {"sock_connect": 0.02}])
async def test_slow_connect_is_connection_error(
    watching: Watching, timeout: dict[str, float], raw: Any
) -> None:
    port = await raw(silent)
    async with ClientSession(timeout=ClientTimeout(**timeout)) as session:
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


async def test_name_lookup_is_a_phase(server: Server, watching: Watching) -> None:
    names = Names()
    port = server.host.split(":")[1]
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"http://shop.test:{port}/ok"))
        await names.asked.wait()
        await asyncio.sleep(0.02)
        names.known.set()
        await task
        got, ready = seen.last("CheckedOut"), seen.last("ConnectionReady")
        assert got.phases.keys() == {"dns", "connect"}
        assert got.phases["dns"] >= 0.02
        assert sum(got.phases.values()) == pytest.approx(ready.create_time)
        assert ready.host == f"shop.test:{port}"


async def _cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_while_queueing(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        task = asyncio.create_task(get(session, f"{server.url}/ok"))
        await until(lambda: session.connector and session.connector._waiters)
        await _cancel(task)
        assert seen.take() == ["CheckoutStarted", "CheckoutFailed cancelled"]
        assert seen.counts == (1, 0)
        first.close()


async def test_cancelled_while_resolving(watching: Watching) -> None:
    names = Names()
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, "http://shop.test/"))
        await names.asked.wait()
        await _cancel(task)
        assert seen.take() == [*OPENING, "CheckoutFailed cancelled"]
        assert seen.counts == (0, 0)
        names.known.set()


async def test_cancelled_during_handshake(watching: Watching, raw: Any) -> None:
    arrived = asyncio.Event()

    async def hello(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)
        arrived.set()
        await reader.read(-1)

    port = await raw(hello)
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(session.get(f"https://127.0.0.1:{port}/", ssl=False))  # type: ignore[arg-type]
        await arrived.wait()
        await _cancel(task)
        assert seen.take() == [*OPENING, "CheckoutFailed cancelled"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_connecting(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/ok"))
        await asyncio.sleep(0)
        await _cancel(task)
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

        task = asyncio.create_task(session.post(f"http://127.0.0.1:{port}/", data=body()))  # type: ignore[arg-type]
        await until(lambda: "CheckedOut" in seen.kinds)
        await asyncio.sleep(0.01)
        await _cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_waiting_for_answer(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/gated"))
        await server.arrived.wait()
        await _cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_cancelled_while_reading_body(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"{server.url}/stream"))
        await until(lambda: "CheckedOut" in seen.kinds)
        await server.arrived.wait()
        await asyncio.sleep(0.01)
        await _cancel(task)
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


async def test_read_timeout_closes_as_error(server: Server, watching: Watching) -> None:
    async with ClientSession(timeout=ClientTimeout(sock_read=0.02)) as session:
        seen = watching(session)
        with pytest.raises(aiohttp.SocketTimeoutError):
            await session.get(f"{server.url}/gated")
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]


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


async def test_sessions_share_a_connector(server: Server, watching: Watching) -> None:
    connector = TCPConnector()
    one = ClientSession(connector=connector, connector_owner=False)
    two = ClientSession(connector=connector, connector_owner=False)
    seen = watching(one)
    await get(one, f"{server.url}/ok")
    await get(two, f"{server.url}/ok")
    await one.close()
    await two.close()
    assert seen.take() == [*FIRST, "CheckedIn", *ASKED_GOT, "CheckedIn"]
    assert seen.counts == (0, 1)
    await connector.close()
    assert seen.take() == ["ConnectionClosed pool_closed", "PoolClosed"]


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


async def test_retry_on_stale_connection_asks_again(watching: Watching, raw: Any) -> None:
    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await reader.readuntil(b"\r\n\r\n")  # And hangs up without an answer.

    port = await raw(one_answer)
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"http://127.0.0.1:{port}/")
        seen.take()
        await get(session, f"http://127.0.0.1:{port}/")
        assert seen.take() == [
            *ASKED_GOT,
            "CheckedIn",
            "ConnectionClosed error",
            *FIRST,
            "CheckedIn",
        ]
        assert seen.counts == (0, 1)


async def test_server_hangs_up_in_a_body(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response = await session.get(f"{server.url}/broken")
        server.gate.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        assert seen.take() == [*FIRST, "CheckedIn", "ConnectionClosed error"]
        assert seen.counts == (0, 0)


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


async def test_redirect_asks_twice(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"{server.url}/moved")
        assert seen.take() == [*FIRST, "CheckedIn", *ASKED_GOT, "CheckedIn"]
        assert seen.counts == (0, 1)


async def test_websocket_holds_its_connection(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        async with session.ws_connect(f"{server.url}/ws") as channel:
            await channel.send_str("hi")
            assert (await channel.receive()).data == "hi"
            assert seen.take() == FIRST
            assert seen.counts == (1, 0)
        assert seen.take() == ["CheckedIn", "ConnectionClosed stale"]
        assert seen.counts == (0, 0)


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


async def test_detach_restores_class_while_out(server: Server) -> None:
    async with ClientSession() as session:
        connector: Any = session.connector
        events: list[PoolEvent] = []
        probe = attach(session, Emitter("api", events.append, time.monotonic))
        assert type(connector) is not TCPConnector
        assert connector.__class__ is TCPConnector
        out = await session.get(f"{server.url}/stream")
        asking = asyncio.create_task(get(session, f"{server.url}/gated"))
        await until(lambda: [e.kind for e in events].count("CheckoutStarted") == 2)
        probe.detach()
        assert type(connector) is TCPConnector
        assert not any(
            callable(value) for name, value in vars(connector).items() if name == "connect"
        )
        events.clear()
        server.gate.set()
        await out.read()
        assert await asking == "fine"
        assert events == []
        again = attach(session, Emitter("api", events.append, time.monotonic))
        await get(session, f"{server.url}/ok")
        assert [event.kind for event in events] == [*ASKED_GOT, "CheckedIn"]
        again.detach()
        assert type(connector) is TCPConnector


async def test_two_sinks_share_one_probe(server: Server) -> None:
    first: list[PoolEvent] = []
    second: list[PoolEvent] = []
    one = Emitter("a", first.append, time.monotonic)
    two = Emitter("b", second.append, lambda: time.monotonic() + 1000)
    async with ClientSession() as session:
        tapped = tap(session, one)
        await get(session, f"{server.url}/ok")
        assert tap(session.connector, two) is tapped
        first.clear()
        await get(session, f"{server.url}/ok")
        assert [e.kind for e in first] == [e.kind for e in second] == [*ASKED_GOT, "CheckedIn"]
        assert not tapped.remove(one)
        assert tapped.remove(two)
        assert type(session.connector) is TCPConnector


async def _failure(session: ClientSession, url: str) -> BaseException:
    try:
        await session.get(url, allow_redirects=False)
    except BaseException as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("host", ["127.0.0.1", "unknown.test"])
async def test_failure_has_one_frame_more(host: str) -> None:
    names = Names()
    names.known.set()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://{host}:{closed.getsockname()[1]}/"
        async with ClientSession(connector=TCPConnector(resolver=names)) as session:
            bare = await _failure(session, url)
            probe = attach(session, Emitter("api", lambda _: None, time.monotonic))
            watched = await _failure(session, url)
            probe.detach()
    assert type(watched) is type(bare)
    assert (str(watched), type(watched.__cause__)) == (str(bare), type(bare.__cause__))
    plain = [frame.name for frame in traceback.extract_tb(bare.__traceback__)]
    ours = [frame for frame in traceback.extract_tb(watched.__traceback__)]
    extra = [frame for frame in ours if "dashboard" in frame.filename]
    assert [frame.name for frame in extra] == ["connect"]
    assert [frame.name for frame in ours if frame not in extra] == plain


async def test_exception_is_the_same_object(watching: Watching) -> None:
    problem = OSError("mine")

    class Failing(aiohttp.BaseConnector):
        async def _create_connection(self, *_: Any) -> Any:
            raise problem

    async with ClientSession(connector=Failing()) as session:
        seen = watching(session)
        connector: Any = session.connector
        request: Any = aiohttp.ClientRequest("GET", _url("http://shop.test/"))
        with pytest.raises(OSError, match="mine") as caught:
            await connector.connect(request, [], ClientTimeout())
        assert caught.value is problem
        assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]


def _url(text: str) -> Any:
    from yarl import URL

    return URL(text)


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
        await _cancel(task)
        assert seen.take() == [
            "CheckoutStarted",
            "ConnectionClosed error",
            "CheckoutFailed cancelled",
        ]
        assert seen.counts == (0, 0)
        idle.close()  # The library lets go of it, open.


async def test_unix_socket_is_watched(tmp_path: Path, watching: Watching) -> None:
    app = web.Application()
    app.add_routes([web.get("/ok", _ok)])
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()
    async with ClientSession(connector=aiohttp.UnixConnector(path)) as session:
        seen = watching(session)
        await get(session, "http://shop/ok")
        assert seen.last("ConnectionReady").host == "shop:80"
        assert seen.take() == [*FIRST, "CheckedIn"]
        assert seen.counts == (0, 1)
        assert seen.probe.kind == "UnixConnector"
        assert "use_dns_cache" not in seen.probe.settings()
    await runner.cleanup()


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


async def test_proxied_request_names_its_target(watching: Watching, raw: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await reader.read(-1)

    port = await raw(answer)
    async with ClientSession() as session:
        seen = watching(session)
        async with session.get("http://shop.test/a", proxy=f"http://127.0.0.1:{port}") as response:
            assert await response.text() == "fine"
        assert seen.last("ConnectionReady").host == "shop.test:80"
        assert seen.take() == [*FIRST, "CheckedIn"]
        assert seen.counts == (0, 1)


async def test_counts_hold_in_a_storm(server: Server, watching: Watching) -> None:
    chance = random.Random(7)
    connector = TCPConnector(limit=5, limit_per_host=4, keepalive_timeout=0.05)
    hosts = [server.url, server.url.replace("127.0.0.1", "localhost")]
    async with ClientSession(connector=connector) as session:
        seen = watching(session)

        async def ask() -> None:
            url = chance.choice(hosts) + chance.choice(["/ok", "/moved", "/goodbye", "/gated"])
            with suppress(TimeoutError, aiohttp.ClientError):
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
            await asyncio.gather(*tasks, return_exceptions=True)
            assert seen.counts[0] == 0
            server.gate.clear()
        assert seen.ledger.pending == {}
        asked = seen.kinds.count("CheckoutStarted")
        assert asked == seen.kinds.count("CheckedOut") + seen.kinds.count("CheckoutFailed")
        assert seen.kinds.count("CheckedOut") == seen.kinds.count("CheckedIn")


async def test_probe_keeps_nothing_alive(server: Server) -> None:
    session = ClientSession()
    connector: Any = session.connector
    probe = attach(session, Emitter("api", lambda _: None, time.monotonic))
    await get(session, f"{server.url}/ok")
    await session.close()
    gone = weakref.ref(connector)
    del session, connector
    await until(lambda: gc.collect() is not None and gone() is None)
    assert probe.is_gone
    assert probe.own_counts() is None
    assert (probe.settings(), probe.hosts(), probe.limits()) == ({}, [], (None, None, None))
    probe.detach()


async def test_settings_are_those_in_force(watching: Watching) -> None:
    connector = TCPConnector(limit=7, limit_per_host=3, keepalive_timeout=9, ttl_dns_cache=60)
    timeout = ClientTimeout(total=8, connect=2, sock_connect=1, sock_read=4)
    async with ClientSession(
        "http://user:pw@shop.test:8080/path/", connector=connector, timeout=timeout
    ) as session:
        probe = watching(session).probe
        assert probe.settings() == {
            "limit": 7,
            "limit_per_host": 3,
            "keepalive_timeout": 9,
            "ttl_dns_cache": 60,
            "use_dns_cache": True,
            "force_close": False,
            "enable_cleanup_closed": False,
            "total": 8,
            "connect": 2,
            "sock_connect": 1,
            "sock_read": 4,
        }
        assert probe.limits() == (7, 7, None)
        assert (probe.kind, probe.backend, probe.library) == ("TCPConnector", "HTTP", "aiohttp")
        assert probe.address == "shop.test:8080"
        assert probe.limited == ()


async def test_no_limit_is_none(watching: Watching) -> None:
    async with TCPConnector(limit=0) as connector:
        probe = watching(connector).probe
        assert probe.limits() == (None, None, None)
        assert probe.address == ""
        assert "total" not in probe.settings()


async def test_shadowed_method_is_told() -> None:
    async with TCPConnector() as connector:
        vars(connector)["connect"] = connector.connect
        probe = attach(connector, Emitter("api", lambda _: None, time.monotonic))
        assert probe.limited == ("checkouts",)
        probe.detach()
        del vars(connector)["connect"]


async def test_closed_session_is_refused_with_reason() -> None:
    session = ClientSession()
    await session.close()
    with pytest.raises(DashboardError, match="the ClientSession is closed"):
        tap(session, Emitter("api", lambda _: None, time.monotonic))


def test_other_objects_have_no_connector() -> None:
    assert pool_of(object()) is None
