"""What a request does with its connection: until the answer begins, and while somebody reads it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from dashboard.probes import Tapped, tap
from dashboard.probes.owners import of

from . import aiohttp_watching
from .aiohttp_watching import until
from .contract import LedgerEyes

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"

raw = pytest.fixture(aiohttp_watching.raw)


class Talk:
    """A watched session whose server says what it is told to, by a clock that stands still."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.says: asyncio.Queue[bytes] = asyncio.Queue()
        self.now = 100.0
        self.eyes = LedgerEyes()
        self.eyes.sink.now = lambda: self.now
        self.tapped: Tapped = tap(session, self.eyes.sink)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One answer, as it is told."""
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(await self.says.get())

    @property
    def kept(self) -> str:
        """What keeps the only checkout in use."""
        return self.tapped.probe.in_use_by(self.eyes.lease)

    def at(self, now: float, *said: bytes) -> None:
        """The server says something at a time."""
        self.now = now
        for each in said:
            self.says.put_nowait(each)

    async def arrived(self, response: Any, count: int) -> None:
        """So many bytes of the answer are here."""
        await until(lambda: response.content.total_bytes == count)


@pytest.fixture
async def talk(raw: Any) -> AsyncIterator[tuple[Talk, str]]:
    async with ClientSession() as session:
        talk = Talk(session)
        yield talk, f"http://127.0.0.1:{await raw(talk.serve)}/"
    assert talk.eyes.errors == 0
    talk.tapped.remove(talk.eyes.sink)


async def test_request_is_a_statement_until_the_answer(talk: tuple[Talk, str]) -> None:
    held, url = talk
    task = asyncio.create_task(held.session.get(url))
    await until(lambda: held.eyes.used == 1)
    use = held.eyes.use
    assert (use.statements, use.began, use.user) == (1, 100.0, of(task))
    held.at(103.0, _HEAD)
    response = await task
    assert (use.began, use.busy, use.last) == (None, 3.0, 103.0)
    assert held.kept == ""
    response.close()


async def test_answer_that_nobody_reads_is_no_use(talk: tuple[Talk, str]) -> None:
    held, url = talk
    held.at(101.0, _HEAD)
    response = await held.session.get(url)
    held.at(105.0, b"some")
    await held.arrived(response, 4)
    assert (held.eyes.use.last, held.kept) == (101.0, "")
    response.close()


async def test_answer_that_is_awaited_is_use(talk: tuple[Talk, str]) -> None:
    held, url = talk
    held.at(101.0, _HEAD)
    response = await held.session.get(url)
    reading = asyncio.create_task(response.content.read(8))
    await until(lambda: held.kept == "a response")
    held.at(105.0, b"some")
    assert await reading == b"some"
    assert (held.eyes.use.last, held.eyes.use.statements, held.kept) == (105.0, 1, "")
    response.close()


async def test_reading_what_had_arrived_is_use(talk: tuple[Talk, str]) -> None:
    held, url = talk
    held.at(101.0, _HEAD, b"some more")
    response = await held.session.get(url)
    await held.arrived(response, 9)
    assert await response.content.read(4) == b"some"
    held.at(110.0)
    assert (held.kept, held.eyes.use.last) == ("", 110.0)
    held.at(120.0)
    assert (held.kept, held.eyes.use.last) == ("", 110.0)
    assert await response.content.read(4) == b" mor"
    held.at(130.0, b"!")
    await held.arrived(response, 10)
    assert held.eyes.use.last == 130.0
    response.close()


async def test_websocket_is_use_while_it_is_read() -> None:
    async def greet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/", greet)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}/") as session:
        held = Talk(session)
        async with session.ws_connect("/") as socket:
            assert (held.eyes.use.statements, held.eyes.use.began, held.kept) == (
                1,
                None,
                "a websocket",
            )
            held.now = 110.0
            await socket.send_str("one")
            assert await socket.receive_str() == "one"
            assert held.eyes.use.last == 110.0
            held.now = 120.0
            await socket.send_str("two")
            await until(lambda: socket._reader._buffer)
            assert held.kept == "a websocket"
            assert held.kept == ""  # The same message still waits.
            assert await socket.receive_str() == "two"
            assert held.kept == "a websocket"
        held.tapped.remove(held.eyes.sink)
    await runner.cleanup()


async def test_answer_from_before_the_watch_is_seen(raw: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD)
        await reader.read()

    async with ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{await raw(serve)}/")
        held = Talk(session)
        assert held.kept == ""
        reading = asyncio.create_task(response.read())
        await until(lambda: held.kept == "a response")
        reading.cancel()
        await asyncio.wait([reading])
        held.tapped.remove(held.eyes.sink)
        response.close()
