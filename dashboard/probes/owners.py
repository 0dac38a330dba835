"""Who asked: the running task, else the thread; neither is kept alive.

Each notes when it ends. A thread: when its locals are cleared. A task: when it is collected, which
is at once unless somebody still refers to it; until then only a look tells that it is done.
"""

import asyncio
import itertools
import sys
import threading
from asyncio import Task
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from types import CodeType, FrameType
from typing import Any, Final
from weakref import ref

from ._kinds import LIBRARY, kind_of
from ._outwards import awaiting, awaiting_thread, beyond
from ._threads import current_frames

#: In C; `current_task` is written in Python before 3.12.
running_loop: Final = asyncio._get_running_loop
_get_ident: Final = threading.get_ident

#: Numbers of owners. Not what Python or the system call them: these are used again, and the next
#: task at the same address with the same name is somebody else.
_numbers: Final = itertools.count(1)

Clock = Callable[[], float]
#: Clocks by which ends are noted beside `monotonic`, and for whom.
_clocks: tuple[tuple["ref[object]", Clock], ...] = ()


def keep_time(whose: object, clock: Clock) -> None:
    """Note ends by `clock` too, as long as `whose` lives."""
    global _clocks  # noqa: PLW0603 -- replaced as a whole: it is read while garbage is collected
    if clock is not monotonic:
        living = [each for each in _clocks if each[0]() is not None]
        _clocks = (*living, (ref(whose), clock))


class _Mortal:
    """Somebody who ends."""

    __slots__ = ("_ends",)
    #: The time of the end by the identity of the clock.
    _ends: dict[int, float] | None

    def end(self, _: object = None) -> None:
        """Called by the garbage collector, or in a thread that ends: never raises."""
        try:
            if self._ends is None:
                self._ends = ends = {id(monotonic): monotonic()}
                for whose, clock in _clocks:
                    _note(ends, whose, clock)
        except Exception:  # noqa: S110 -- the interpreter ends, and its modules are empty
            pass

    def ended_at(self, clock: Clock) -> float | None:
        """When it ended by `clock`; None while it lives, and where the moment was not seen."""
        return None if self._ends is None else self._ends.get(id(clock))


def _note(ends: dict[int, float], whose: "ref[object]", clock: Clock) -> None:
    try:
        if whose() is not None:
            ends[id(clock)] = clock()
    except Exception:  # noqa: S110 -- a clock that fails: only a look tells
        pass


class TaskOwner(_Mortal):
    """A task by name and number."""

    __slots__ = ("_code", "_task", "ident", "loop", "name")
    kind: Final = "task"
    #: As a weak reference: of one loop it is always the same.
    loop: "ref[asyncio.AbstractEventLoop] | None"
    _task: "ref[Task[Any]]"
    #: What the task runs; None where that is not written in Python.
    _code: CodeType | None
    name: str
    ident: int

    @property
    def task(self) -> "Task[Any] | None":
        """The task, None once it is gone."""
        return self._task()

    @property
    def is_carrier(self) -> bool:
        """Whether it runs no code of the application, so that it can only hand on what it gets.

        `asyncio.wait_for(engine.connect().start(), 5)` makes one before Python 3.12.
        """
        return self._code is not None and kind_of(self._code.co_filename) == LIBRARY

    def is_alive(self) -> bool:
        """Whether it has not finished."""
        task = self._task()
        return task is not None and not task.done()

    def awaited_by(self) -> "list[TaskOwner]":
        """The tasks that wait for it."""
        task = self._task()
        return [] if task is None else [of(each) for each in beyond(awaiting(task))]


class ThreadOwner(_Mortal):
    """A thread; one object serves all its checkouts."""

    __slots__ = ("_thread", "ident", "name")
    kind: Final = "thread"
    is_carrier: Final = False
    loop: Final = None

    def __init__(self, ident: int, thread: threading.Thread | None) -> None:
        """`thread` is None for a thread that Python did not start."""
        self._ends = None
        self.ident = next(_numbers) & 0xFFFFFFFF
        self.name = thread.name if thread is not None else f"thread-{ident}"
        self._thread = ref(thread) if thread is not None else None

    def is_alive(self) -> bool:
        """Whether it has not ended; unknown threads count as alive."""
        if self._thread is None:
            return True
        thread = self._thread()
        return self._ends is None and thread is not None and thread.is_alive()

    def awaited_by(self) -> list[TaskOwner]:
        """The tasks that wait for what it runs, if it works for others."""
        thread = self._thread() if self._thread is not None else None
        ident = thread.ident if thread is not None else None
        frame = current_frames().get(ident or 0) if ident != _get_ident() else None
        frames: list[FrameType] = []
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        return [of(each) for each in beyond(awaiting_thread(frames))]


