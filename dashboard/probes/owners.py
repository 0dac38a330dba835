"""Who asked: the running task, else the thread; neither is kept alive."""

import asyncio
import sys
import threading
from asyncio import Task
from typing import Any, Final
from weakref import ref

#: In C; `current_task` is written in Python before 3.12.
running_loop: Final = asyncio._get_running_loop
_get_ident: Final = threading.get_ident


class TaskOwner:
    """A task by name and number."""

    __slots__ = ("_task", "ident", "name")
    kind: Final = "task"
    _task: "ref[Task[Any]]"
    name: str
    ident: int

    @property
    def task(self) -> "Task[Any] | None":
        """The task, None once it is gone."""
        return self._task()

    def is_alive(self) -> bool:
        """Whether it has not finished."""
        task = self._task()
        return task is not None and not task.done()


class ThreadOwner:
    """A thread; one object serves all its checkouts."""

    __slots__ = ("_thread", "ident", "name")
    kind: Final = "thread"

    def __init__(self, ident: int, thread: threading.Thread | None) -> None:
        """`thread` is None for a thread that Python did not start."""
        self.ident = ident & 0xFFFFFFFF
        self.name = thread.name if thread is not None else f"thread-{ident}"
        self._thread = ref(thread) if thread is not None else None

    def is_alive(self) -> bool:
        """Whether it has not ended; unknown threads count as alive."""
        if self._thread is None:
            return True
        thread = self._thread()
        return thread is not None and thread.is_alive()


class Nobody:
    """The owner of what was out before the watch began."""

    __slots__ = ()
    kind: Final = "unknown"
    name: Final = ""
    ident: Final = 0

    def is_alive(self) -> bool:
        """Nothing is known of it."""
        return True


NOBODY: Final = Nobody()


class _PerThread(threading.local):
    """One owner a thread; it goes with the thread."""

    def __init__(self) -> None:
        ident = _get_ident()
        # Not current_thread(): that would register a dummy for a foreign thread, for good.
        self.owner = ThreadOwner(ident, threading._active.get(ident))  # type: ignore[attr-defined]


per_thread: Final = _PerThread()

if sys.version_info < (3, 14):
    #: The running task of each loop, written by C: empty while no task runs in any thread.
    tasks: Final[Any] = asyncio.tasks._current_tasks  # type: ignore[attr-defined]
    _current_task = tasks.get
else:
    tasks: Final[Any] = (None,)
    _current_task = asyncio.current_task

#: Owners by the identity of their tasks, for tasks that ask again: making one takes 4,000.
_owners: Final[dict[int, TaskOwner]] = {}
_MOST: Final = 1024


def asker() -> TaskOwner | ThreadOwner:
    """Who asks: the running task, else the thread."""
    loop = running_loop()
    task = _current_task(loop) if loop is not None else None
    if task is None:
        return per_thread.owner
    owner = _owners.get(id(task))
    if owner is not None and owner._task() is task:
        return owner
    return _new_owner(task)


#: Inside a loop the two are the same.
of_task: Final = asker


def _new_owner(task: "Task[Any]") -> TaskOwner:
    owner = TaskOwner()
    owner._task = ref(task)
    owner.name = task.get_name()
    # Ids are used again, names need not be unique: together they nearly are.
    owner.ident = (id(task) ^ hash(owner.name)) & 0xFFFFFFFF
    if len(_owners) >= _MOST:
        _owners.clear()
    _owners[id(task)] = owner
    return owner
