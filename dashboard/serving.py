"""The dashboard's own server: uvicorn in a thread, with a loop of its own."""

import asyncio
import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Generator
from types import TracebackType
from typing import Final, Self

import uvicorn

from .web.site import Site

_START: Final = 10.0
_STOP: Final = 5.0
_GRACE: Final = 1


class Server:
    """Serves until it is closed; a context manager. `url` is where."""

    def __init__(self, site: Site, listener: socket.socket) -> None:
        """`listener` is bound already, so that a port in use is told to the caller."""
        host, port = listener.getsockname()[:2]
        self.host: str = host
        self.port: int = port
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._site = site
        self._listener = listener
        config = uvicorn.Config(
            site,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            limit_concurrency=512,
            h11_max_incomplete_event_size=16 * 1024,
        )
        self._server = _Quiet(config)
        _listeners.add(listener)
        self._thread = threading.Thread(target=self._run, name="pool-dashboard", daemon=True)
        self._thread.start()
        self._server.is_up.wait(_START)

    def launch_url(self) -> str:
        """An address that lets one browser in, once, within a minute."""
        return f"{self.url}/?token={self._site.access.launch_code()}"

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._server.is_up.set()

    def close(self) -> None:
        """End every stream and the thread."""
        self._site.close()
        self._server.should_exit = True
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP)
        self._listener.close()

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


_listeners: Final["weakref.WeakSet[socket.socket]"] = weakref.WeakSet()


def _after_fork() -> None:
    """The child has no thread that serves: it must not keep the port, or callers would hang."""
    for listener in list(_listeners):
        listener.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Ending(uvicorn.Server):
    """A uvicorn that leaves signals to who started it, and no connection when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What a client has not read by then is dropped: uvicorn would leave its socket open."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
        await asyncio.sleep(0)  # They are closed in the loop's next turn.


class _Quiet(Ending):
    """A server that says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()
