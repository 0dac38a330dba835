"""A TCP proxy before a real server, which can be down, come up, and fall silent."""

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards to `port` of this machine while it is up; a context manager."""

    def __init__(self, port: int) -> None:
        """It is down; its own port is kept all the same."""
        self._to = port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Takes connections and what they say, and answers nothing.
        self.is_silent = False

    async def up(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)

    async def down(self) -> None:
        """Refuse new connections, cut those that there are."""
        if self._server is not None:
            self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, far_writer}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.is_silent:
                writer.write(data)
                await writer.drain()
        writer.close()

    async def __aenter__(self) -> Self:
        """The same, still down."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Down for good."""
        await self.down()
