"""Callers that come again: which request waited for which, and the replay that keeps this."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from math import inf, nextafter
from operator import and_
from statistics import median
from typing import Final

from .replay import Load, Replayed

#: An owner that stays for this share of the trace, with so many requests, is a persistent caller.
_STAYS: Final = 0.2
_REQUESTS: Final = 10
#: Below this share of linked requests callers count as independent.
_FEW: Final = 0.05
#: Gaps after long and after short waits that differ by less look alike.
_ALIKE: Final = 0.2
_PAIRS: Final = 200
#: Waits below this many seconds teach nothing about gaps.
_WAITED: Final = 0.001


@dataclass(slots=True)
class Links:
    """`before[i]`: the request of the same owner that ended before i asked, -1 for none.

    `gaps[i]`: seconds from its end to i. `stays[i]`: whether i's owner is a persistent caller.
    """

    before: list[int]
    gaps: list[float]
    stays: list[bool]
    #: The other way round: the request that follows i, -1 for none.
    after: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Turn `before` round."""
        self.after = [-1] * len(self.before)
        for i, previous in enumerate(self.before):
            if previous >= 0:
                self.after[previous] = i

    @property
    def chained(self) -> float:
        """The share of requests that are linked inside a short-lived owner."""
        return self._share(stays=False)

    @property
    def persistent(self) -> float:
        """The share of requests that are linked inside an owner that stays."""
        return self._share(stays=True)

    def _share(self, *, stays: bool) -> float:
        linked = [b >= 0 for b in self.before]
        persistent: int = sum(map(and_, linked, self.stays))
        count = persistent if stays else sum(linked) - persistent
        return count / max(1, len(self.before))

    def without_persistent(self) -> "Links":
        """The links inside short-lived owners alone."""
        before = [-1 if s else b for b, s in zip(self.before, self.stays, strict=True)]
        return Links(before, self.gaps, self.stays)


def links(asked: Sequence[float], ended: Sequence[float], owner: Sequence[int]) -> Links:
    """Rows in order of `asked`; an owner that asks while it holds is not linked."""
    count = len(asked)
    before, gaps = [-1] * count, [0.0] * count
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    requests: dict[int, int] = {}
    for i, name in enumerate(owner):
        if not name:
            continue
        previous = last.get(name)
        last[name] = i
        if previous is None:
            first[name] = i
            requests[name] = 1
            continue
        requests[name] += 1
        if ended[previous] <= asked[i]:
            before[i], gaps[i] = previous, asked[i] - ended[previous]
    span = (asked[-1] - asked[0]) * _STAYS if count else 0.0
    staying = {
        name
        for name, times in requests.items()
        if times >= _REQUESTS and asked[last[name]] - asked[first[name]] >= span
    }
    return Links(before, gaps, [name in staying for name in owner])


def mode(found: Links, wait: Sequence[float]) -> str:
    """`open`, `chained` (within a request), `closed` (the same callers for ever) or `unknown`.

    A closed caller thinks as long after a long wait as after a short one. A thread that serves a
    queue, or a task with a timetable, comes back sooner after a long wait. Equal gaps alone do
    not prove it, so nearly all requests must be linked as well.
    """
    persistent = found.persistent
    if persistent < _FEW:
        return "chained" if found.chained >= _FEW else "open"
    ratio = _gap_ratio(found, wait)
    if ratio is None:
        return "unknown"
    if ratio < 1 - 2 * _ALIKE:
        return "chained" if found.chained >= _FEW else "open"
    is_alike = 1 - _ALIKE <= ratio <= 1 / (1 - _ALIKE)
    return "closed" if is_alike and persistent >= 0.8 else "unknown"


def _gap_ratio(found: Links, wait: Sequence[float]) -> float | None:
    """The median gap after the longest waits over that after the shortest; None if untold."""
    pairs = sorted(
        (wait[b], gap)
        for b, gap, stays in zip(found.before, found.gaps, found.stays, strict=True)
        if b >= 0 and stays
    )
    third = len(pairs) // 3
    if third < _PAIRS:
        return None
    few, many = pairs[third // 2][0], pairs[-third // 2][0]
    if many < max(_WAITED, 2 * few):
        return None
    short = median(gap for _, gap in pairs[:third])
    long = median(gap for _, gap in pairs[-third:])
    return long / short if short > 0 else None


def replay_chained(load: Load, found: Links, slots: int | None) -> Replayed:
    """As `replay`, but a linked request asks its gap after its predecessor ended.

    Every request is simulated, so it costs about four times as much.
    """
    arrivals, holds, patience = load.arrivals, load.holds, load.patience
    after, gaps = found.after, found.gaps
    asks = list(arrivals)
    done = Replayed(asks)
    waited, waits = done.waited.append, done.waits.append
    heap = [0.0] * (load.peak if slots is None else min(slots, len(load)))
    first = [i for i, b in enumerate(found.before) if b < 0]
    begins = [*map(arrivals.__getitem__, first), inf]
    first.append(-1)
    # When linked requests ask, and which does then: floats are compared quicker than pairs.
    due: list[float] = []
    who: dict[float, int] = {}
    place, arrival = 0, begins[0]
    for _ in arrivals:
        is_due = due and due[0] < arrival
        if is_due:
            now = due[0]
            i = who.pop(now)
            asks[i] = now
        else:
            i, now = first[place], arrival
            place += 1
            arrival = begins[place]
        free = heap[0]
        if free <= now:
            end = now + holds[i]
            heapreplace(heap, end)
        elif free - now > patience[i]:
            end = now + patience[i]
            done.left.append(i)
            done.left_after.append(patience[i])
        else:
            end = free + holds[i]
            heapreplace(heap, end)
            waited(i)
            waits(free - now)
        follower = after[i]
        if follower >= 0:
            end += gaps[follower]
            while end in who:
                end = nextafter(end, inf)
            who[end] = follower
            # In place of the one that was due: once through the heap instead of twice.
            if is_due:
                heapreplace(due, end)
            else:
                heappush(due, end)
        elif is_due:
            heappop(due)
    return done
