"""Statements without their values and comments, by PostgreSQL's lexical rules."""

import re
from typing import Final

_LONGEST: Final = 300
#: What is cut off in the middle ends with the text. A dollar or digit within a name begins nothing.
_TOKENS: Final = re.compile(
    r"""
    (?P<comment>--[^\r\n]*) | (?P<block>/\*)
    | (?P<name>"(?:[^"]|"")*(?:"|\Z))
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)
    | '(?:[^']|'')*(?:'|\Z)
    | (?<![\w$])(?:0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?)
    """,
    re.DOTALL | re.VERBOSE,
)
_BLOCK: Final = re.compile(r"/\*|\*/")


def strip_literals(query: str) -> str:
    """A statement with `?` for each value, without comments; one line of 300 letters at most."""
    kept, at = [], 0
    while (found := _TOKENS.search(query, at)) is not None:
        kept.append(query[at : found.start()])
        at = found.end()
        if found["block"]:
            at = _end_of_block(query, at)
        is_comment = found["comment"] or found["block"]
        kept.append(found["name"] or (" " if is_comment else "?"))
    text = " ".join("".join([*kept, query[at:]]).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _end_of_block(query: str, at: int) -> int:
    """Where a block comment ends that began before `at`; PostgreSQL nests them."""
    depth = 1
    for found in _BLOCK.finditer(query, at):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    return len(query)
