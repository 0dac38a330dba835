"""aiohttp: a response that is neither read nor released keeps its slot."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientResponse

from .programs import HTTP, leak
from .stages import AsyncStage


@leak(HTTP, "C-15", "overdue", "orphaned")
async def never_reads_the_response(stage: AsyncStage) -> None:
    """Only the status is of interest; the body, and the connection, stay where they are."""

    async def ask(path: str = "/quick") -> ClientResponse:
        return await stage.session.get(path)  # leak

    async def check() -> None:
        await (await ask()).read()

    await stage.warm(check)
    stage.keep(await ask("/large"))


@leak(HTTP, "C-15", "overdue", "orphaned", "lost")
async def bad_status_leaves_the_body(stage: AsyncStage) -> None:
    """An answer with status 500 raises before anybody reads its long page."""

    async def ask(path: str = "/quick") -> bytes:
        response = await stage.session.get(path)  # leak
        if response.status != 200:
            raise LookupError(f"{path} answered {response.status}")
        return await response.read()

    await stage.warm(ask)
    task = asyncio.create_task(ask("/large?status=500"))
    await asyncio.wait({task})
    stage.keep(task.exception())


@leak(HTTP, "C-15", "overdue", "orphaned", "lost")
async def drops_the_response_unread(stage: AsyncStage) -> None:
    """A task pings a service and ends; nothing refers to the response but the transport."""

    async def ping(path: str = "/quick") -> int:
        response = await stage.session.get(path)  # leak
        return response.status

    await stage.warm(ping)
    await asyncio.create_task(ping("/large"), name="ping")
    stage.gone()


@leak(HTTP, "C-15", "overdue", "orphaned")
async def stops_in_the_middle_of_a_download(stage: AsyncStage) -> None:
    """The consumer has seen enough; the generator that reads waits in a list."""

    async def chunks(path: str = "/quick") -> AsyncIterator[bytes]:
        async with stage.session.get(path) as response:  # leak
            async for chunk in response.content.iter_any():
                yield chunk

    async def download() -> None:
        async for _ in chunks():
            pass

    async def glance() -> None:
        await anext(stage.keep(chunks("/large")))

    await stage.warm(download)
    await asyncio.create_task(glance(), name="glance")


@leak(HTTP, "C-6", "overdue", "orphaned")
async def cancelled_in_the_middle_of_the_body(stage: AsyncStage) -> None:
    """The reader is cancelled between two chunks and leaves the response in a list."""

    async def read(path: str = "/quick", pause: float = 0.0) -> None:
        response = stage.keep(await stage.session.get(path))  # leak
        async for _ in response.content.iter_any():
            await asyncio.sleep(pause)

    await stage.warm(read)
    task = asyncio.create_task(read("/large", pause=60), name="reader")
    await asyncio.wait({task}, timeout=0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@leak(HTTP, "C-15", "overdue", "orphaned")
async def forgets_to_close_a_web_socket(stage: AsyncStage) -> None:
    """A task says hello on a web socket, keeps it in a list and ends."""

    async def greet(*, closes: bool = True) -> None:
        socket = await stage.session.ws_connect("/echo")  # leak
        await socket.send_str("hello")
        await socket.receive_str()
        if closes:
            await socket.close()
        else:
            stage.keep(socket)

    await stage.warm(greet)
    await asyncio.create_task(greet(closes=False), name="greeter")
