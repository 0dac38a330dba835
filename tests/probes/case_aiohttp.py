# ruff: noqa: D102, ASYNC109, ARG002 -- Case says what each is
"""aiohttp's TCPConnector, under a session that talks to a real server.

What is out is a response whose body has not come to its end.
"""

import asyncio
import itertools
from typing import Any

from aiohttp import (
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    web,
)

from dashboard.demo.postgres import Postgres


class _Server:
    """Answers with half a body, and with the rest once it is told to."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        #: What the rest waits for, and the connection it goes to, by the answer's number.
        self._held: dict[str, tuple[asyncio.Event, asyncio.BaseTransport]] = {}
        app = web.Application()
        app.router.add_get("/", self._stream)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0
        )

    async def start(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def refuse(self) -> None:
        """Nobody listens any more; connections that are open stay."""
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        await self._runner.cleanup()

    def finish(self, response: ClientResponse) -> None:
        self._held[response.headers["Number"]][0].set()

    def hang_up(self, response: ClientResponse) -> None:
        self._held[response.headers["Number"]][1].close()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        number, rest = str(next(self._numbers)), asyncio.Event()
        assert request.transport is not None
        self._held[number] = rest, request.transport
        response = web.StreamResponse(headers={"Number": number})
        await response.prepare(request)
        await response.write(b"some")
        await rest.wait()
        await response.write(b"more")
        return response


class ConnectorCase:
    """A caller is a task."""

    owner = "task"
    function = "ConnectorCase.checkout"
    can_cancel = can_wait = is_bounded = can_kill = True
    #: 3.14: the open body holds its response, so that one which is dropped unread is not collected.
    reclaims = False
    #: 3.14: the session of a closed connector refuses by itself and does not ask it.
    closes = False
    can_fail = False

    def __init__(self, *, keeps: bool) -> None:
        """One that keeps connections gets them back read to the end, else they are released."""
        self.name = "TCPConnector" if keeps else "TCPConnector-force_close"
        self.keeps = keeps
        self._around: dict[TCPConnector, tuple[ClientSession, _Server]] = {}

    async def open(self, postgres: Postgres, size: int, timeout: float) -> TCPConnector:
        server = _Server()
        url = await server.start()
        connector = TCPConnector(limit=size, force_close=not self.keeps)
        session = ClientSession(url, connector=connector, timeout=ClientTimeout(connect=timeout))
        self._around[connector] = session, server
        return connector

    async def checkout(self, connector: TCPConnector) -> ClientResponse:
        return await self._around[connector][0].get("/")

    async def checkin(self, connector: TCPConnector, response: ClientResponse) -> None:
        if not self.keeps:
            response.release()
        elif not response.closed:
            self._around[connector][1].finish(response)
            await response.read()

    async def use(self, connector: TCPConnector, response: ClientResponse) -> None:
        """The request was one."""

    async def fail(self, connector: TCPConnector, response: ClientResponse) -> None:
        raise NotImplementedError

    async def kill(self, connector: TCPConnector, response: ClientResponse) -> None:
        self._around[connector][1].hang_up(response)
        try:
            await response.read()
        except ClientPayloadError:
            return
        raise AssertionError("the response outlived its connection")

    async def break_down(self, connector: TCPConnector) -> None:
        await self._around[connector][1].refuse()

    async def close(self, connector: TCPConnector) -> None:
        session, server = self._around.pop(connector)
        await session.close()
        await server.close()

    def own(self, connector: TCPConnector) -> tuple[int, int] | None:
        return len(connector._acquired), sum(map(len, connector._conns.values()))

    def hooked(self, connector: TCPConnector) -> list[Any]:
        idle = [each for kept in connector._conns.values() for each, _ in kept]
        return [connector, *connector._acquired, *idle]


CASES = [ConnectorCase(keeps=True), ConnectorCase(keeps=False)]
