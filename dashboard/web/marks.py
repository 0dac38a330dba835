"""Lines that the application drew with `mark()`, placed on a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from ..model.history import Mark

#: Marks on one chart at the most: the newest.
MOST: Final = 12
#: Labels closer than this, in per cent of the width, stand on different lines.
_NEAR: Final = 22.0
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
    for mark in [mark for mark in marks if begin <= mark.at <= end][-MOST:]:
        at = round((mark.at - begin) / (end - begin) * 100, 2)
        near = {line.row for line in found if at - line.at < _NEAR}
        row = next((each for each in range(_LINES) if each not in near), 0)
        cut = mark.text if len(mark.text) <= _LONGEST else f"{mark.text[: _LONGEST - 1]}…"
        time = datetime.fromtimestamp(mark.at, zone).strftime("%H:%M:%S")
        found.append(Line(at, cut, mark.text, time, row, left=at > 70))
    return tuple(found)
