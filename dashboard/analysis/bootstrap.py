"""How far a percentile of replayed waits might lie elsewhere: resampled blocks of time.

Waits of neighbours depend on each other, so whole blocks are drawn. The interval is widened by
half: measured, a nominal 90 % covers less in bursty traffic.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import mul
from typing import Final

from ..model.distribution import bucket_words, middle
from .chance import Chance

#: Blocks that are aimed at, and fewer than which give no interval.
BLOCKS: Final = 20
LEAST_BLOCKS: Final = 10
#: A block lasts this many times the longest period in which somebody waited.
_EPISODES: Final = 5
DRAWS: Final = 100
WIDER: Final = 1.5

Range = tuple[float, float]


def block_count(length: float, longest_episode: float) -> int:
    """Blocks that fit; 0 if too few for an interval."""
    if length <= 0:
        return 0
    block = max(length / BLOCKS, _EPISODES * longest_episode)
    fit = int(length / block + 1e-9)
    return fit if fit >= LEAST_BLOCKS else 0


def draws(blocks: int, seed: int = 0) -> list[list[int]]:
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

    def percentile(self, times: Sequence[int], q: float) -> float:
        """The q-th percentile (0..100) when block i counts `times[i]`."""
        allowed = sum(map(mul, times, self.totals)) * (1 - q / 100)
        low, high = 0, len(self.words)
        while low < high:
            middle_place = (low + high) // 2
            if sum(map(mul, times, self.above[middle_place])) > allowed:
                high = middle_place
            else:
                low = middle_place + 1
        return middle(self.words[low]) if low < len(self.words) else 0.0

    def interval(self, drawn: Sequence[Sequence[int]], q: float, point: float) -> Range:
        """The widened 90 % interval around `point`."""
        return widened([self.percentile(times, q) for times in drawn], point)

    def count_interval(
        self, drawn: Sequence[Sequence[int]], counts: Sequence[float], point: float
    ) -> Range:
        """The same for a total of the blocks' `counts`."""
        return widened([sum(map(mul, times, counts)) for times in drawn], point)


def widened(values: Sequence[float], point: float) -> Range:
    """From the 5th to the 95th percentile of `values`, `WIDER` times as far from `point`."""
    ordered = sorted(values)
    low = ordered[len(ordered) // 20]
    high = ordered[-1 - len(ordered) // 20]
    down, up = max(0.0, point - low), max(0.0, high - point)
    return max(0.0, point - WIDER * down), point + WIDER * up
