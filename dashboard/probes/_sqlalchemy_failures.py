"""Checkouts of SQLAlchemy that failed: the reason, and a traceback without us."""

from typing import Final

from sqlalchemy import exc

from . import _sqlalchemy_hooks

_HOOKS: Final = _sqlalchemy_hooks.__file__


def trim(error: BaseException) -> None:
    """Of our frames only that of `connect` stays in the traceback."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        if step.tb_next.tb_frame.f_code.co_filename == _HOOKS:
            step.tb_next = step.tb_next.tb_next
        else:
            step = step.tb_next


def why_failed(error: BaseException) -> str:
    """The reason of a failed checkout."""
    if not isinstance(error, Exception):
        return "cancelled"
    if isinstance(error, exc.TimeoutError):
        return "timeout"
    # AssertionPool does not wait: its limit is reached at once.
    words = error.args[0] if isinstance(error, AssertionError) and error.args else ""
    is_refused = isinstance(words, str) and words.startswith("connection is already checked out")
    return "timeout" if is_refused else "connection_error"
