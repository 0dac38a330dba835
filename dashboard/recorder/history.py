"""What a pool did over time: counters a second and a minute wide, histograms ten seconds wide.

A second is kept for 15 minutes, a minute for 6 hours. Levels (in use, waiting) are not sampled:
they follow exactly from the counts of what began and what ended in each step.
"""

from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Final

from ..model.distribution import Distribution

#: Seconds in a step of the fine histograms.
TEN: Final = 10.0
KINDS: Final = (
    "asked",
    "answered",
    "got",
    "returned",
    "timeouts",
    "errors",
    "created",
    "closed",
)
SECOND: Final = (1.0, 900)
MINUTE: Final = (60.0, 360)
#: Seconds that steps of a second go back.
FINE: Final = SECOND[0] * SECOND[1]
#: Changes of size or max that are remembered.
_CAPACITIES: Final = 16
#: Bytes of all counters of one pool.
COUNTERS_MEMORY: Final = (SECOND[1] + MINUTE[1]) * len(KINDS) * 4


def is_fine(seconds: float, ago: float) -> bool:
    """Whether steps of a second serve for `seconds` that ended so long `ago`.

    Of a moment in the past half of them is enough: finer, if shorter.
    """
    return seconds <= FINE and FINE - ago >= (seconds / 2 if ago else seconds)


class Counters:
    """A ring of steps, each with one count a kind."""

    def __init__(self, step: float, length: int) -> None:
        """`length` steps of `step` seconds."""
        self.step = step
        self.length = length
        self._newest = -1
        self._counts = {kind: array("I", bytes(4 * length)) for kind in KINDS}

    def add(self, kind: str, times: Iterable[float]) -> None:
        """Count one for each time; what is older than the ring is left out."""
        step = self.step
        for slot, count in Counter([int(time / step) for time in times]).items():
            self.count(kind, slot, count)

    def count(self, kind: str, slot: int, count: int) -> None:
        """Count in the step number `slot`."""
        if slot > self._newest:
            self._advance(slot)
        if slot > self._newest - self.length:
            self._counts[kind][slot % self.length] += count

    def _advance(self, slot: int) -> None:
        if slot - self._newest >= self.length:
            empty = array("I", bytes(4 * self.length))
            for counts in self._counts.values():
                counts[:] = empty
        else:
            for each in range(self._newest + 1, slot + 1):
                for counts in self._counts.values():
                    counts[each % self.length] = 0
        self._newest = slot

    def last(self, kind: str, now: float, steps: int) -> list[int]:
        """The last `steps` counts, oldest first; the last one is the step of `now`."""
        newest = int(now / self.step)
        counts = self._counts[kind]
        oldest = self._newest - self.length
        return [
            counts[slot % self.length] if oldest < slot <= self._newest else 0
            for slot in range(newest - steps + 1, newest + 1)
        ]


class Histograms:
    """Sparse histograms of equal steps; the oldest go when there are too many."""

    def __init__(self, step: float, length: int) -> None:
        """`length` steps of `step` seconds."""
        self.step = step
        self.length = length
        self._slots: dict[int, Counter[int]] = {}

    def add(self, at: float, counts: Mapping[int, int]) -> None:
        """Add counts by bucket to the step of `at`."""
        slot = int(at / self.step)
        histogram = self._slots.get(slot)
        if histogram is None:
            histogram = self._slots[slot] = Counter()
            self._forget()
        for bucket, count in counts.items():
            histogram[bucket] += count

    def _forget(self) -> None:
        newest = max(self._slots, default=0)
        for old in [slot for slot in self._slots if slot <= newest - self.length]:
            del self._slots[old]

    def between(self, start: float, end: float) -> Distribution:
        """Everything in the steps that overlap `start` to `end`."""
        return Distribution(
            merged(
                counts
                for slot, counts in list(self._slots.items())
                if slot * self.step < end and (slot + 1) * self.step > start
            )
        )

    @property
    def memory(self) -> int:
        """Bytes, estimated: a sparse bucket costs about 100, a step about 300."""
        return sum(300 + 100 * len(counts) for counts in list(self._slots.values()))

    def halve(self) -> None:
        """Forget the older half."""
        self.length = max(6, self.length // 2)
        self._forget()


def merged(parts: Iterable[Mapping[int, int]]) -> Counter[int]:
    """The counts of several histograms together."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update(part)
    return counts


def levels(now: int, ups: Sequence[int], downs: Sequence[int]) -> list[int]:
    """The level at the end of each step, from the level now and what came and went in each."""
    level = now
    found = []
    for up, down in zip(reversed(ups), reversed(downs), strict=True):
        found.append(max(0, level))
        level -= up - down
    found.reverse()
    return found


class Capacities:
    """Size and max, as they were when somebody looked."""

    def __init__(self) -> None:
        """Nobody has."""
        self._seen: deque[tuple[float, int | None, int | None]] = deque(maxlen=_CAPACITIES)

    def note(self, at: float, size: int | None, most: int | None) -> None:
        """Called with each look; the first one tells what was so before."""
        if not self._seen or self._seen[-1][1:] != (size, most):
            self._seen.append((at if self._seen else -inf, size, most))

    def between(self, start: float, end: float) -> Iterator[tuple[float, int | None, int | None]]:
        """Since when which held, from what was so at `start` on."""
        seen = list(self._seen)
        for place, (at, size, most) in enumerate(seen):
            until = seen[place + 1][0] if place + 1 < len(seen) else inf
            if at <= end and until > start:
                yield max(at, start), size, most


class Past:
    """All history of one pool."""

    def __init__(self) -> None:
        """Empty."""
        self.capacities = Capacities()
        self.seconds = Counters(*SECOND)
        self.minutes = Counters(*MINUTE)
        self.fine = {name: Histograms(TEN, 90) for name in ("wait", "use", "create")}
        self.coarse = {name: Histograms(60.0, 360) for name in ("wait", "use", "create")}

    def count(self, kind: str, times: Sequence[float]) -> None:
        """Count one for each time."""
        if times:
            self.seconds.add(kind, times)
            self.minutes.add(kind, times)

    def count_ordered(self, kinds: Iterable[str], times: Sequence[float]) -> None:
        """Count one of each kind for each time; the times ascend, and most lie in one second."""
        start = 0
        while start < len(times):
            second = int(times[start])
            end = bisect_left(times, second + 1, start)
            for kind in kinds:
                self.seconds.count(kind, second, end - start)
                self.minutes.count(kind, second // 60, end - start)
            start = end

    def move(self, kind: str, counted: float, time: float) -> None:
        """Count one at another time than it was counted."""
        for ring in (self.seconds, self.minutes):
            ring.count(kind, int(counted / ring.step), -1)
        self.count(kind, [time])

    def measure(self, name: str, at: float, counts: Mapping[int, int]) -> None:
        """Add counts by bucket at a time."""
        self.fine[name].add(at, counts)
        self.coarse[name].add(at, counts)

    def distribution(self, name: str, now: float, seconds: float) -> Distribution:
        """What was measured in the last `seconds`; over 15 minutes in steps of a minute."""
        source = self.fine if seconds <= self.fine[name].length * TEN else self.coarse
        return source[name].between(now - seconds, now + 1.0)

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        parts: Mapping[str, Histograms] = {f"f{k}": v for k, v in self.fine.items()} | self.coarse
        return COUNTERS_MEMORY + sum(each.memory for each in parts.values())

    def coarsen(self) -> None:
        """Forget the older half of the histograms."""
        for each in (*self.fine.values(), *self.coarse.values()):
            each.halve()
