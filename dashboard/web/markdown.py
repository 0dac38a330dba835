"""Text of unknown origin in Markdown: always code, so that it can neither format nor mention."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_TICKS: Final = re.compile("`+")
_LONGEST: Final = 300
#: Categories that move, hide or break text: controls, formats, surrogates, line separators.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})


def code(value: object) -> str:
    """A code span that holds whatever the text is, in one line, also inside a table."""
    text = _visible(str(value))
    if not text.strip():
        return "–"
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    # GitHub splits a table's row before it reads code spans, and takes the backslash away again.
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; the cells are Markdown already."""
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _visible(text: str) -> str:
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unseen(c) else c for c in text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN
