"""On which line of a TOML file a key stands: `tomllib` does not tell."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

_PIECE: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\n\[\]{}=]"
    r"|[^\n\[\]{}=\"'#]+",
    re.DOTALL,
)
Path = tuple[str, ...]


def lines_of(text: str) -> dict[Path, int]:
    """The first line, from 1, of each key and table of a text that `tomllib` has accepted."""
    found: dict[Path, int] = {}
    table: Path = ()
    for line, pieces in _statements(text):
        if "=" in pieces:
            path = table + _path("".join(pieces[: pieces.index("=")]))
        else:
            path = table = _path("".join(pieces).strip().strip("[]"))
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each header and each assignment with its line; a value may go on over several."""
    pieces: list[str] = []
    depth, line, start = 0, 1, 1
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "\n" and not depth:
            yield from _stated(start, pieces)
            pieces = []
        elif not piece.startswith("#") and (pieces or piece.strip()):
            start = start if pieces else line
            pieces.append(piece)
        depth += (piece in "[{") - (piece in "]}")
        line += piece.count("\n")
    yield from _stated(start, pieces)


def _stated(line: int, pieces: list[str]) -> Iterator[tuple[int, list[str]]]:
    if pieces:
        yield line, pieces


def _path(key: str) -> Path:
    """`a."b c".d` as a tuple, read by `tomllib` itself."""
    value: Any = tomllib.loads(f"{key} = 0")
    path: list[str] = []
    while isinstance(value, dict):
        [(name, value)] = value.items()
        path.append(name)
    return tuple(path)
