"""Polls with a deadline, which is how the demo's tests wait."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

_DEADLINE = 60.0


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; the test fails when that takes 20 s."""
    deadline = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        await asyncio.sleep(0.02)


def block_until(condition: Callable[[], bool]) -> None:
    """As `until`, where no event loop runs."""
    deadline = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be collected by its parent does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # gone meanwhile, or a system without /proc
        return not Path("/proc/self").exists()
    return state != "Z"
