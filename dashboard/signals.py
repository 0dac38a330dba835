"""Ctrl-C and SIGTERM: the first one ends the program, later ones change nothing."""

import asyncio
import contextlib
import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Signals:
    """Before the event loop runs a signal is a `KeyboardInterrupt`, then it is an event."""

    def __init__(self) -> None:
        """Handlers are installed by `with`, in the main thread."""
        self._is_ending = False
        self._asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Install."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what was there."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def become_events(self) -> None:
        """From here on, in a running loop, a signal interrupts nothing; `wait` sees it."""
        self._loop = asyncio.get_running_loop()

    async def wait(self, seconds: float | None) -> None:
        """Until a signal comes or `seconds` passed; later signals change nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        self._is_ending = True

    def _handle(self, _: int, __: FrameType | None) -> None:
        if self._is_ending:
            return
        self._is_ending = True
        if self._loop is None:
            raise KeyboardInterrupt
        # A loop that ended by an error is closed and needs no event.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._asked.set)
