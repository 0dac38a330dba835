"""Call sites: the application's line that asked, found cheaply.

Each frame that is looked at costs, so the depths at which the last checkouts found their
application frames are remembered and jumped to (`sys._getframe(n)` jumps in C). SQLAlchemy's async
engines run the pool in a greenlet, whose stack ends at its own base: the walk goes on in the parent
greenlet.
"""

import itertools
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from operator import attrgetter, itemgetter
from types import CodeType, FrameType
from typing import Final

from ._kinds import APPLICATION, INSTALLED, LOOP, function_of, kind_of, shown
from ._outwards import handed_over, waiting
from ._walks import DEEPEST, getcurrent, inside, stack_from

__all__ = [
    "APPLICATION",
    "MOST_SITES",
    "NOWHERE",
    "OTHER",
    "SITES",
    "UNKNOWN",
    "Locator",
    "Site",
    "function_of",
    "getframe",
    "kind_of",
    "shown",
    "site_at",
    "stack_from",
]

getframe: Final = sys._getframe

#: More distinct call sites than this share one entry.
MOST_SITES: Final = 4096

_STACK: Final = 24
_BARREN: Final = 3
_DEPTHS: Final = 4


class Site:
    """A call site with the stack that was seen first there; holds code, never frames."""

    __slots__ = ("code", "file", "function", "index", "is_outside", "line", "stack")

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
        #: The line waits for the task or thread that asks, or it has none.
        self.is_outside = code is None


UNKNOWN: Final = Site(0, None, ("", 0, "(before the watch)"))
NOWHERE: Final = Site(1, None, ("", 0, "(library)"))
OTHER: Final = Site(2, None, ("", 0, "(other call sites)"))

#: Every site by its index; the first three stand for those that have no line.
SITES: Final[dict[int, Site]] = {site.index: site for site in (UNKNOWN, NOWHERE, OTHER)}

#: Counting is atomic in C, so that no lock is needed here.
_numbers: Final = itertools.count(len(SITES))

#: Sites without a line, by what they are called.
_by_name: dict[str, Site] = {}
#: By the identity of the code (hashing code objects is slow; a site keeps its code alive).
_by_code: dict[int, dict[int, Site]] = {}
_by_line: dict[tuple[int, int], Site] = {}


class Way:
    """How the last hooks of an async engine came to application frames outside their greenlet.

    The same base of the greenlet at the same depth means the same frames inside it, none of them
    the application's; the same number of steps outside leads to the frame that awaits.
    """

    __slots__ = ("base", "depth", "out", "sites", "steps")

    def __init__(self, base: CodeType, depth: int, steps: int) -> None:
        """`base` is the greenlet's outermost code, `depth` frames from the hook."""
        self.base = base
        self.depth = depth
        self.steps = steps
        #: All steps at once: in C they take half.
        self.out = attrgetter("parent.gr_frame" + ".f_back" * steps)
        self.sites: dict[int, Site] = {}

    @property
    def last(self) -> "Last":
        """As a hook in a hurry takes it."""
        return self.base, self.out, self.depth, self.sites

    def follow(self, hook: int = 1) -> Site | None:
        """The site at its end, None if this is not the way: 4,000 instructions, a walk 25,000.

        The hook is `hook` frames from here.
        """
        try:
            frame = getframe(hook + self.depth)
            if frame.f_code is self.base and frame.f_back is None:
                frame = self.out(getcurrent())  # type: ignore[misc]
                code = frame.f_code
                site = self.sites[id(code) + frame.f_lasti]
                if site.code is code:
                    return site
        except (ValueError, AttributeError, KeyError):
            pass  # A shorter stack than before, one that ended on the way, or a new site.
        return None


#: Where the last site was found, in one piece because threads read it at once: the base of the
#: greenlet and the way out of it (None without one), how deep that base, or the application frame,
#: lies below the hook's own function, and the sites that were found there: by the identity of
#: their code plus the place in it.
Last = tuple[CodeType | None, Callable[[object], FrameType], int, dict[int, Site]]


