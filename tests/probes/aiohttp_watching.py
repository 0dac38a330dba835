"""A watched connector for tests, with real servers to talk to."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.abc import AbstractResolver, ResolveResult

from dashboard.model.events import PoolEvent
from dashboard.probes import Tapped, frames, owners, tap
from dashboard.probes.aiohttp import pool_of
from dashboard.probes.emitter import Emitter
from dashboard.recorder.ledger import Ledger

_DEADLINE = 30.0


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
        """End the watch, and look at what it left."""
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
        """Every event since the last `take()`."""
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
        """The last event of a kind."""
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


def watching() -> Iterator[Watching]:
    seen: list[Seen] = []

    def begin(target: Any) -> Seen:
        seen.append(Seen(target))
        return seen[-1]

    yield begin
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
        """`name:port`."""
        return self.url.removeprefix("http://")


async def ok(_: web.Request) -> web.Response:
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
    app.add_routes([web.get("/ok", ok), web.post("/ok", _swallow), web.get("/moved", _moved)])
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


async def raw() -> AsyncIterator[Callable[[Callable[..., Awaitable[None]]], Awaitable[int]]]:
    """Starts servers that are nothing but one function of reader and writer; answers the port."""
    servers = []
    tasks = set()

    async def start(serve: Callable[..., Awaitable[None]]) -> int:
        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]
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
        while not condition():  # noqa: ASYNC110 -- a condition of the library's has no event
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
        """Waits until names are known."""
        self.asked.set()
        await self.known.wait()
        if host.startswith("unknown"):
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
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


async def cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
