"""Call sites: the application's line that asked, found cheaply.

Each frame that is looked at costs, so the depths at which the last checkouts found their
application frames are remembered and jumped to (`sys._getframe(n)` jumps in C). SQLAlchemy's async engines run the pool in a greenlet, whose stack
ends at its own base: the walk goes on in the parent greenlet.
"""

import itertools
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Any, Final

_getcurrent: Callable[[], Any] | None
try:
    from greenlet import getcurrent as _getcurrent
except ImportError:
    _getcurrent = None

getframe: Final = sys._getframe

#: More distinct call sites than this share one entry.
MOST_SITES: Final = 4096
_DEEPEST: Final = 60
_STACK: Final = 24
_BARREN: Final = 3
_DEPTHS: Final = 4
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

APPLICATION: Final = 0
INSTALLED: Final = 1
LIBRARY: Final = 2
LOOP: Final = 3
_PASSED: Final = (INSTALLED, LIBRARY)

_kinds: dict[str, int] = {}


def kind_of(filename: str) -> int:
    """Application, somebody's installed package, the pool's own layers, or the event loop."""
    kind = _kinds.get(filename)
    if kind is None:
        if len(_kinds) > MOST_SITES:
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
        parts = ("sqlalchemy", "asyncpg", "aiohttp", "greenlet")
        return LIBRARY if _distribution(path) in parts else INSTALLED
    return LIBRARY if path.startswith(_STDLIB) else APPLICATION


def _distribution(path: str) -> str:
    for part in _INSTALLED:
        _, found, rest = path.partition(part)
        if found:
            return rest.split(os.sep, 1)[0]
    return ""


def shown(filename: str) -> str:
    """A file as a person names it: relative to the import path or the working directory."""
    if filename.startswith("<"):
        return filename
    path = os.path.abspath(filename)
    roots = [os.path.abspath(root or os.curdir) for root in (*sys.path, os.curdir)]
    inside = [root for root in roots if path.startswith(os.path.join(root, ""))]
    best = max(inside, key=len, default="")
    return path[len(best) :].lstrip(os.sep) if best else os.path.basename(path)


class Site:
    """A call site with the stack that was seen first there; holds code, never frames."""

    __slots__ = ("code", "file", "function", "index", "line", "stack")

    def __init__(
        self,
        index: int,
        code: CodeType | None,
        place: tuple[str, int, str],
        stack: tuple[tuple[str, int, str, bool], ...] = (),
    ) -> None:
        """`stack`: file, line, function and whether it is a library's, innermost first."""
        self.index = index
        self.code = code
        self.file, self.line, self.function = place
        self.stack = stack


UNKNOWN: Final = Site(0, None, ("", 0, "(before the watch)"))
NOWHERE: Final = Site(1, None, ("", 0, "(library)"))
OTHER: Final = Site(2, None, ("", 0, "(other call sites)"))

#: Every site by its index; the first three stand for those that have no line.
SITES: Final[dict[int, Site]] = {site.index: site for site in (UNKNOWN, NOWHERE, OTHER)}

#: Counting is atomic in C, so that no lock is needed here.
_numbers: Final = itertools.count(len(SITES))

#: By the identity of the code (hashing code objects is slow; a site keeps its code alive).
_by_code: dict[int, dict[int, Site]] = {}
_by_line: dict[tuple[int, int], Site] = {}


