"""A TOML file with the lines of its keys, and the errors that name them."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..model.errors import DashboardError
from .lines import lines_of

_AT_LINE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")
_LARGEST: Final = 1_000_000


class Document:
    """What a file says, and where."""

    def __init__(self, name: str, text: str) -> None:
        """DashboardError for what is not TOML."""
        self.name = name
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DashboardError(_not_toml(name, str(error))) from None
        self._lines: Mapping[tuple[str, ...], int] = lines_of(text)

    def line(self, *path: str) -> int:
        """Where a key stands, or what it stands in; the first line for the file itself."""
        known = (path[:length] for length in range(len(path), 0, -1))
        return next((self._lines[each] for each in known if each in self._lines), 1)

    def place(self, *path: str) -> str:
        """`pools.toml line 7`."""
        return f"{self.name} line {self.line(*path)}"

    def wrong(self, what: str, *path: str) -> DashboardError:
        """An error that says where."""
        return DashboardError(f"{self.place(*path)}: {what}")


def load(path: str | os.PathLike[str]) -> Document:
    """The file; DashboardError if it cannot be read or is not TOML."""
    name = os.fspath(path)
    try:
        with Path(name).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise DashboardError(f"{name!r} cannot be read: {reason}") from error
    if len(content) > _LARGEST:
        raise DashboardError(f"{name} has over a million bytes; it is no file of pools")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DashboardError(f"{name} line {line}: not UTF-8, so not TOML") from None
    return Document(name, text)


def _not_toml(name: str, reason: str) -> str:
    found = _AT_LINE.search(reason)
    if found is None:
        return f"{name}: not TOML: {reason}"
    return f"{name} line {found[1]}: not TOML: {reason[: found.start()]} at column {found[2]}"
