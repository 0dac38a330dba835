"""`/api/stream`: server-sent events, twice a second, resumable, bounded for every client.

Messages: `reset` (first, and after a gap), `batch`, `hb` (server time, every 5 s), `busy` (too many
streams; the client polls instead). A status other than 200 would make EventSource give up for good.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import anyio
import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ..model.ports import Reading
from .aside import aside
from .cut import drop
from .hosts import is_foreign
from .hub import Client, Hub

_log = logging.getLogger(__name__)
PERIOD: Final = 0.5
HEARTBEAT: Final = 5.0
#: Streams of one site.
MOST: Final = 64
#: A client that takes nothing for so long is cut.
SEND_TIMEOUT: Final = 30.0
#: Then the stream ends, and the client comes back with a fresh check of its access.
LIFE: Final = 3600.0
_FIRST: Final = b"retry: 1000\n\n"
_BUSY: Final = b"retry: 15000\nevent: busy\ndata: {}\n\n"


class Streams:
    """The streams of one site: a hub for each running loop that serves it."""

    def __init__(
        self,
        reading: Reading,
        *,
        period: float = PERIOD,
        heartbeat: float = HEARTBEAT,
        most: int = MOST,
        send_timeout: float = SEND_TIMEOUT,
        life: float = LIFE,
    ) -> None:
        self._reading = reading
        self._period = period
        self._heartbeat = heartbeat
        self._most = most
        self._send_timeout = send_timeout
        self._life = life
        self._lock = threading.Lock()
        self._hubs: dict[asyncio.AbstractEventLoop, Hub] = {}
        self._count = 0
        #: Clients that were cut because they took nothing.
        self.cut = 0

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._count

    def close(self) -> None:
        """Ends every stream within a second, from any thread; later requests start afresh."""
        with self._lock:
            hubs, self._hubs = list(self._hubs.values()), {}
        for hub in hubs:
            hub.close()

    def routes(self) -> list[Route]:
        """The one address, relative to the mount."""
        return [Route("/api/stream", self._open, name="stream")]

    async def _open(self, request: Request) -> Response:
        if is_foreign(request.scope):
            raise HTTPException(403, "Only the dashboard's own pages may open its stream.")
        name = request.query_params.get("pool")
        if name is not None and await aside(self._reading.pool, name) is None:
            raise HTTPException(404, f"No pool is called {name!r}.")
        last_id = request.headers.get("last-event-id") or request.query_params.get("since")
        return _Stream(self, name, last_id)

    def hub(self) -> Hub:
        """The hub of the running loop; those of loops that are gone are forgotten."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for other in [known for known in self._hubs if known.is_closed()]:
                del self._hubs[other]
            hub = self._hubs.get(loop)
            if hub is None:
                hub = self._hubs[loop] = Hub(self._reading, period=self._period)
            return hub

    def enter(self) -> bool:
        """Takes one of the places, False if there is none."""
        with self._lock:
            if self._count >= self._most:
                return False
            self._count += 1
            return True

    def leave(self) -> None:
        """Gives the place back."""
        with self._lock:
            self._count -= 1

    @property
    def timing(self) -> tuple[float, float, float]:
        """Heartbeat, send timeout and life, in seconds."""
        return self._heartbeat, self._send_timeout, self._life


class _Ending:
    """What sse-starlette sets when the server stops; the stream then has `GRACE` to end itself."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set


class _Stream(EventSourceResponse):
    """One client's stream, cut when the client stalls or the site closes."""

    def __init__(self, streams: Streams, pool: str | None, last_id: str | None) -> None:
        self._streams = streams
        self._last_id = last_id
        self._client = Client(pool)
        self._ending = _Ending()
        heartbeat, send_timeout, self._life = streams.timing
        super().__init__(
            self._messages(),
            ping=heartbeat,
            ping_message_factory=_heartbeat,
            sep="\n",
            send_timeout=send_timeout,
            shutdown_event=self._ending,  # type: ignore[arg-type]  # only its set() is called
            shutdown_grace_period=1.0,
            cleanup_timeout=1.0,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never raises for what the client does; the host's log is not ours to fill."""
        is_sending = False

        async def noted(message: Message) -> None:
            nonlocal is_sending
            is_sending = True
            await send(message)
            is_sending = False

        # The last message of a long life has no send timeout of its own.
        deadline = anyio.current_time() + self._life + (self.send_timeout or 0)
        with anyio.CancelScope(deadline=deadline) as self._client.scope:
            try:
                await super().__call__(scope, receive, noted)
            except SendTimeoutError:
                _log.info("a stream was cut: its client took nothing for too long")
            finally:
                if is_sending:
                    self._streams.cut += 1
                    drop(scope)

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        if not self._streams.enter():
            yield _BUSY
            return
        try:
            yield _FIRST
            deadline = time.monotonic() + self._life
            follow = self._streams.hub().follow(
                self._client, self._last_id, self._ending.is_set, deadline
            )
            async with aclosing(follow):
                async for message in follow:
                    yield message
        finally:
            self._streams.leave()


def _heartbeat() -> ServerSentEvent:
    data = msgspec.json.encode({"at": time.time()}).decode()
    return ServerSentEvent(data, event="hb", sep="\n")
