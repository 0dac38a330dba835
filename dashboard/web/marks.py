"""Lines that the application drew with `mark()`, placed on a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from ..model.history import Mark

#: Marks on one chart at the most: the newest.
MOST: Final = 12
#: About the width of a letter and of the room beside a label, in per cent of a chart's width.
_LETTER: Final = 1.1
_ROOM: Final = 3.0
_LINES: Final = 3
_LONGEST: Final = 28


@dataclass(frozen=True, slots=True)
class Line:
    """`at` in per cent from the left; `row` of its label, which stands left of the line if `left`.

    `text` may be cut, `full` is not.
    """

    at: float
    text: str
    full: str
    time: str
    row: int
    left: bool


def lines(marks: Sequence[Mark], begin: float, end: float, zone: tzinfo | None) -> tuple[Line, ...]:
    """The newest of those between `begin` and `end` (UNIX times), oldest first."""
    if end <= begin:
        return ()
    found: list[Line] = []
    taken: list[tuple[float, float, int]] = []
    for mark in [mark for mark in marks if begin <= mark.at <= end][-MOST:]:
        at = round((mark.at - begin) / (end - begin) * 100, 2)
        cut = mark.text if len(mark.text) <= _LONGEST else f"{mark.text[: _LONGEST - 1]}…"
        is_left = at > 70
        wide = len(cut) * _LETTER + _ROOM
        first, last = (at - wide, at) if is_left else (at, at + wide)
        near = {row for left, right, row in taken if left < last and first < right}
        row = next((each for each in range(_LINES) if each not in near), 0)
        taken.append((first, last, row))
        time = datetime.fromtimestamp(mark.at, zone).strftime("%H:%M:%S")
        found.append(Line(at, cut, mark.text, time, row, is_left))
    return tuple(found)