class Locator:
    """Finds call sites for one pool and remembers how deep the last ones were.

    The same instruction of the same code at the same depth has the same frames below it, so that
    its site can be taken without a walk. A hook in a hurry looks itself, at `last`.
    """

    __slots__ = ("_barren", "_tables", "_ways", "last")

    def __init__(self) -> None:
        """It has seen nothing yet."""
        self.last: Last = (None, attrgetter("parent"), 1, {})
        #: Sites by depth, and the ways out of greenlets; both ascending, the nearest frame wins.
        self._tables: dict[int, dict[int, Site]] = {}
        self._ways: list[Way] = []
        #: How often no application frame was found outside this installed code.
        self._barren: dict[int, int] = {}

    def search(self, hook: int = 1) -> Site:
        """The site of the nearest application frame; the hook is `hook` frames from here."""
        for way in self._ways:
            site = way.follow(hook + 1)
            if site is not None:
                self.last = way.last
                return site
        try:
            for depth, sites in self._tables.items():
                frame = getframe(hook + depth)
                site = sites.get(id(frame.f_code) + frame.f_lasti)
                if site is not None and site.code is frame.f_code:
                    self.last = (None, self.last[1], depth, sites)
                    return site
        except ValueError:
            pass  # A shorter stack than before.
        try:
            return self._walk(getframe(hook + 1))
        except ValueError:  # Nobody called the hook: a greenlet begins with it.
            return self._walk(getframe(hook), 0)

    def _walk(self, start: FrameType, depth: int = 1) -> Site:
        """`start` is the frame that called the hook: depth 1; or the hook itself: depth 0."""
        nearest: FrameType | None = None
        inner: FrameType | None = None
        steps, hooks = 0, 1 - depth
        for frame, greenlets in stack_from(start):
            if not depth:
                depth, inner = 1, frame
                continue
            kind = kind_of(frame.f_code.co_filename)
            if kind == APPLICATION and not is_generated(frame):
                stack = (each for each, _ in stack_from(start))
                site = site_at(frame, None, islice(stack, hooks, None))
                if not greenlets:
                    self._remember(depth, frame, site)
                elif greenlets == 1 and inner is not None:
                    self._remember_way(Way(inner.f_code, depth - 1, steps), frame, site)
                return site
            if kind == LOOP or depth > DEEPEST:
                break
            if kind == INSTALLED and nearest is None:
                if self._barren.get(id(frame.f_code), 0) >= _BARREN:
                    return site_at(frame, start)
                nearest = frame
            if greenlets:
                steps += 1
            else:
                depth += 1
                inner = frame
        return self._without_application(nearest, start)

    def _remember(self, depth: int, frame: FrameType, site: Site) -> None:
        if site is OTHER:
            return
        if depth not in self._tables:
            kept = list(self._tables.items())[-_DEPTHS + 1 :]
            self._tables = dict(sorted([*kept, (depth, {})], key=itemgetter(0)))
        sites = self._tables[depth]
        sites[id(frame.f_code) + frame.f_lasti] = site
        self.last = (None, self.last[1], depth, sites)

    def _remember_way(self, way: Way, frame: FrameType, site: Site) -> None:
        if site is OTHER:
            return
        same = (way.base, way.depth, way.steps)
        known = [each for each in self._ways if (each.base, each.depth, each.steps) == same]
        if not known:
            known = [way]
            self._ways = sorted([*self._ways[-_DEPTHS + 1 :], way], key=attrgetter("depth"))
        known[0].sites[id(frame.f_code) + frame.f_lasti] = site
        self.last = known[0].last

    def _without_application(self, nearest: FrameType | None, start: FrameType) -> Site:
        """Who waits for this; an application that is itself installed; or what runs here."""
        frames = inside(start)
        outside = waiting(frames)[:_STACK]
        if outside:
            site = site_at(outside[0], None, [*frames[: _STACK - len(outside)], *outside])
            site.is_outside = True
            return site
        if nearest is None:
            return _named(handed_over(frames), frames)
        if len(self._barren) < MOST_SITES:
            code = id(nearest.f_code)
            self._barren[code] = self._barren.get(code, 0) + 1
        return site_at(nearest, start)


def is_generated(frame: FrameType) -> bool:
    """Whether a library made this code: what a person types without a file is `__main__`."""
    return frame.f_code.co_filename[0] == "<" and frame.f_globals.get("__name__") != "__main__"


def site_at(
    frame: FrameType, start: FrameType | None = None, stack: Iterable[FrameType] = ()
) -> Site:
    """The site of a frame, one for each line; its stack is `stack`, or begins at `start`."""
    per_code = _by_code.get(id(frame.f_code))
    if per_code is not None:
        site = per_code.get(frame.f_lasti)
        if site is not None:
            return site
    return _new_site(frame, stack or (each for each, _ in stack_from(start)))


def _named(name: str, stack: Iterable[FrameType]) -> Site:
    """A site that has no line, told by its name; `NOWHERE` without one."""
    if name and name not in _by_name and len(SITES) < MOST_SITES:
        made = Site(next(_numbers), None, ("", 0, name), _described(stack))
        site = _by_name.setdefault(name, made)
        SITES[site.index] = site
    return _by_name.get(name, NOWHERE)


def _new_site(frame: FrameType, stack: Iterable[FrameType]) -> Site:
    if len(SITES) >= MOST_SITES:
        return OTHER
    code, line = frame.f_code, frame.f_lineno
    per_code = _by_code.setdefault(id(code), {})
    site = _by_line.get((id(code), line))
    if site is None:
        place = (shown(code.co_filename), line, function_of(code))
        made = Site(next(_numbers), code, place, _described(stack))
        # Threads may meet a line at once: the first one's site is everybody's.
        site = _by_line.setdefault((id(code), line), made)
        SITES[site.index] = site
    per_code[frame.f_lasti] = site
    return site


def _described(stack: Iterable[FrameType]) -> tuple[tuple[str, int, str, bool], ...]:
    return tuple(map(_describe, islice(stack, _STACK)))


def _describe(frame: FrameType) -> tuple[str, int, str, bool]:
    code, kind = frame.f_code, kind_of(frame.f_code.co_filename)
    return shown(code.co_filename), frame.f_lineno, function_of(code), kind != APPLICATION
