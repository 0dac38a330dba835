"""What a look into another's frames must not do: end the process, hang it, take a variable."""

import asyncio
import gc
import subprocess
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from dashboard.probes import owners
from dashboard.probes._outwards import local
from dashboard.probes._threads import current_frames

#: `partial` is called from C with a name: such a call leaves its counter where 3.11 and 3.12 look
#: for the next instruction.
_RUNS = """
import asyncio
from functools import partial
from dashboard.probes import owners
from dashboard.probes._outwards import suspended
from dashboard.probes.moments import of_owners
from dashboard.probes.stacks import of_owner

def look(owner, *, times):
    task = owner.task
    seen.update(str(frames) for frames in (of_owner(owner), of_owners([owner])[0]()))
    suspended(task)

async def serve():
    call = partial(look, owners.asker())
    for times in range(2000):
        call(times=times)

seen = set()
asyncio.run(serve())
print(len(seen), "serve" in min(seen))
"""


def test_task_that_runs_is_looked_at_unharmed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _RUNS], check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (0, "1 True\n"), ended.stderr


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="collects between instructions only")
def test_frames_are_listed_without_collecting() -> None:
    ended, collected = threading.Event(), []
    is_listing = False

    def listing(_: FrameType, what: str, called: object) -> None:
        nonlocal is_listing
        if called is sys._current_frames:  # noqa: TID251
            is_listing = what == "c_call"

    def collects(phase: str, _: dict[str, int]) -> None:
        if is_listing:
            collected.append(phase)

    threads = [threading.Thread(target=ended.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    usual = gc.get_threshold()
    gc.callbacks.append(collects)
    gc.set_threshold(1)
    sys.setprofile(listing)
    try:
        found = current_frames()
    finally:
        sys.setprofile(None)
        gc.set_threshold(*usual)
        gc.callbacks.remove(collects)
        ended.set()
    assert {thread.ident for thread in threads} < {*found}
    found.clear()
    assert collected == []
    assert gc.isenabled()


def test_variables_survive_a_look_under_trace() -> None:
    frames: list[FrameType] = []
    result: list[int] = []

    def traced(frame: FrameType, what: str, _: Any) -> Any:
        if frame.f_code is count.__code__ and what == "line" and frame.f_locals.get("ready"):
            frames.append(frame)
            assert local(frame, "ready") == 1
        return traced

    def count() -> int:
        ready = 1
        return ready + 1

    usual = sys.gettrace()
    sys.settrace(traced)
    try:
        result.append(count())
    finally:
        sys.settrace(usual)
    assert (result, len(frames)) == ([2], 1)


class _Loop:
    """One that knows no weak references, as one written in C may be."""

    __slots__ = ()


class _Task(asyncio.Task[None]):
    def get_loop(self) -> Any:
        return _Loop()


def test_loop_without_weak_references_is_unknown() -> None:
    async def nothing() -> None:
        """Ends at once."""

    async def look() -> object:
        task = _Task(nothing())
        found = owners.of(task)
        await asyncio.sleep(0)  # Who awaits it asks it for its loop.
        return found.loop

    assert asyncio.run(look()) is None
