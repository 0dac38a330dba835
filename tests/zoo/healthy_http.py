"""aiohttp, and by right: slow servers, slow readers, web sockets."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import ClientResponse

from .programs import HTTP, healthy
from .stages import AsyncStage


@healthy(HTTP, "long poll")
async def answer_takes_long(stage: AsyncStage) -> None:
    """A long poll, or a model that thinks: the request is under way all the time."""

    async def ask(seconds: float = 0.0) -> None:
        async with stage.session.get(f"/late?seconds={seconds}") as response:
            await response.read()

    await stage.warm(ask)
    await ask(stage.long)


@healthy(HTTP, "streaming")
async def stream_drips_for_long(stage: AsyncStage) -> None:
    """A few bytes ten times a second: tokens of a model, server-sent events."""

    async def follow(seconds: float = 0.1) -> None:
        async with stage.session.get(f"/drops?seconds={seconds}") as response:
            async for _ in response.content.iter_any():
                pass

    await stage.warm(follow)
    await follow(stage.long)


@healthy(HTTP, "streaming")
async def download_is_read_slowly(stage: AsyncStage) -> None:
    """The server would be faster; the reader writes every chunk to a slow disk."""

    async def download(path: str = "/quick", pause: float = 0.0) -> None:
        ends = time.monotonic() + stage.long
        async with stage.session.get(path) as response:
            async for _ in response.content.iter_chunked(1 << 20):
                if time.monotonic() < ends:
                    await asyncio.sleep(pause)

    await stage.warm(download)
    await download("/large", pause=0.5)


@healthy(HTTP, "websocket")
async def web_socket_talks_for_long(stage: AsyncStage) -> None:
    """A word and its echo several times a second, in one hold."""

    async def talk(seconds: float = 0.0) -> None:
        async with stage.session.ws_connect("/echo") as socket:
            ends = time.monotonic() + seconds
            while True:
                await socket.send_str("hello")
                await socket.receive_str()
                if time.monotonic() >= ends:
                    break
                await asyncio.sleep(0.3)

    await stage.warm(talk)
    await talk(stage.long)


@healthy(HTTP, "hand-over")
async def one_task_asks_another_reads(stage: AsyncStage) -> None:
    """The response comes to one task, which ends; another reads its drops."""

    async def ask(seconds: float = 0.1) -> ClientResponse:
        return await stage.session.get(f"/drops?seconds={seconds}")

    async def quick() -> None:
        await (await ask()).read()

    await stage.warm(quick)
    response = await asyncio.create_task(ask(stage.long), name="asker")
    async with response:
        async for _ in response.content.iter_any():
            pass


@healthy(HTTP, "C-15", slots=4)
async def burst_waits_for_the_limit(stage: AsyncStage) -> None:
    """Sixty requests at once for four slots."""

    async def ask() -> None:
        async with stage.session.get("/late?seconds=0.02") as response:
            await response.read()

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        await asyncio.gather(*(ask() for _ in range(60)))
        await asyncio.sleep(0.3)


@healthy(HTTP, "heavy tail", slots=6)
async def answers_have_a_heavy_tail(stage: AsyncStage) -> None:
    """Most answers take milliseconds, a few take seconds."""
    random_of = random.Random(5)

    async def ask(seconds: float) -> None:
        async with stage.session.get(f"/late?seconds={seconds}") as response:
            await response.read()

    waits = [min(0.01 * random_of.paretovariate(1.1), stage.long / 2) for _ in range(160)]
    await asyncio.gather(*(ask(seconds) for seconds in waits))
    await ask(stage.long)


@healthy(HTTP, "C-15")
async def bad_answers_are_released(stage: AsyncStage) -> None:
    """A long error page that nobody reads, released by hand every time."""

    async def ask() -> None:
        response = await stage.session.get("/large?status=500")
        response.release()

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        await ask()
        await asyncio.sleep(0.05)


@healthy(HTTP, "websocket")
async def web_socket_waits_for_rare_messages(stage: AsyncStage) -> None:
    """A subscription: its task waits for the next message, however long that takes."""

    async def subscribe(seconds: float = 0.01) -> None:
        async with stage.session.ws_connect("/echo") as socket:
            await socket.send_str("hello")
            await socket.receive_str()
            with suppress(TimeoutError):
                await socket.receive_str(timeout=seconds)

    await stage.warm(subscribe)
    await subscribe(stage.long)


@healthy(HTTP, "streaming")
async def upload_takes_long(stage: AsyncStage) -> None:
    """The body is written as it comes into being."""

    async def body(seconds: float) -> AsyncIterator[bytes]:
        ends = time.monotonic() + seconds
        yield b"first"
        while time.monotonic() < ends:
            await asyncio.sleep(0.2)
            yield b"more"

    async def upload(seconds: float = 0.0) -> None:
        async with stage.session.post("/upload", data=body(seconds)) as response:
            await response.read()

    await stage.warm(upload)
    await upload(stage.long)
