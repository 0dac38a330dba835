"""What the application says itself: `expect()` around a checkout that may be long."""

from collections.abc import Iterator
from contextlib import contextmanager

from .model.errors import DashboardError
from .model.origin import SETTING, HttpRequest, Setting


@contextmanager
def expect(*, hold: float) -> Iterator[None]:
    """Checkouts in this block may hold their connection for `hold` seconds: no suspects before.

    Works in tasks and threads; what is started inside inherits it.
    """
    if not isinstance(hold, int | float) or isinstance(hold, bool) or not hold > 0:
        msg = f"expect() takes hold= in seconds above 0, not {hold!r}"
        raise DashboardError(msg)
    token = SETTING.set(_Expecting(SETTING.get(), float(hold)))
    try:
        yield
    finally:
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