class Nobody:
    """The owner of what was out before the watch began."""

    __slots__ = ()
    kind: Final = "unknown"
    name: Final = ""
    ident: Final = 0
    is_carrier: Final = False
    loop: Final = None

    def is_alive(self) -> bool:
        """Nothing is known of it."""
        return True

    def ended_at(self, _: Clock) -> None:
        """Nothing is known of it."""

    def awaited_by(self) -> tuple[TaskOwner, ...]:
        """Nothing is known of it."""
        return ()


NOBODY: Final = Nobody()


class _End:
    """Goes with what refers to it, and tells."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def __del__(self) -> None:
        self._tell()


class _PerThread(threading.local):
    """One owner a thread; it goes with the thread."""

    def __init__(self) -> None:
        ident = _get_ident()
        # Not current_thread(): that would register a dummy for a foreign thread, for good.
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        self.owner = ThreadOwner(ident, thread)
        # A foreign thread goes on when Python forgets it.
        self.end = _End(self.owner.end) if thread is not None else None


per_thread: Final = _PerThread()

if sys.version_info < (3, 14):
    #: The running task of each loop, written by C: empty while no task runs in any thread.
    tasks: Final[Any] = asyncio.tasks._current_tasks  # type: ignore[attr-defined]
    _current_task = tasks.get
else:
    tasks: Final[Any] = (None,)
    _current_task = asyncio.current_task

#: Owners by the identity of their tasks, for tasks that ask again: making one takes 5,000.
_owners: Final[dict[int, TaskOwner]] = {}
#: More tasks than this that live at once are forgotten, and get a number anew: 3 MB.
_MOST: Final = 8192


def asker() -> TaskOwner | ThreadOwner:
    """Who asks: the running task, else the thread."""
    loop = running_loop()
    if loop is not None:
        task = _current_task(loop)
        # A task that is gone took its entry along, before there could be another in its place.
        owner = _owners.get(id(task))
        if owner is not None:
            return owner
        if task is not None:
            return _new_owner(task)
    return per_thread.owner


#: Inside a loop the two are the same.
of_task: Final = asker


def this_loop() -> "ref[asyncio.AbstractEventLoop] | None":
    """The event loop that runs here, as a weak reference; None where none does."""
    loop = running_loop()
    return None if loop is None else _known(loop)


def _known(loop: "asyncio.AbstractEventLoop") -> "ref[asyncio.AbstractEventLoop] | None":
    try:
        return ref(loop)
    except TypeError:  # A loop written in C need not have weak references.
        return None


def of(task: "Task[Any]") -> TaskOwner:
    """The owner that a task is."""
    owner = _owners.get(id(task))
    return owner if owner is not None and owner._task() is task else _new_owner(task)


def _new_owner(task: "Task[Any]") -> TaskOwner:
    owner = TaskOwner()
    owner._ends = None
    key = id(task)

    def ended(_: object) -> None:
        owner.end()
        with suppress(Exception):  # When the interpreter ends there is no table.
            _owners.pop(key, None)

    # A circle until the task is gone: an owner that nobody else needs must hear of that.
    owner._task = ref(task, ended)
    owner.loop = _known(task.get_loop())
    owner._code = getattr(task.get_coro(), "cr_code", None) or _code_of(task)
    owner.name = task.get_name()
    owner.ident = next(_numbers) & 0xFFFFFFFF
    if len(_owners) >= _MOST:
        _owners.clear()
    _owners[key] = owner
    return owner


def _code_of(task: "Task[Any]") -> CodeType | None:
    """Of a coroutine that is a generator: asyncio makes these before Python 3.12."""
    code: CodeType | None = getattr(task.get_coro(), "gi_code", None)
    return code
