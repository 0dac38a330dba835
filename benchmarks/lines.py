"""A line of a table: one prediction beside what came true."""

from dataclasses import dataclass
from typing import Final

from dashboard.model.whatif import Row

#: The stopwatch also times the event loop: by so much reality may lie outside a range.
_SLACK: Final = 0.001
#: Waits below this many seconds have no error worth a percentage.
_WORTH: Final = 0.005


@dataclass(frozen=True)
class Line:
    """`error` is a share, with its sign; None where it is not worth one, or nothing was told."""

    kind: str
    text: str
    error: float | None
    is_inside: bool | None
    is_point: bool


def line_of(kind: str, begin: tuple[str, ...], row: Row, real: float, beside: str = "") -> Line:
    """`begin` are its first cells, `real` is the p95 that came true, `beside` follows p95."""
    error = row.p95 / real - 1 if row.p95 is not None and real >= _WORTH else None
    around, is_inside = "-", None
    if row.range is not None:
        low, high = row.range
        is_inside = low - _SLACK <= real <= high + _SLACK
        around = f"{low * 1000:.0f}–{high * 1000:.0f}{'' if is_inside else ' **missed**'}"
    cells = (
        *begin,
        ("-" if row.p95 is None else f"{row.p95 * 1000:.1f}") + beside,
        "-" if error is None else f"{error:+.0%}",
        around,
        row.grade,
    )
    return Line(kind, f"| {' | '.join(cells)} |", error, is_inside, row.p95 is not None)
