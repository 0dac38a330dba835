"""Real servers for tests: PostgreSQL, and uvicorn in a thread."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

_DEADLINE = 10.0


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
    from dashboard.serving import Ending

    # The protocol is spelled out: asyncio sets TCP_NODELAY only then (40 ms for each answer).
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=2)
        server = Ending(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"serving {address}"
        )
        thread.start()
        try:
            _await_start(server, thread)
            yield address
        finally:
            server.should_exit = True
            thread.join(_DEADLINE)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the server did not start; its log above says why")
        time.sleep(0.005)
