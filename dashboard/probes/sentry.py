"""A thread that looks while the loop of whoever looks is blocked: a mounted dashboard's own.

It lives as long as somebody watches, and sleeps nearly all of that time.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

#: What the thread is called.
NAME: Final = "pool-dashboard loops"


class Sentry:
    """Calls `look` again and again in a daemon thread, until that says None or somebody `end`s it.

    `look` answers in how many seconds it wants to be called again. It never raises; if it does,
    the thread ends.
    """

    def __init__(self, look: Callable[[], float | None]) -> None:
        """Nothing runs before `keep`."""
        self._look = look
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._pid = os.getpid()

    def keep(self) -> None:
        """See to it that it looks; called by one thread at a time."""
        thread = self._thread
        is_there = thread is not None and thread.is_alive() and self._pid == os.getpid()
        if is_there and not self._over.is_set():
            return
        self._pid, self._over = os.getpid(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._over,), name=NAME, daemon=True
        )
        # No thread can be had, or the interpreter ends: then nobody looks.
        with suppress(RuntimeError):
            self._thread.start()

    def end(self) -> None:
        """It looks no more."""
        self._over.set()

    def _run(self, over: threading.Event) -> None:
        with suppress(Exception):
            while (seconds := self._look()) is not None and not over.wait(seconds):
                pass
