"""The exact replay: first come, first served, with patience, for any number of slots.

Only the periods in which somebody waits are simulated. How many holds would be active with an
unlimited pool is counted once; while that is at most the number of slots, nobody waits.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from itertools import accumulate
from math import inf
from operator import add
from typing import Final

#: Seconds that a slot is taken at least: a hold of zero would end before it begins.
LEAST_HOLD: Final = 1e-9
#: Looked back one by one for active holds; the longest are kept aside.
_LONG_SHARE: Final = 1000
_LOOK_BACK: Final = 2000
_LOOKED_AT: Final = 10_000
#: Sizes whose hot requests are kept: the next ones asked for are near.
_REMEMBERED: Final = 6


@dataclass(slots=True)
class Replayed:
    """What happened: only requests that waited or left are listed, by index, in order."""

    asks: Sequence[float]
    waited: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    left_after: list[float] = field(default_factory=list)
    #: Connection-seconds, where they are not the sum of the holds.
    busy: float | None = None
    #: The most slots that were taken at once, where that was counted.
    most: int | None = None


class Load:
    """Arrivals (ascending, from 0) and holds, prepared for replays at many sizes."""

    def __init__(
        self,
        arrivals: Sequence[float],
        holds: Sequence[float],
        patience: Sequence[float] | None = None,
        timeout: float | None = None,
    ) -> None:
        """`patience[i]`: seconds after which request i leaves; `timeout` for all without it."""
        self.timeout = inf if timeout is None else timeout
        self.arrivals = list(arrivals)
        self.holds = list(holds)
        if min(self.holds, default=1.0) < LEAST_HOLD:
            self.holds = [max(LEAST_HOLD, hold) for hold in holds]
        # Tuples of numbers: the garbage collector looks at them once, at lists each time; but
        # `__getitem__` of a list is quicker where it is handed on.
        patient = (self.timeout,) * len(self.arrivals)
        self.patience = patient if patience is None else tuple(patience)
        #: Seconds held by all requests before each, and by all.
        self.passed = tuple(accumulate(self.holds, initial=0.0))
        self.ends = tuple(map(add, self.arrivals, self.holds))
        self.levels = tuple(_levels(self.arrivals, sorted(self.ends)))
        self.peak = max(self.levels, default=0)
        self._hot: dict[int, list[int]] = {}
        bound = _bound(self.holds)
        self._long = [i for i, hold in enumerate(self.holds) if hold >= bound]

    def __len__(self) -> int:
        """Requests."""
        return len(self.arrivals)

    def hot(self, slots: int) -> list[int]:
        """Requests at which more than `slots` holds would be active; quickest by ascending size."""
        known = self._hot
        if slots in known:
            return known[slots]
        levels = self.levels
        below = max((each for each in known if each < slots), default=None)
        among = range(len(levels)) if below is None else known[below]
        indexes = known[slots] = [i for i in among if levels[i] > slots]
        if len(known) > _REMEMBERED:
            del known[min(known)]
        return indexes

    def active(self, index: int) -> list[float]:
        """When the holds end that an unlimited pool has out as `index` arrives."""
        now, ends = self.arrivals[index], self.ends
        missing = self.levels[index] - 1
        found: list[float] = []
        stop = max(-1, index - 1 - _LOOK_BACK)
        for i in range(index - 1, stop, -1):
            if len(found) == missing:
                return found
            if ends[i] > now:
                found.append(ends[i])
        if len(found) == missing:
            return found
        place = bisect_left(self._long, stop + 1)
        older = [ends[i] for i in reversed(self._long[:place]) if ends[i] > now]
        if len(found) + len(older) < missing:
            older = [ends[i] for i in range(stop, -1, -1) if ends[i] > now]
        return found + older


def _bound(holds: Sequence[float]) -> float:
    """About one hold in `_LONG_SHARE` is longer; of a sample, for sorting all of them costs."""
    some = sorted(holds[:: 1 + len(holds) // _LOOKED_AT])
    return some[-1 - len(some) // _LONG_SHARE] if some else 0.0


def _levels(arrivals: Sequence[float], sorted_ends: Sequence[float]) -> list[int]:
    """Holds that are active as each request arrives, itself included, with unlimited slots."""
    levels: list[int] = []
    note = levels.append
    passed = 0
    for seen, now in enumerate(arrivals, 1):
        while sorted_ends[passed] <= now:
            passed += 1
        note(seen - passed)
    return levels


def replay(load: Load, slots: int | None) -> Replayed:
    """Replay with this many slots; None for an unlimited pool."""
    done = Replayed(load.arrivals)
    if slots is None or slots >= load.peak:
        return done
    hot = load.hot(slots)
    place, count = 0, len(hot)
    while place < count:
        resumed = _episode(load, slots, hot[place], done)
        place = bisect_left(hot, resumed, place + 1)
    return done


def _episode(load: Load, slots: int, start: int, done: Replayed) -> int:
    """From the first request that waits to the first that finds everything as if nobody had."""
    arrivals, holds, levels, patience = load.arrivals, load.holds, load.levels, load.patience
    ends = load.ends
    waited, waits = done.waited.append, done.waits.append
    left, left_after = done.left.append, done.left_after.append
    heap = load.active(start)
    heapify(heap)
    until = 0.0
    for i in range(start, len(arrivals)):
        now = arrivals[i]
        if now >= until and levels[i] <= slots:
            return i
        free = heap[0]
        if free <= now:
            heapreplace(heap, ends[i])
            continue
        wait = free - now
        if wait > patience[i]:
            left(i)
            left_after(patience[i])
            end = ends[i]
        else:
            end = free + holds[i]
            heapreplace(heap, end)
            waited(i)
            waits(wait)
        if end > until:  # noqa: PLR1730 -- the loop that costs
            until = end
    return len(arrivals)
