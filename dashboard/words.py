"""What the application says itself: `expect()` around long checkouts, `mark()` on the charts."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

from . import options
from .model.history import Mark
from .model.origin import SETTING, HttpRequest, Setting

#: The last marks of this process, oldest first.
MARKS: Final[deque[Mark]] = deque(maxlen=100)


def mark(text: str) -> None:
    """Draw a line on every chart, from this moment on: a deploy, a migration, an experiment."""
    MARKS.append(Mark(time.time(), options.mark(text)))


def expect(*, hold: float) -> AbstractContextManager[None]:
    """Checkouts in this block may hold their connection for `hold` seconds: no suspects before.

    Works in tasks and threads; what is started inside inherits it.
    """
    return _expecting(options.seconds("expect(hold=)", hold))


@contextmanager
def _expecting(hold: float) -> Iterator[None]:
    token = SETTING.set(_Expecting(SETTING.get(), hold))
    try:
        yield
    finally:
        # FastAPI leaves a plain generator dependency in another context than it entered it.
        with suppress(ValueError):
            SETTING.reset(token)


class _Expecting(Setting):
    """Adds an expectation to what surrounds the checkout already."""

    __slots__ = ("_around",)

    def __init__(self, around: Setting | None, expected_hold: float) -> None:
        super().__init__(None, expected_hold)
        self._around = around

    @property
    def request(self) -> HttpRequest | None:
        return self._around.request if self._around is not None else None
