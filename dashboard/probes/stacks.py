"""What an owner does at this moment: a task's await chain, a thread's stack.

Taken only when somebody looks, in the looker's thread. A task that runs meanwhile gives a stack
that was true a moment ago; nothing of it is kept alive.
"""

from asyncio import Task
from threading import get_ident
from types import FrameType
from typing import Any, Final

from ._inwards import awaited
from ._outwards import inner
from ._threads import current_frames
from .frames import APPLICATION, function_of, kind_of, shown
from .owners import TaskOwner, ThreadOwner

#: File, line, function and whether it is a library's, innermost first.
Stack = tuple[tuple[str, int, str, bool], ...]
_DEEPEST: Final = 40


def of_owner(owner: object) -> Stack:
    """What an owner does; empty for one that has ended, and for the looker itself."""
    if isinstance(owner, TaskOwner):
        task = owner.task
        return of_task(task) if task is not None and not task.done() else ()
    if isinstance(owner, ThreadOwner):
        thread = owner._thread() if owner._thread is not None else None
        ident = thread.ident if thread is not None else None
        return of_thread(ident) if ident is not None and ident != get_ident() else ()
    return ()


def of_task(task: "Task[Any]") -> Stack:
    """Where a task is, innermost first: the chain of what awaits what.

    Of a task that runs at this moment the chain ends where it runs; what it calls is on the stack
    of its loop's thread, nothing of which is the looker's own. Of one that waits for others it goes
    on in the first of these.
    """
    frames = _awaiting(task)
    if frames and _is_running(task):
        called = _called_by(task, frames[-1])
        # It was suspended just now: then the chain is whole.
        frames = _awaiting(task) if called is None else [*frames, *reversed(called)]
        return tuple(_describe(frame) for frame in reversed(frames))
    child = awaited(task, frames[-1] if frames else None)
    while child is not None and len(frames) < _DEEPEST:
        more = _awaiting(child)
        frames += more
        child = awaited(child, more[-1]) if more else None
    return tuple(_describe(frame) for frame in reversed(frames))


def _awaiting(task: "Task[Any]") -> list[FrameType]:
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(frames) < _DEEPEST:
        frame = _frame_of(awaited)
        if frame is not None:
            frames.append(frame)
        awaited = inner(awaited)
    return frames


def _is_running(task: "Task[Any]") -> bool:
    coroutine = task.get_coro()
    return bool(getattr(coroutine, "cr_running", getattr(coroutine, "gi_running", False)))


def _called_by(task: "Task[Any]", runs: FrameType) -> list[FrameType] | None:
    """What a frame that runs has called, innermost first; None if it does not run (any more)."""
    ident: int | None = getattr(task.get_loop(), "_thread_id", None)
    if ident is None or ident == get_ident():
        return None
    frame = current_frames().get(ident)
    found: list[FrameType] = []
    while frame is not None and frame is not runs and len(found) < _DEEPEST:
        found.append(frame)
        frame = frame.f_back
    return None if frame is None else found


def of_thread(ident: int) -> Stack:
    """What a thread runs, innermost first; empty for one that has ended."""
    frame = current_frames().get(ident)
    stack: list[tuple[str, int, str, bool]] = []
    while frame is not None and len(stack) < _DEEPEST:
        stack.append(_describe(frame))
        frame = frame.f_back
    return tuple(stack)


def _frame_of(awaitable: Any) -> FrameType | None:
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(awaitable, name, None)
        if isinstance(frame, FrameType):
            return frame
    return None


def _describe(frame: FrameType) -> tuple[str, int, str, bool]:
    code = frame.f_code
    is_library = kind_of(code.co_filename) != APPLICATION
    return shown(code.co_filename), frame.f_lineno or 0, function_of(code), is_library
