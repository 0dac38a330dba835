"""Fails a test that leaves a thread, a task or a listening socket behind."""

import asyncio
import gc
import os
import socket
import stat
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import pytest

_GRACE = 10.0
_ENDING = 1.5
_ALLOWED_THREADS = (
    "asyncio_",  # the default executor of a loop that lives longer than one test
    "waitpid-",  # asyncio on Python 3.11 waits for a child process in a thread
)
_abandoned_tasks: list[str] = []


@dataclass(frozen=True)
class Running:
    """What runs in this process at one instant."""

    threads: frozenset[threading.Thread]
    listeners: frozenset[tuple[int, str]]


def running() -> Running:
    """Costs one system call for each open file."""
    threads = (t for t in threading.enumerate() if not t.name.startswith(_ALLOWED_THREADS))
    return Running(frozenset(threads), frozenset(_listeners()))


def left_behind(before: Running) -> list[str]:
    """One phrase for each thing that started after `before` and still runs.

    The one place for this question: a new kind of leftover is one more line here.
    """
    after = running()
    return [
        *(f"thread {thread.name!r}" for thread in after.threads - before.threads),
        *(f"listening socket {name}" for _, name in after.listeners - before.listeners),
        *_abandoned_tasks,
    ]


def _listeners() -> Iterator[tuple[int, str]]:
    """Inode and address of each listening socket, whoever in this process opened it."""
    for entry in Path("/dev/fd").iterdir():
        descriptor = int(entry.name)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISSOCK(status.st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield status.st_ino, str(copy.getsockname())
        except OSError:  # closed since it was listed
            continue


def _abandoned(loop: asyncio.AbstractEventLoop) -> Iterator[str]:
    """The tasks that nobody awaits when a loop is about to close; those just ending may end."""
    tasks = asyncio.all_tasks(loop)
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_ENDING))
    for task in tasks:
        if not task.done():
            yield f"task {task.get_name()!r} in {task.get_coro()!r}"


@pytest.fixture(scope="session", autouse=True)
def _note_abandoned_tasks() -> Iterator[None]:
    """Runner.close cancels what is left without a word, also after an async test; note it first."""
    close = asyncio.Runner.close

    @wraps(close)
    def noting(runner: asyncio.Runner) -> None:
        # A server that runs in a thread of its own ends in its own way.
        if threading.current_thread() is threading.main_thread():
            loop = getattr(runner, "_loop", None)
            if loop is not None and not loop.is_closed() and not loop.is_running():
                _abandoned_tasks.extend(_abandoned(loop))
        close(runner)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Runner, "close", noting)
        yield


_before = pytest.StashKey[Running]()


@pytest.fixture(autouse=True)
def _note_what_runs(request: pytest.FixtureRequest) -> None:
    """Set up after the fixtures of wider scope, so what they started is not the test's."""
    _abandoned_tasks.clear()
    request.node.stash[_before] = running()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Looks when every fixture of the test is gone; what is just ending gets a moment."""
    yield
    before = item.stash.get(_before, None)
    if before is None:
        return
    deadline = time.monotonic() + _GRACE
    left = left_behind(before)
    while left and not _abandoned_tasks and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
        left = left_behind(before)
    if left:
        pytest.fail(f"the test left behind: {', '.join(sorted(left))}", pytrace=False)
