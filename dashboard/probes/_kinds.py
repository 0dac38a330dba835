"""Whose code a file is: the application's, a package's, the pool's layers', the event loop's."""

import functools
import os
import re
import sys
import sysconfig
from types import CodeType
from typing import Final

#: More files than this are forgotten again.
MOST: Final = 4096
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SHOP: Final = os.path.join(_PACKAGE, "demo", "")
_STDLIB: Final = tuple(
    os.path.join(path, "") for path in {sysconfig.get_path("stdlib"), os.path.dirname(os.__file__)}
)
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
#: Code typed by a person has no file; code made by a library has none either.
_TYPED: Final = ("<string>", "<stdin>", "<console>", "<ipython", "<cell")
#: Below these frames is whoever started the event loop, not who asked.
_LOOPS: Final = (
    os.path.join("asyncio", "events.py"),
    os.path.join("asyncio", "runners.py"),
    os.path.join("asyncio", "base_events.py"),
    os.path.join("uvicorn", "server.py"),
    os.path.join("anyio", "_backends", "_asyncio.py"),
)

_COMPREHENSIONS: Final = re.compile(r"((\.<locals>)?\.<(listcomp|setcomp|dictcomp|genexpr)>)+$")

APPLICATION: Final = 0
INSTALLED: Final = 1
LIBRARY: Final = 2
LOOP: Final = 3

_kinds: dict[str, int] = {}


def kind_of(filename: str) -> int:
    """Application, somebody's installed package, the pool's own layers, or the event loop."""
    kind = _kinds.get(filename)
    if kind is None:
        if len(_kinds) > MOST:
            _kinds.clear()
        kind = _kinds[filename] = _classify(filename)
    return kind


def _classify(filename: str) -> int:
    if filename.startswith("<"):
        return APPLICATION if filename.startswith(_TYPED) else LIBRARY
    if filename.endswith(_LOOPS):
        return LOOP
    path = os.path.abspath(filename)
    if path.startswith(os.path.join(_PACKAGE, "")):
        return APPLICATION if path.startswith(_SHOP) else LIBRARY
    if any(part in path for part in _INSTALLED):
        return LIBRARY if _distribution(path) in _layers() else INSTALLED
    return LIBRARY if path.startswith(_STDLIB) else APPLICATION


@functools.cache
def _layers() -> frozenset[str]:
    """The libraries that have a probe, and what runs them."""
    from . import libraries  # Not at the top: probes are found by what has imported this.

    return frozenset({*libraries(), "greenlet"})


def is_installed(filename: str) -> bool:
    """Whether it is a package's, a pool's layers included; neither Python's own nor ours."""
    return any(part in os.path.abspath(filename) for part in _INSTALLED) and not (
        os.path.abspath(filename).startswith(os.path.join(_PACKAGE, ""))
    )


def _distribution(path: str) -> str:
    for part in _INSTALLED:
        _, found, rest = path.partition(part)
        if found:
            return rest.split(os.sep, 1)[0]
    return ""


def function_of(code: CodeType) -> str:
    """A function as a person names it: up to 3.11 a comprehension is one, inside of another."""
    return _COMPREHENSIONS.sub("", code.co_qualname)


def shown(filename: str) -> str:
    """A file as a person names it: relative to the import path or the working directory."""
    if filename.startswith("<"):
        return filename
    path = os.path.abspath(filename)
    roots = [os.path.abspath(root or os.curdir) for root in (*sys.path, os.curdir)]
    inside = [root for root in roots if path.startswith(os.path.join(root, ""))]
    best = max(inside, key=len, default="")
    return path[len(best) :].lstrip(os.sep) if best else os.path.basename(path)
