"""Whose line waits for a task or a worker thread that runs none of the application's own.

`asyncio.wait_for(engine.connect().start(), 5)` makes such a task before Python 3.12, `gather`
always; `asyncio.to_thread(session.execute, …)` such a thread. Looked at only where no frame of the
application was found. A future's callbacks hold the task that it will wake.
"""

import asyncio
import sys
from asyncio import Task
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import BuiltinMethodType, FrameType, FunctionType, MethodType
from typing import Any, Final

from ._kinds import APPLICATION, LOOP, is_installed, kind_of

#: Futures and tasks on the way, at most; no more of a coroutine's frames are kept either.
_LINKS: Final = 8
_FRAMES: Final = 24


def awaiting(future: Any, links: int = _LINKS) -> Iterator["Task[Any]"]:
    """The tasks that a future will wake, straight or through what asyncio puts between."""
    # A copy: in another thread they may come and go. asyncio's are pairs with a context.
    for entry in tuple(getattr(future, "_callbacks", None) or ()):
        yield from _woken(entry[0], links)


def _woken(callback: object, links: int) -> Iterator["Task[Any]"]:
    """Only of what asyncio and Python make: who knows what else answers to an attribute."""
    if isinstance(callback, BuiltinMethodType | MethodType):
        holder = callback.__self__
        if isinstance(holder, asyncio.TaskGroup):
            holder = holder._parent_task  # type: ignore[attr-defined]
        if isinstance(holder, Task):
            yield holder
    for link in _links(callback):
        if links and isinstance(link, asyncio.Future):
            yield from awaiting(link, links - 1)


def _links(callback: object) -> Iterator[object]:
    if isinstance(callback, partial):
        yield from callback.args
    if isinstance(callback, FunctionType):
        for cell in callback.__closure__ or ():
            with suppress(ValueError):  # An empty cell.
                yield cell.cell_contents


def suspended(task: "Task[Any]") -> list[FrameType]:
    """The frames of a task that is suspended, from the application's innermost outwards."""
    frames: list[FrameType] = []
    coroutine: Any = task.get_coro()
    while coroutine is not None and len(frames) < _FRAMES:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append(frame)
        inner = getattr(coroutine, "cr_await", None)
        coroutine = inner if inner is not None else getattr(coroutine, "gi_yieldfrom", None)
    while frames and kind_of(frames[-1].f_code.co_filename) != APPLICATION:
        frames.pop()
    return frames[::-1]


def waiting(frames: Sequence[FrameType]) -> list[FrameType]:
    """The frames of who waits for what runs here, `frames`; empty where nobody is seen to."""
    task = _waiting_task(frames)
    for _ in range(_LINKS):
        if task is None:
            break
        found = suspended(task)
        if found:
            return found
        task = next(awaiting(task), None)
    return []


def _waiting_task(frames: Sequence[FrameType]) -> "Task[Any] | None":
    if asyncio._get_running_loop() is not None:
        return next(awaiting(asyncio.current_task()), None)
    future = _of_thread(frames)
    # A thread may be so quick that nobody waits for it yet.
    for callback in tuple(getattr(future, "_done_callbacks", ())):
        return next(_woken(callback, _LINKS), None)
    return next(awaiting(future), None)


def _of_thread(frames: Sequence[FrameType]) -> object:
    """The future of what a worker thread runs: of an executor, or anyio's."""
    threads = sys.modules.get("concurrent.futures.thread")
    run = getattr(getattr(getattr(threads, "_WorkItem", None), "run", None), "__code__", None)
    for frame in frames:
        code = frame.f_code
        if code is run:
            return getattr(_local(frame, "self"), "future", None)
        if code.co_qualname == "WorkerThread.run" and kind_of(code.co_filename) == LOOP:
            return _local(frame, "future")
    return None


def _local(frame: FrameType, name: str) -> object:
    seen: Any = frame.f_locals
    found: object = seen.get(name)
    if type(seen) is dict:  # Before 3.13 the frame keeps this copy, and all in it, alive.
        seen.clear()
    return found


def handed_over(frames: Sequence[FrameType]) -> str:
    """Such as `(in a thread) Session.execute`: what a task or thread was given to run."""
    own = [each.f_code for each in frames if is_installed(each.f_code.co_filename)]
    own = [code for code in own if kind_of(code.co_filename) != LOOP]
    if not own:
        return ""
    where = "a thread" if asyncio._get_running_loop() is None else "a task"
    return f"(in {where}) {own[-1].co_qualname}"
