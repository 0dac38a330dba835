"""The frames from a hook outwards, across SQLAlchemy's greenlets."""

import importlib
from collections.abc import Callable, Iterator
from itertools import islice
from types import FrameType
from typing import Any, Final

from ._kinds import LOOP, kind_of

getcurrent: Callable[[], Any] | None
try:
    getcurrent = importlib.import_module("greenlet").getcurrent
except ImportError:
    getcurrent = None

#: No walk goes further.
DEEPEST: Final = 60


def stack_from(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames from here outwards, and how many greenlets (SQLAlchemy's) were left behind."""
    current = getcurrent() if getcurrent is not None else None
    left = 0
    while True:
        while frame is not None:
            yield frame, left
            frame = frame.f_back
        current = current.parent if current is not None else None
        if current is None:
            return
        frame = current.gr_frame
        left += 1


def inside(start: FrameType) -> list[FrameType]:
    """The frames up to the event loop's own."""
    frames = []
    for frame, _ in islice(stack_from(start), DEEPEST):
        frames.append(frame)
        if kind_of(frame.f_code.co_filename) == LOOP:
            break
    return frames
