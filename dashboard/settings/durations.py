"""Durations as people write them: `"250ms"`, `"10s"`, `"5m"`, `"1h"`, or seconds as a number."""

import re
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)")
#: What such an option takes.
WORDS: Final = 'seconds, as a number or as a text such as "10s" or "5m"'


def seconds(given: object) -> float | None:
    """Whole seconds as an int; None for what is no duration."""
    if isinstance(given, str):
        found = _DURATION.fullmatch(given.strip())
        if found is None:
            return None
        value = float(found[1]) * _UNITS[found[2]]
        return int(value) if value.is_integer() else value
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return given if is_number and -1e12 < given < 1e12 else None  # type: ignore[operator,return-value]
