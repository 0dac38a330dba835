"""Numbers and times as people read them; `static/js/format.js` says the same, a test compares."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

#: Stands where there is no value yet.
NOTHING: Final = "–"
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


class Figure(NamedTuple):
    """A number and its unit, set apart because the unit is drawn small."""

    value: str
    unit: str

    def __str__(self) -> str:
        """`412 ms`."""
        return f"{self.value} {self.unit}".rstrip()


def _fixed(value: float, digits: int) -> str:
    """Rounds halves up, as the browser does, with a thousands separator."""
    scale = 10**digits
    return f"{math.floor(value * scale + 0.5) / scale:,.{digits}f}"


def duration(seconds: float | None) -> Figure:
    """`0.4 ms`, `412 ms`, `2.14 s`, `4 min 37 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds is None:
        return Figure(NOTHING, "")
    if seconds < 1:
        return _milliseconds(seconds * 1000)
    if seconds < _MINUTE:
        text = _fixed(seconds, 2)
        return Figure(text, "s") if text != "60.00" else Figure("1 min 0 s", "")
    if seconds < _HOUR:
        return Figure(f"{int(seconds // 60)} min {int(seconds % 60)} s", "")
    if seconds < _DAY:
        return Figure(f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min", "")
    return Figure(f"{int(seconds // 86400):,} d {int(seconds % 86400 // 3600)} h", "")


def lasts(seconds: float) -> str:
    """How long a state has lasted, in whole seconds: `8 s`, `4 min 12 s`, `15 min`."""
    whole = math.floor(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    return str(duration(whole)).removesuffix(" 0 s").removesuffix(" 0 min")


def span(seconds: float) -> str:
    """A window: `15 min`, `6 h`, else as a duration."""
    if seconds >= _HOUR and seconds % _HOUR == 0:
        return f"{int(seconds // _HOUR)} h"
    if seconds >= _MINUTE and seconds % _MINUTE == 0:
        return f"{int(seconds // _MINUTE)} min"
    return str(duration(seconds))


def _milliseconds(value: float) -> Figure:
    if value <= 0:
        return Figure("0", "ms")
    if value < 0.05:
        return Figure("<0.1", "ms")
    if value < 9.95:
        return Figure(_fixed(value, 1), "ms")
    text = _fixed(value, 0)
    return Figure(text, "ms") if text != "1,000" else Figure("1.00", "s")


def count(value: float | None) -> str:
    """`1,283`."""
    return NOTHING if value is None else f"{int(value):,}"


def rate(value: float | None) -> str:
    """Per second: `0.2`, `9.4`, `14`, `1,283`."""
    if value is None:
        return NOTHING
    if 0 < value < 0.05:
        return "<0.1"
    return _fixed(value, 1) if 0 < value < 9.95 else _fixed(value, 0)


def percent(share: float | None) -> str:
    """A share of 1 as `41 %`; something, however little, is not 0."""
    if share is None:
        return NOTHING
    if 0 < share < 0.01:
        return "<1 %"
    return f"{_fixed(share * 100, 0)} %"


def size(octets: int) -> str:
    """`2.4 MB`, in powers of ten."""
    if octets < 1_000_000:
        return f"{_fixed(octets / 1000, 0)} kB"
    return f"{_fixed(octets / 1_000_000, 1)} MB"


def clock(at: datetime) -> str:
    """`03:19:04.983`."""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """`1 caller`, `8 callers`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def setting(value: object) -> str:
    """An option's value as Python code would have it."""
    if isinstance(value, float) and value.is_integer():
        return f"{int(value)}"
    return str(value)


FILTERS: Final[dict[str, Callable[..., object]]] = {
    "duration": duration,
    "count": count,
    "span": span,
    "lasts": lasts,
    "rate": rate,
    "percent": percent,
    "size": size,
    "clock": clock,
    "plural": plural,
    "setting": setting,
}
