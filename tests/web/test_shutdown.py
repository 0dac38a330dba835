"""A host's server with open streams ends when it is told to."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from .listening import eventually, listening

_ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@contextmanager
def hosting(*options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Uvicorn in a process of its own, without lifespan, as a host might run it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "uvicorn", "tests.web.host:app", "--lifespan", "off"]
        command += ["--fd", str(listener.fileno()), *options]
        process = subprocess.Popen(
            command, cwd=_ROOT, pass_fds=[listener.fileno()], stderr=subprocess.PIPE
        )
    try:
        yield base, process
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[bytes]) -> tuple[float, str]:
    """Seconds that a SIGTERM takes, and what the server said."""
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    seconds = time.monotonic() - start
    return seconds, said.decode()


def await_start(base: str, process: subprocess.Popen[bytes]) -> None:
    """Asks until it answers."""

    def is_up() -> bool:
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            return httpx.get(base + "/pools/healthz").text == "ok"
        except httpx.TransportError:
            return False

    eventually(is_up)


def test_idle_streams_end_by_themselves() -> None:
    with hosting() as (base, process), ExitStack() as streams:
        await_start(base, process)
        for _ in range(3):
            stream = streams.enter_context(listening(base + "/pools"))
            assert next(stream).event == "reset"
        seconds, said = stop(process)
    assert seconds < 3
    assert "Traceback" not in said


@pytest.mark.parametrize("options", [(), ("--timeout-graceful-shutdown", "2")])
def test_stalled_stream_does_not_hold_the_server(options: tuple[str, ...]) -> None:
    with hosting(*options) as (base, process), ExitStack() as streams:
        await_start(base, process)
        stalled = streams.enter_context(listening(base + "/pools"))
        good = streams.enter_context(listening(base + "/pools"))
        assert next(stalled).event == "reset"
        # More than the kernel's buffers hold.
        for _ in range(100):
            next(good)
        seconds, said = stop(process)
    assert seconds < 3
    assert "Traceback" not in said
