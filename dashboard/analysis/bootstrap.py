"""How far a percentile of replayed waits might lie in another window: resampled blocks of time.

Waits of neighbours depend on each other, so whole blocks are drawn. That tells how well this window
knows the truth; another window as long as this one strays as far once more, hence the root of two.
Two things are out of reach of what is drawn: a slow change within the window, and a rare long burst
that it happens not to hold. So a range also reaches as far as fifths of the window differ, and the
further the fewer bursts there were. `benchmarks.whatif coverage` measures what this comes to.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import exp, sqrt
from operator import mul
from typing import Final

from ..model.distribution import bucket_words, middle
from .chance import Chance

#: Blocks that are aimed at, and how many there are at least.
BLOCKS: Final = 20
LEAST_BLOCKS: Final = 10
#: Windows of whole blocks that are compared.
WINDOWS: Final = 5
#: A block lasts this many times the longest period in which somebody waited, if enough fit.
_EPISODES: Final = 5
#: A period longer than this part of the window leaves nothing to compare.
_LONGEST: Final = 0.25
DRAWS: Final = 100
#: Half more than drawn: measured, a nominal 90 % covers less in bursty traffic.
WIDER: Final = 1.5 * sqrt(2)
#: The logarithm of a p95 strays by this over the root of the number of bursts (measured).
_OF_A_BURST: Final = 3.0

Range = tuple[float, float]


def block_count(length: float, longest_episode: float) -> int:
    """A whole number for each window; 0 if somebody waited for too much of `length`."""
    if length <= 0 or longest_episode > _LONGEST * length:
        return 0
    block = max(length / BLOCKS, _EPISODES * longest_episode)
    fit = int(length / block + 1e-9)
    return max(LEAST_BLOCKS, fit - fit % WINDOWS)


@lru_cache(maxsize=8)
def draws(blocks: int, seed: int = 0) -> Sequence[Sequence[int]]:
    """How often each block is drawn, `DRAWS` times."""
    chance = Chance(seed)
    drawn = []
    for _ in range(DRAWS):
        times = [0] * blocks
        for _ in range(blocks):
            times[chance.below(blocks)] += 1
        drawn.append(times)
    return drawn


class Blocks:
    """Waits by block and bucket, ready to be resampled. Requests that are not listed waited 0."""

    def __init__(
        self,
        asks: Sequence[float],
        waiting: Iterable[tuple[Sequence[float], Sequence[float]]],
        blocks: int,
    ) -> None:
        """`asks` of all; `waiting`: groups of (asks, waits) of those that waited; asks ascend."""
        self.blocks = blocks
        self.start = asks[0]
        self.scale = blocks / (asks[-1] - asks[0])
        self.edges = self.cuts(asks)
        self.totals = [after - before for before, after in pairwise(self.edges)]
        columns: dict[int, list[int]] = {}
        for at, waits in waiting:
            words = bucket_words(array("d", waits).tobytes())
            for block, (begin, end) in enumerate(pairwise(self.cuts(at))):
                for word, count in Counter(words[begin:end]).items():
                    columns.setdefault(word, [0] * blocks)[block] += count
        self.words = sorted(columns, reverse=True)
        #: Requests of each block that waited at least as long as this word.
        self.above: list[list[int]] = []
        so_far = [0] * blocks
        for word in self.words:
            so_far = [a + b for a, b in zip(so_far, columns[word], strict=True)]
            self.above.append(so_far)

    def cuts(self, times: Sequence[float]) -> list[int]:
        """Where each block begins in ascending times, and where the last ends."""
        inner = range(1, self.blocks)
        cuts = [bisect_left(times, self.start + i / self.scale) for i in inner]
        return [0, *cuts, len(times)]

    def percentiles(self, times: Sequence[int], quantiles: Iterable[float]) -> dict[float, float]:
        """Each of them (0..100) when block i counts `times[i]`."""
        count = sum(map(mul, times, self.totals))
        found: dict[float, float] = {}
        # The higher, the nearer to the longest waits, where the search goes on.
        low, most = 0, len(self.words)
        for q in sorted(quantiles, reverse=True):
            allowed = count * (1 - q / 100)
            high = most
            if not most or sum(map(mul, times, self.above[-1])) <= allowed:
                low = most
            while low < high:
                middle_place = (low + high) // 2
                if sum(map(mul, times, self.above[middle_place])) > allowed:
                    high = middle_place
                else:
                    low = middle_place + 1
            found[q] = middle(self.words[low]) if low < most else 0.0
        return found

    def intervals(
        self, drawn: Sequence[Sequence[int]], points: Mapping[float, float], bursts: int
    ) -> dict[float, Range]:
        """The 90 % interval around each point for another window with about as many `bursts`."""
        resampled = [self.percentiles(times, points) for times in drawn]
        windows = [self.percentiles(window, points) for window in self._windows()]
        few = exp(_OF_A_BURST / sqrt(max(1, bursts)))
        intervals = {}
        for q, point in points.items():
            low, high = widened([each[q] for each in resampled], point)
            found = [window[q] for window in windows]
            intervals[q] = min(low, point / few, *found), max(high, point * few, *found)
        return intervals

    def count_interval(
        self, drawn: Sequence[Sequence[int]], counts: Sequence[float], point: float
    ) -> Range:
        """The same for a total of the blocks' `counts`."""
        low, high = widened([sum(map(mul, times, counts)) for times in drawn], point)
        found = [WINDOWS * sum(map(mul, window, counts)) for window in self._windows()]
        return min(low, *found), max(high, *found)

    def _windows(self) -> list[list[int]]:
        """Fifths of the time, as draws of blocks."""
        each = self.blocks // WINDOWS
        return [[int(i // each == window) for i in range(self.blocks)] for window in range(WINDOWS)]


def widened(values: Sequence[float], point: float) -> Range:
    """From the 5th to the 95th percentile of `values`, `WIDER` times as far from `point`."""
    ordered = sorted(values)
    low = ordered[len(ordered) // 20]
    high = ordered[-1 - len(ordered) // 20]
    down, up = max(0.0, point - low), max(0.0, high - point)
    return max(0.0, point - WIDER * down), point + WIDER * up
