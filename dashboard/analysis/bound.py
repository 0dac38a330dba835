"""How long connections of one call site may be quiet before that is suspicious.

Learned from the quiet times of checkouts that came back. The tail decides: the logarithms of the
2√n longest, as far as they are more than a busy machine's jitter, exceed the one below them by what
a generalised Pareto distribution describes (Pickands, Balkema and de Haan; with shape 0 it is
Hill's estimator). It is fitted by its moments, kept from growing faster than a power law, and asked
for the time that one healthy checkout in some hundred thousand exceeds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import exp, expm1, inf, log, sqrt
from statistics import median
from typing import Final

from ..model.distribution import Distribution, middle
from ..model.origin import CallSite
from ..model.snapshot import CallSiteStats, PoolSnapshot

#: Seconds: no bound is shorter, and a call site with less than `ENOUGH` checkouts has this one.
FLOOR: Final = 2.0
COLD: Final = 60.0
ENOUGH: Final = 30
#: Further than that, or than so many times the longest quiet time, nothing is extrapolated: not
#: far where something else speaks for a leak, further where nothing does.
MOST: Final = 3600.0
_FAR: Final = 10.0
_FURTHEST: Final = 30.0
#: Of so few checkouts one that a busy machine held up is among the longest: less is read into it.
_FEW: Final = 200
_NEAR: Final = 5.0
#: The part of healthy checkouts that may be quiet for longer.
ALPHA: Final = 7e-6
_ALPHAS: Final = (5e-7, 4e-5)
#: A posterior of 95 %: what a call site loses may be mistaken this often.
_PER_LEAK: Final = 0.05
#: The longest quiet time is exceeded by this factor at least, by the second one among `_MANY`.
_RECORD: Final = 1.5
_OLD_RECORD: Final = 1.3
#: From so many checkouts on, one hang ten times as long as all the others is left out.
_MANY: Final = 1000
_HANG: Final = 10.0
_TAIL: Final = (8, 1000)
#: So little above the threshold is one bucket, and no tail.
_SAME: Final = 1e-3
#: Quiet times below this many seconds belong to no tail: a busy machine makes them.
_SHORT: Final = log(0.05)
#: A line that was seen n times has not shown what it does once in n times.
_UNSEEN: Final = COLD * ENOUGH
#: A line of which fewer came back may keep its connections by right.
_SOME: Final = 3
#: Seconds that a line may be quiet while nothing else speaks against it: one that is not quick,
#: and a young one.
_PATIENT: Final = 7.0
#: A bound is kept until its line has so many times as many checkouts.
_GROWTH: Final = 1.05


@dataclass(frozen=True, slots=True)
class Bound:
    """`seconds` that a call site may be quiet, read off `count` checkouts.

    They hold where something else speaks for a leak: its owner has ended, or left the function
    that took it. Without that it is `alone` that counts, and `sure` against signs of life.
    `longest` is the longest quiet time that counts; `hang` one that is left out because no other
    comes near it. `is_learned`: from this call site itself. `is_fixed`: `leak_after` says so.
    """

    seconds: float
    count: int = 0
    longest: float = 0.0
    hang: float | None = None
    is_learned: bool = False
    is_fixed: bool = False
    alone: float = COLD
    #: From these seconds on it is probable.
    sure: float = inf


def of(quiet: Distribution, *, alpha: float = ALPHA, cold: float = COLD) -> Bound:
    """The bound by quiet times; `cold` seconds where there are too few of them. 20 µs."""
    counts = quiet.counts
    count = quiet.count
    buckets = sorted(counts, reverse=True)
    longest = middle(buckets[0]) if count else 0.0
    if count < ENOUGH:
        seconds = max(cold, 3 * longest)
        sure = max(seconds, _UNSEEN / count) if count >= _SOME else inf
        return Bound(seconds, count, longest, alone=seconds, sure=sure)
    record, hang = longest, None
    if count >= _MANY and counts[buckets[0]] == 1 and len(buckets) > 1:
        second = middle(buckets[1])
        if longest > _HANG * second:
            record, hang = second, longest
    reached = exp(min(_quantile(counts, buckets, count, alpha), 20.0))
    far, furthest = (_NEAR, _NEAR) if count < _FEW else (_FAR, _FURTHEST)
    least = max(FLOOR, (_RECORD if count < _MANY else _OLD_RECORD) * record)
    seconds = max(least, min(reached, far * record))
    extrapolated = max(least, min(max(reached, _PATIENT), furthest * record, MOST))
    unseen = _UNSEEN / count
    alone = max(extrapolated, min(_PATIENT, unseen))
    sure = max(alone, unseen)
    return Bound(seconds, count, record, hang, is_learned=True, sure=sure, alone=alone)


def of_site(site: CallSiteStats, cold: float = COLD) -> Bound:
    """The bound of a call site: what it lost lowers it, what came back raises it."""
    quiet = site.quiet_time
    prior = (site.lost + 0.1) / (quiet.count + 10_000)
    alpha = max(ALPHA, _PER_LEAK * prior) / (1 + site.came_back)
    return of(quiet, alpha=min(max(alpha, _ALPHAS[0]), _ALPHAS[1]), cold=cold)


def _quantile(counts: Mapping[int, int], buckets: list[int], count: int, alpha: float) -> float:
    """The logarithm of what a part `alpha` exceeds, by the longest of `count`."""
    left = int(min(max(2 * sqrt(count), _TAIL[0]), _TAIL[1]))
    size, total, squares, threshold = 0, 0.0, 0.0, _SHORT
    for bucket in buckets:
        value = _log(bucket)
        if value <= _SHORT:
            break
        taken = min(counts[bucket], left)
        size, left = size + taken, left - taken
        total += taken * value
        squares += taken * value * value
        threshold = value
        if not left:
            break
    mean = total / size - threshold if size else 0.0
    if mean <= _SAME:
        return threshold
    spread = max(squares / size - (total / size) ** 2, 1e-9)
    # By two standard errors heavier than it looks, but never heavier than a power law.
    shape = min((1 - mean * mean / spread) / 2 + 2 * sqrt(2 / size), 0.0)
    scale = mean * (1 - shape)
    reach = max(log(size / (count * alpha)), 0.0)
    return threshold + scale * (expm1(shape * reach) / shape if shape < -1e-6 else reach)


@cache
def _log(bucket: int) -> float:
    value = middle(bucket)
    return log(value) if value > 0 else _SHORT


_NONE: Final = (0, -1, Bound(COLD))


class Bounds:
    """The bounds of many call sites; kept until a call site has 5 % more checkouts."""

    def __init__(self, leak_after: float | None = None) -> None:
        """`leak_after` in seconds is everybody's bound."""
        self._fixed = leak_after
        #: Checkouts, what they lost and what came back, and the bound, by pool and call site.
        self._kept: dict[tuple[str, CallSite], tuple[int, int, Bound]] = {}

    def of(self, pool: PoolSnapshot, site: CallSiteStats | None, *, exact: bool = True) -> Bound:
        """A call site's bound; without `exact` one that was right a short while ago."""
        if site is None:
            return self._with(Bound(COLD))
        key = pool.name, site.call_site
        marks = site.lost + site.came_back
        if not exact:
            count, known, kept = self._kept.get(key, _NONE)
            if known == marks and count <= site.checkouts <= _GROWTH * count:
                return kept
        found = of_site(site)
        if not found.is_learned:
            found = of_site(site, self._cold(pool, site))
        found = self._with(found)
        if len(self._kept) > 10_000:
            self._kept.clear()
        self._kept[key] = site.checkouts, marks, found
        return found

    def _with(self, found: Bound) -> Bound:
        if self._fixed is None:
            return found
        fixed = self._fixed
        sure = max(fixed, found.seconds) if found.is_learned else inf
        return replace(found, seconds=fixed, hang=None, is_fixed=True, sure=sure, alone=fixed)

    def _cold(self, pool: PoolSnapshot, new: CallSiteStats) -> float:
        """What is usual for the other lines of the pool, but a minute at least."""
        others = (
            of_site(site).seconds
            for site in pool.call_sites
            if site is not new and site.quiet_time.count >= ENOUGH
        )
        return max(COLD, _median(others))


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return median(found) if found else 0.0
