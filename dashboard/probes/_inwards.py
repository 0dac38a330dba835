"""The tasks that a suspended task waits for: through `gather`, `wait_for`, `wait`, a task group.

The library's own frames hold them; nobody else's are looked into.
"""

import os
from asyncio import Future, Task
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Final

from ._outwards import local

_FILES: Final = (
    os.path.join("asyncio", "tasks.py"),
    os.path.join("asyncio", "taskgroups.py"),
    os.path.join("_backends", "_asyncio.py"),
)
#: What holds the tasks in a function that waits for them, by its name.
_HOLDERS: Final = {
    "wait_for": "fut",
    "_wait": "fs",
    "TaskGroup.__aexit__": "self",
    "TaskGroup._aexit": "self",
}


def awaited(task: "Task[Any]", innermost: FrameType | None) -> "Task[Any] | None":
    """The first of them that is not done; `innermost` of the frames of `task`."""
    waiter = getattr(task, "_fut_waiter", None)
    known = [waiter, *getattr(waiter, "_children", ())] if isinstance(waiter, Future) else []
    return next(_running([*known, *_in(innermost)], task), None)


def _in(frame: FrameType | None) -> Iterator[object]:
    if frame is None or not frame.f_code.co_filename.endswith(_FILES):
        return
    name = _HOLDERS.get(frame.f_code.co_qualname)
    held = local(frame, name) if name is not None else None
    if name == "self":
        held = getattr(held, "_tasks", ())
    # A copy: in another thread they come and go.
    yield from tuple(held) if isinstance(held, set | list | tuple) else (held,)


def _running(found: Iterable[object], waits: "Task[Any]") -> "Iterator[Task[Any]]":
    for each in found:
        if isinstance(each, Task) and each is not waits and not each.done():
            yield each
