"""From a replay to numbers, each with its range."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, islice, pairwise
from math import ceil
from operator import add, gt, le
from typing import Final

from ..model.whatif import Range
from .bootstrap import Blocks, block_count, draws
from .replay import Load, Replayed

QUANTILES: Final = (50.0, 95.0, 99.0)
#: Ascending times of asking, and the waits.
Waiting = tuple[Sequence[float], Sequence[float]]


@dataclass(slots=True)
class Measured:
    """Points and ranges of one replay; ranges are None where too few blocks fit."""

    points: dict[float, float]
    ranges: dict[float, Range] | None
    timeouts: float
    cancelled: int
    busy: float
    waited_share: float
    bursts: int = 0
    longest_episode: float = 0.0
    timeouts_range: Range | None = None
    busy_range: Range | None = None


def bursts(episodes: Sequence[tuple[float, float]]) -> int:
    """Periods in which somebody waited, at most one a second: the unit of what was learned."""
    count = 0
    until = -1.0
    for begin, end in episodes:
        if begin >= until:
            count += 1
            until = begin + 1.0
        until = max(until, end)
    return count


def episodes(at: Sequence[float], waits: Sequence[float]) -> list[tuple[float, float]]:
    """Periods in which somebody waited; `at` ascends."""
    if not at:
        return []
    untils = list(map(add, at, waits))
    if not all(map(le, untils, islice(untils, 1, None))):
        untils = list(accumulate(untils, max))
    later = map(gt, islice(at, 1, None), untils)
    breaks = list(compress(range(1, len(at)), later))
    begins = map(at.__getitem__, (0, *breaks))
    ends = [untils[i - 1] for i in (*breaks, len(at))]
    return list(zip(begins, ends, strict=True))


def joined(
    one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Periods of either, those that overlap as one."""
    if not one or not other:
        return list(one or other)
    periods: list[tuple[float, float]] = []
    for begin, end in sorted([*one, *other]):
        if periods and begin <= periods[-1][1]:
            periods[-1] = (periods[-1][0], max(end, periods[-1][1]))
        else:
            periods.append((begin, end))
    return periods


def percentile(ordered: Sequence[float], count: int, q: float) -> float:
    """Nearest rank over `count` values of which all but `ordered` (ascending) are 0."""
    rank = max(1, ceil(q * count / 100 - 1e-9))
    place = rank - 1 - (count - len(ordered))
    return ordered[place] if 0 <= place < len(ordered) else 0.0


def measure(load: Load, done: Replayed, seed: int | None = 0) -> Measured:
    """A caller whose patience was shorter than the pool's gave up by itself.

    `seed` None spares ranges and bursts, which cost as much as the rest.
    """
    count, timeout = len(load), load.timeout
    timed_out = [i for i, after in zip(done.left, done.left_after, strict=True) if after >= timeout]
    busy = done.busy
    if busy is None:
        busy = load.passed[-1] - sum(map(load.holds.__getitem__, done.left))
    waits = done.waits + done.left_after
    ordered = sorted(waits)
    measured = Measured(
        points={q: percentile(ordered, count, q) for q in QUANTILES},
        ranges=None,
        timeouts=len(timed_out),
        cancelled=len(done.left) - len(timed_out),
        busy=busy,
        waited_share=len(waits) / count if count else 0.0,
    )
    if seed is not None:
        groups = [
            _in_time(load, done, places, each)
            for places, each in ((done.waited, done.waits), (done.left, done.left_after))
        ]
        periods = joined(episodes(*groups[0]), episodes(*groups[1]))
        measured.bursts = bursts(periods)
        measured.longest_episode = max((end - begin for begin, end in periods), default=0.0)
        _resample(measured, load, done, groups, timed_out, seed)
    return measured


def _resample(
    measured: Measured,
    load: Load,
    done: Replayed,
    groups: Sequence[Waiting],
    timed_out: Sequence[int],
    seed: int,
) -> None:
    asks = done.asks
    ascending = asks if asks is load.arrivals else sorted(asks)
    length = ascending[-1] - ascending[0] if ascending else 0.0
    count = block_count(length, measured.longest_episode)
    if not count:
        return
    blocks = Blocks(ascending, groups, count)
    drawn = draws(count, seed)
    measured.ranges = blocks.intervals(drawn, measured.points, measured.bursts)
    cuts = blocks.cuts(sorted(map(asks.__getitem__, timed_out)))
    gone = [float(after - before) for before, after in pairwise(cuts)]
    measured.timeouts_range = blocks.count_interval(drawn, gone, measured.timeouts)
    share = measured.busy / (load.passed[-1] or 1.0)
    held = [load.passed[edge] * share for edge in blocks.edges]
    busy = [after - before for before, after in pairwise(held)]
    measured.busy_range = blocks.count_interval(drawn, busy, measured.busy)


def _in_time(load: Load, done: Replayed, places: Sequence[int], waits: Sequence[float]) -> Waiting:
    """When they asked, ascending, and their waits; chained callers ask in another order."""
    at = list(map(done.asks.__getitem__, places))
    if done.asks is load.arrivals or all(map(le, at, islice(at, 1, None))):
        return at, waits
    order = sorted(range(len(at)), key=at.__getitem__)
    return [at[i] for i in order], [waits[i] for i in order]