class Locator:
    """Finds call sites for one pool and remembers how deep the last ones were.

    The same instruction of the same code at the same depth has the same frames below it, so that
    its site can be taken without a walk. A hook in a hurry looks itself: the frame at `depth`
    (seen from the hook's own function), then `sites`.
    """

    __slots__ = ("_barren", "_base", "_base_depth", "_tables", "depth", "sites")

    def __init__(self) -> None:
        """It has seen nothing yet."""
        #: How many frames lie between a hook and the last application frame (at least 1), and
        #: the sites that were found so deep: by identity of their code plus the place in it.
        self.depth = 1
        self.sites: dict[int, Site] = {}
        self._tables: dict[int, dict[int, Site]] = {}
        #: Where SQLAlchemy's greenlet began, and how deep that was.
        self._base: CodeType | None = None
        self._base_depth = 0
        #: How often no application frame was found outside this installed code.
        self._barren: dict[int, int] = {}

    def search(self, hook: int = 1) -> Site:
        """The site of the nearest application frame; the hook is `hook` frames from here."""
        try:
            if self._base is not None:
                frame = getframe(hook + self._base_depth)
                if frame.f_code is self._base and frame.f_back is None:
                    return self._beyond_greenlet()
            for depth, sites in self._tables.items():
                frame = getframe(hook + depth)
                site = sites.get(id(frame.f_code) + frame.f_lasti)
                if site is not None and site.code is frame.f_code:
                    self.depth, self.sites = depth, sites
                    return site
        except (ValueError, AttributeError):
            pass  # A shorter stack than before, or one that ended on the way.
        return self._walk(getframe(hook + 1))

    @staticmethod
    def _beyond_greenlet() -> Site:
        """The nearest application frame outside of SQLAlchemy's greenlet."""
        frame = _getcurrent().parent.gr_frame
        while kind_of(frame.f_code.co_filename) in _PASSED:
            frame = frame.f_back
        if kind_of(frame.f_code.co_filename) != APPLICATION:
            raise AttributeError
        return site_at(frame)

    def _walk(self, start: FrameType) -> Site:
        """`start` is the frame that called the hook: depth 1."""
        nearest: FrameType | None = None
        inner: FrameType | None = None
        depth = 1
        for frame, is_outside in stack_from(start):
            kind = kind_of(frame.f_code.co_filename)
            if kind == APPLICATION:
                site = site_at(frame, start)
                if not is_outside:
                    self._remember(depth, frame, site)
                elif inner is not None:
                    self._base, self._base_depth = inner.f_code, depth - 1
                return site
            if kind == LOOP or depth > _DEEPEST:
                break
            if kind == INSTALLED and nearest is None:
                if self._barren.get(id(frame.f_code), 0) >= _BARREN:
                    return site_at(frame, start)
                nearest = frame
            if not is_outside:
                depth += 1
                inner = frame
        return self._without_application(nearest, start)

    def _remember(self, depth: int, frame: FrameType, site: Site) -> None:
        if site is OTHER:
            return
        if depth not in self._tables and len(self._tables) >= _DEPTHS:
            self._tables.pop(next(iter(self._tables)))
        self.sites = self._tables.setdefault(depth, {})
        self.sites[id(frame.f_code) + frame.f_lasti] = site
        self.depth = depth

    def _without_application(self, nearest: FrameType | None, start: FrameType) -> Site:
        """An application that is itself installed: the nearest frame that is no pool's."""
        if nearest is None:
            return NOWHERE
        if len(self._barren) < MOST_SITES:
            code = id(nearest.f_code)
            self._barren[code] = self._barren.get(code, 0) + 1
        return site_at(nearest, start)


def stack_from(frame: FrameType | None) -> Iterator[tuple[FrameType, bool]]:
    """The frames from here outwards, and whether they are outside SQLAlchemy's greenlet."""
    current = _getcurrent() if _getcurrent is not None else None
    is_outside = False
    while True:
        while frame is not None:
            yield frame, is_outside
            frame = frame.f_back
        current = current.parent if current is not None else None
        if current is None:
            return
        frame = current.gr_frame
        is_outside = True


def site_at(frame: FrameType, start: FrameType | None = None) -> Site:
    """The site of a frame; the same line gives the same object. The stack begins at `start`."""
    per_code = _by_code.get(id(frame.f_code))
    if per_code is not None:
        site = per_code.get(frame.f_lasti)
        if site is not None:
            return site
    return _new_site(frame, start)


def _new_site(frame: FrameType, start: FrameType | None) -> Site:
    if len(SITES) >= MOST_SITES:
        return OTHER
    code = frame.f_code
    line = frame.f_lineno
    per_code = _by_code.setdefault(id(code), {})
    site = _by_line.get((id(code), line))
    if site is None:
        stack = tuple(_describe(each) for each, _ in islice(stack_from(start), _STACK))
        place = (shown(code.co_filename), line, code.co_qualname)
        # Threads may meet a line at once: the first one's site is everybody's.
        site = _by_line.setdefault((id(code), line), Site(next(_numbers), code, place, stack))
        SITES[site.index] = site
    per_code[frame.f_lasti] = site
    return site


def _describe(frame: FrameType) -> tuple[str, int, str, bool]:
    code = frame.f_code
    is_library = kind_of(code.co_filename) != APPLICATION
    return shown(code.co_filename), frame.f_lineno, code.co_qualname, is_library
