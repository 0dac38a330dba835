"""A host in a process of its own, served by uvicorn."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from .listening import eventually

_ROOT = Path(__file__).parents[2]


@contextmanager
def hosting(
    *options: str, app: str = "app", port: int = 0
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Uvicorn in a process of its own, without lifespan, as a host might run it."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "uvicorn", f"tests.web.host:{app}", "--lifespan", "off"]
        command += ["--fd", str(listener.fileno()), *options]
        process = subprocess.Popen(
            command, cwd=_ROOT, pass_fds=[listener.fileno()], stderr=subprocess.PIPE
        )
    try:
        yield base, process
    finally:
        process.kill()
        process.communicate()


def await_start(base: str, process: subprocess.Popen[bytes], path: str = "/pools/healthz") -> None:
    """Asks until it answers."""

    def is_up() -> bool:
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            return httpx.get(base + path).text == "ok"
        except httpx.TransportError:
            return False

    eventually(is_up)
