"""Real servers for tests: PostgreSQL, and uvicorn in a thread."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

_DEADLINE = 60.0


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """One PostgreSQL for the whole run, started by the first test that asks."""
    from dashboard.demo.postgres import Postgres

    with Postgres() as server:
        yield server


@pytest.fixture
def serve_app() -> Iterator[Callable[[ASGIApp], str]]:
    """`serve_app(app)` is the address of a real server for it, gone after the test."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(serving(app))


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serves on a free loopback port, in a thread with its own loop."""
    with running(app) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(app: ASGIApp, **options: Any) -> Iterator[int]:
    """A server in a thread, with options of uvicorn; answers its port."""
    from dashboard.serving import Ending

    # The protocol is spelled out: asyncio sets TCP_NODELAY only then (40 ms for each answer).
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        port: int = listener.getsockname()[1]
        options = {"log_level": "warning", "ws": "none", "timeout_graceful_shutdown": 2, **options}
        server = Ending(uvicorn.Config(app, **options))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"serving port {port}"
        )
        thread.start()
        try:
            _await_start(server, thread)
            yield port
        finally:
            server.should_exit = True
            thread.join(_DEADLINE)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the server did not start; its log above says why")
        time.sleep(0.005)
