"""Every thread's frame at this moment."""

import gc
import sys
from types import FrameType
from typing import Final

#: Before 3.12 the collector may run while the list is made, under a lock of the interpreter's. What
#: it collects may let go of the interpreter, and a thread that then begins or ends waits for that
#: lock for ever (python/cpython#106883).
_MAY_COLLECT: Final = sys.version_info < (3, 12)


def current_frames() -> dict[int, FrameType]:
    """As `sys._current_frames()`, which can hang the process in 3.11."""
    was_on = _MAY_COLLECT and gc.isenabled()
    try:
        if was_on:
            gc.disable()
        return sys._current_frames()  # noqa: TID251
    finally:
        # Two at once: whoever found it on turns it on, so that it never stays off.
        if was_on:
            gc.enable()
