"""The right name for a wrong one."""

import difflib
from collections.abc import Iterable
from typing import Final

_ALIKE: Final = 0.5


def near(name: str, known: Iterable[str], *, lists: bool = True) -> str:
    """`; did you mean pool_size?`, or all names if none is near and `lists`; else empty."""
    names = sorted({each for each in known if not each.startswith("_")})
    found = difflib.get_close_matches(name, names, n=1, cutoff=_ALIKE)
    if found:
        return f"; did you mean {found[0]}?"
    return f"; there is {', '.join(names)}" if names and lists else ""
