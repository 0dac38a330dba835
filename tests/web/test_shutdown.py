"""A host's server with open streams ends when it is told to."""

import signal
import subprocess
import time
from contextlib import ExitStack

import pytest

from .hosting import await_start, hosting
from .listening import listening

pytestmark = pytest.mark.slow


def stop(process: subprocess.Popen[bytes]) -> tuple[float, str]:
    """Seconds that a SIGTERM takes, and what the server said."""
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    seconds = time.monotonic() - start
    return seconds, said.decode()


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
