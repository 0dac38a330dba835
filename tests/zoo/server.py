"""The other service: answers at once, late, in drops, or with more than anybody reads."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from aiohttp import WSMsgType, web

_DEADLINE = 30.0
_CHUNK = b"x" * 65536


async def quick(request: web.Request) -> web.Response:
    """A few bytes at once."""
    return web.Response(text="ok")


async def late(request: web.Request) -> web.Response:
    """The same after `?seconds=`: a long poll, a model that thinks."""
    await asyncio.sleep(float(request.query["seconds"]))
    return web.Response(text="ok")


async def large(request: web.Request) -> web.StreamResponse:
    """`?status=`; 16 MB, more than any buffer on the way holds."""
    return await _stream(request, _large())


async def drops(request: web.Request) -> web.StreamResponse:
    """A few bytes every tenth of a second for `?seconds=`."""
    return await _stream(request, _drops(float(request.query["seconds"])))


async def upload(request: web.Request) -> web.Response:
    """Reads the body to its end, then answers with its length."""
    return web.Response(text=str(len(await request.read())))


async def echo(request: web.Request) -> web.WebSocketResponse:
    """A web socket that says everything again."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def _large() -> AsyncIterator[bytes]:
    for _ in range(256):
        yield _CHUNK


async def _drops(seconds: float) -> AsyncIterator[bytes]:
    for _ in range(int(seconds * 10)):
        yield b"drop"
        await asyncio.sleep(0.1)


async def _stream(request: web.Request, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(status=int(request.query.get("status", "200")))
    await response.prepare(request)
    with suppress(ConnectionError):  # Who asked may have left.
        async for chunk in chunks:
            await response.write(chunk)
    return response


@contextmanager
def serving_web() -> Iterator[str]:
    """Its address; it runs in a thread with its own loop."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    address: list[str] = []

    async def serve() -> None:
        app = web.Application()
        handlers = {"quick": quick, "late": late, "large": large, "drops": drops, "echo": echo}
        app.add_routes([web.get(f"/{name}", handler) for name, handler in handlers.items()])
        app.add_routes([web.post("/upload", upload)])
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await stop.wait()
        open_ones = list(runner.server.connections) if runner.server is not None else []
        transports = [each.transport for each in open_ones if each.transport is not None]
        await runner.cleanup()
        for transport in transports:
            transport.abort()  # What nobody has read would keep it open.
        await asyncio.sleep(0)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="the other service")
    thread.start()
    try:
        if not ready.wait(_DEADLINE):
            raise RuntimeError("the other service did not start; its log above says why")
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_DEADLINE)
