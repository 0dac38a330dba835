"""What several owners do at one instant, noted on the host's path and told later.

Noted are code and line of each frame, which is a tenth of the work of naming them. No frame is
kept, so nothing that the host holds lives longer.
"""

from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from time import perf_counter
from types import CodeType, FrameType
from typing import Any, Final

from ._outwards import inner
from ._threads import current_frames
from .frames import APPLICATION, function_of, kind_of, shown
from .owners import TaskOwner, ThreadOwner
from .stacks import Stack, _frame_of

#: Owners at most, frames of each, and the seconds after which the rest is left out: 20 owners take
#: 0.4 ms on a slow core.
MOST: Final = 20
_DEEPEST: Final = 40
_PATIENCE: Final = 0.001

_Note = list[tuple[CodeType, int | None]]


def of_owners(owners: Sequence[object]) -> list[Callable[[], Stack]]:
    """For the first of them, in their order: what answers what it did at this moment."""
    until = perf_counter() + _PATIENCE
    noted: list[Callable[[], Stack]] = []
    threads = current_frames()
    try:
        for owner in owners[:MOST]:
            if perf_counter() > until:
                break
            noted.append(partial(named, _note_of(owner, threads)))
    finally:
        # This frame is among them: the circle would keep every thread's locals alive.
        threads.clear()
    return noted


def _note_of(owner: object, threads: dict[int, FrameType]) -> _Note:
    """Innermost first; empty for an owner that has ended, and for the one that notes."""
    if isinstance(owner, TaskOwner):
        task = owner.task
        return _of_awaited(task.get_coro()) if task is not None and not task.done() else []
    if isinstance(owner, ThreadOwner):
        thread = owner._thread() if owner._thread is not None else None
        ident = thread.ident if thread is not None else None
        return [] if ident is None or ident == get_ident() else of_frame(threads.get(ident))
    return []


def _of_awaited(awaited: Any) -> _Note:
    found: _Note = []
    while awaited is not None and len(found) < _DEEPEST:
        frame = _frame_of(awaited)
        if frame is not None:
            found.append((frame.f_code, frame.f_lineno))
        awaited = inner(awaited)
    found.reverse()
    return found


def of_frame(frame: FrameType | None) -> _Note:
    """The frame and those that called it."""
    found: _Note = []
    while frame is not None and len(found) < _DEEPEST:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def named(note: _Note) -> Stack:
    """Files, lines and functions of a note."""
    return tuple(
        (
            shown(code.co_filename),
            line or 0,
            function_of(code),
            kind_of(code.co_filename) != APPLICATION,
        )
        for code, line in note
    )
