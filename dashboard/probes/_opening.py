"""Openers: one file a library, `_<library>_opening.py`, which opens a pool from plain settings.

Nothing is connected when a pool is made; a library's own first connections come with `start`.
"""

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, cast

from . import __path__ as _folder
from . import module_for

#: Asks the server behind a pool for a sign of life, through the pool.
Ping = Callable[[], Awaitable[None]]
_OPENER: Final = re.compile(r"_(\w+)_opening")


class Opener(Protocol):
    """What a module of this kind has. What it raises for wrong settings is a ValueError."""

    def options(self, url: str) -> Mapping[str, str]:
        """Names of the options that pools of this address take, each with its kind.

        A kind is `whole`, `number`, `seconds`, `flag`, `text`, `table`, `list`, `object` (of
        Python, given by name), `named` (such an object, or a name), `flag or object`, or `any`.
        """

    def open_pool(self, url: str, options: Mapping[str, Any]) -> object:
        """The pool, without a connection; in a running event loop."""

    async def start(self, pool: Any) -> None:
        """Open the connections that the library opens first; a pool that failed is spent."""

    def ping(self, pool: Any, url: str) -> Ping:
        """The light query; `url` is empty for a pool that was not opened here."""

    async def close(self, pool: Any) -> None:
        """Close every connection; cancelled, it closes what it can at once."""


def openable() -> tuple[str, ...]:
    """The libraries whose pools can be opened, installed or not."""
    modules = (module.name for module in pkgutil.iter_modules(_folder))
    found = (_OPENER.fullmatch(name) for name in modules)
    return tuple(sorted(each[1] for each in found if each is not None))


def opener(library: str) -> Opener:
    """The opener of a library; ModuleNotFoundError if the library is not installed."""
    module = importlib.import_module(f"._{library}_opening", __package__)
    return cast("Opener", module)


def opener_of(pool: object) -> Opener:
    """The opener of a pool that exists; DashboardError if no library is known for it."""
    return opener(module_for(pool).LIBRARY)
