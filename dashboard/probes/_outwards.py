"""Whose line waits for a task or a worker thread that runs none of the application's own.

`asyncio.wait_for(engine.connect().start(), 5)` makes such a task before Python 3.12, `gather`
always; `asyncio.to_thread(session.execute, …)` such a thread. Looked at only where no frame of the
application was found. A future's callbacks hold the task that it will wake.
"""

import asyncio
import gc
import sys
import threading
from asyncio import Task
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import (
    BuiltinMethodType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)
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


def beyond(tasks: Iterable["Task[Any]"]) -> list["Task[Any]"]:
    """Tasks, and those that wait for them in turn, the nearest first."""
    found: list[Task[Any]] = []
    ahead = list(tasks)
    while ahead and len(found) < _LINKS:
        task = ahead.pop(0)
        if task not in found and not task.done():
            found.append(task)
            ahead += awaiting(task)
    return found


def awaiting_thread(frames: Sequence[FrameType]) -> Iterator["Task[Any]"]:
    """The tasks that wait for what a worker thread runs, `frames`."""
    future = _of_thread(frames)
    # A thread may be so quick that nobody waits for it yet.
    for callback in tuple(getattr(future, "_done_callbacks", ())):
        yield from _woken(callback, _LINKS)
    yield from awaiting(future)


def suspended(task: "Task[Any]") -> list[FrameType]:
    """The frames of a task that is suspended, from the application's innermost outwards."""
    frames: list[FrameType] = []
    coroutine: Any = task.get_coro()
    while coroutine is not None and len(frames) < _FRAMES:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append(frame)
        coroutine = inner(coroutine)
    while frames and kind_of(frames[-1].f_code.co_filename) != APPLICATION:
        frames.pop()
    return frames[::-1]


def inner(awaitable: Any) -> Any:
    """What a suspended coroutine, or what wraps one, waits for; None for one that runs.

    Before 3.13 the interpreter takes a word beside the stack of one that runs for an object: the
    process ends. Question and answer are one expression without a call, so that no other thread can
    resume it between them.
    """
    kind = type(awaitable)
    if kind is CoroutineType:
        return None if awaitable.cr_running else awaitable.cr_await
    if kind is GeneratorType:
        return None if awaitable.gi_running else awaitable.gi_yieldfrom
    if hasattr(awaitable, "cr_await"):  # Cython's, which can be asked at any time.
        return awaitable.cr_await
    # What wraps a coroutine (its `__await__`, aiohttp's requests) does not say so.
    return next((each for each in gc.get_referents(awaitable) if type(each) is CoroutineType), None)


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
    return next(awaiting_thread(frames), None)


def _of_thread(frames: Sequence[FrameType]) -> object:
    """The future of what a worker thread runs: of an executor, or anyio's."""
    threads = sys.modules.get("concurrent.futures.thread")
    run = getattr(getattr(getattr(threads, "_WorkItem", None), "run", None), "__code__", None)
    for frame in frames:
        code = frame.f_code
        if code is run:
            return getattr(local(frame, "self"), "future", None)
        if code.co_qualname == "WorkerThread.run" and kind_of(code.co_filename) == LOOP:
            return local(frame, "future")
    return None


def local(frame: FrameType, name: str) -> object:
    """A variable of a frame."""
    seen: Any = frame.f_locals
    found: object = seen.get(name)
    # Before 3.13 the frame keeps this copy, and all in it, alive. While a trace function (a
    # debugger's) runs, the frame's variables are written back from it.
    if type(seen) is dict and frame.f_trace is None and threading.gettrace() is None:
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
