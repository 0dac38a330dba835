"""Does the server slow down when more is held? What the trace can tell, and what it cannot.

Within each call site the holds at many concurrent ones are compared with those at few. Never the
other way round over all holds: long holds cause high concurrency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log
from operator import add, itemgetter, mul, sub
from statistics import median
from typing import Final

from .demand import Rows

#: Holds in each quartile of concurrency, and how far the quartiles must lie apart.
_EACH: Final = 200
_SPREAD: Final = 2.0
#: Where traffic is steady, quartiles lie close: then a tenth, a twentieth, a fortieth of the holds
#: at each end, and as many as it takes to tell 1.1 from chance.
_TAILS: Final = (10, 20, 40)
_EACH_TAIL: Final = 1_000
#: The last requests, of which so many are looked at for the ratio, and for the fit.
_JUDGED: Final = 40_000
_LOOKED_AT: Final = 8_000
_FITTED: Final = 3_000
#: No speed is extrapolated beyond this many times the observed concurrency.
_BEYOND: Final = 1.5
#: How much of the work is shared out; the mildest is tried first. Where that explains less than
#: nothing worth mentioning of the spread of holds, the others do no better.
_MILD: Final = 0.3
_SHARES: Final = (0.6, 1.0)
_NOTHING: Final = 0.005
_SHORTEST: Final = 1e-6
_LOWEST: Final = log(_SHORTEST)

#: `flat`, `mild`, `saturating`, or `unknown` where the trace cannot tell.
Verdict = str


@dataclass(frozen=True, slots=True)
class Slowdown:
    """What the gate says; `ratio` is None where it cannot be told, `model` names the fit."""

    verdict: Verdict
    observed: int
    ratio: float | None = None
    explained: float | None = None
    model: str = ""
    rates: tuple[float, ...] = ()
    always_full: bool = False

    def speeds(self, slots: int) -> list[float]:
        """The fitted speed at 0 … `slots` concurrent holds; no more throughput beyond the seen."""
        known = list(self.rates) or [1.0, 1.0]
        last = len(known) - 1
        return [known[n] if n <= last else known[last] * last / n for n in range(slots + 1)]


def judge(rows: Rows, capacity: int | None) -> Slowdown:
    """The identifiability gate: only where it opens are holds corrected."""
    unseen = set(rows.missing)
    seen: Sequence[int] = range(max(0, len(rows) - _JUDGED), len(rows))
    if unseen:
        seen = [i for i in seen if i not in unseen]
    if not seen:
        return Slowdown("unknown", 0)
    gots = list(map(add, *(map(column.__getitem__, seen) for column in (rows.asked, rows.wait))))
    ends = list(map(add, gots, map(rows.hold.__getitem__, seen)))
    levels = _levels(gots, ends)
    observed = max(levels)
    ordered = sorted(levels)
    low, high = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
    full = capacity is not None and low >= 0.9 * capacity
    places: Sequence[int] = range(0, len(seen), max(1, len(seen) // _LOOKED_AT))
    if high < _SPREAD * low:
        low, high = _tails(ordered, capacity)
        places = [p for p, level in enumerate(levels) if level <= low or level >= high]
    sample = [(rows.site[seen[p]], levels[p], rows.hold[seen[p]]) for p in places]
    ratio = _ratio(sample, low, high) if high >= _SPREAD * low else None
    if ratio is None:
        return Slowdown("unknown", observed, always_full=full)
    tail = slice(max(0, len(seen) - _FITTED), None)
    sites = [rows.site[i] for i in seen[tail]]
    explained, model, rates = _fit(gots[tail], ends[tail], sites, observed)
    verdict = "mild"
    if ratio <= 1.10 and explained < 0.05:
        verdict = "flat"
    elif ratio >= 1.5 or explained >= 0.20:
        verdict = "saturating"
    return Slowdown(verdict, observed, ratio, explained, model, tuple(rates))


def works(gots: Sequence[float], holds: Sequence[float], rates: Sequence[float]) -> list[float]:
    """Seconds that each hold would have taken alone, had the server run at `rates[n]` with n."""
    ends = [got + hold for got, hold in zip(gots, holds, strict=True)]
    path = _Path(gots, ends)
    return path.works(rates)


class _Path:
    """The recorded concurrency over time, ready to be integrated over many rates."""

    def __init__(self, gots: Sequence[float], ends: Sequence[float]) -> None:
        count = len(gots)
        times = [*gots, *ends]
        order = sorted(range(2 * count), key=times.__getitem__)
        self.place = [0] * (2 * count)
        for place, which in enumerate(order):
            self.place[which] = place
        self.count = count
        self.levels = list(accumulate(1 if which < count else -1 for which in order))
        self.most = max(self.levels, default=0)
        passing = [times[which] for which in order]
        self.steps = list(map(sub, passing[1:], passing))

    def works(self, rates: Sequence[float]) -> list[float]:
        known = [*rates, *[rates[-1]] * (self.most - len(rates) + 1)]
        speeds = map(known.__getitem__, self.levels)
        virtual = list(accumulate(map(mul, self.steps, speeds), initial=0.0))
        passed = [virtual[place] for place in self.place]
        return list(map(sub, passed[self.count :], passed[: self.count]))


def _levels(gots: Sequence[float], ends: Sequence[float]) -> list[int]:
    """How many are held as each begins, itself included."""
    sorted_ends = sorted(ends)
    order = sorted(range(len(gots)), key=gots.__getitem__)
    levels = [0] * len(gots)
    passed, end = 0, sorted_ends[0]
    for seen, i in enumerate(order, 1):
        now = gots[i]
        while end <= now and passed < seen - 1:
            passed += 1
            end = sorted_ends[passed]
        levels[i] = seen - passed
    return levels


def _tails(ordered: Sequence[int], capacity: int | None) -> tuple[int, int]:
    """Levels far enough apart in a steady trace, where quartiles are not; (1, 1) without.

    A pool that is full for a part of the time has a queue's levels, not its traffic's: its holds
    at few begin just before it is full again.
    """
    for share in _TAILS:
        count = len(ordered) // share
        low, high = ordered[count], ordered[-1 - count]
        if count < _EACH_TAIL or (capacity is not None and high >= capacity):
            break
        if high >= _SPREAD * low:
            return low, high
    return 1, 1


def _ratio(sample: Sequence[tuple[int, int, float]], low: int, high: int) -> float | None:
    """The median hold at many over that at few, weighted over sites; None without enough."""
    few: dict[int, list[float]] = {}
    many: dict[int, list[float]] = {}
    for site, level, hold in sample:
        if level <= low:
            few.setdefault(site, []).append(hold)
        if level >= high:
            many.setdefault(site, []).append(hold)
    if min(sum(map(len, few.values())), sum(map(len, many.values()))) < _EACH:
        return None
    weighted = total = 0.0
    for site in few.keys() & many.keys():
        below, above = median(few[site]), median(many[site])
        weight = min(len(few[site]), len(many[site]))
        if weight >= 10 and below > 0 and above > 0:
            weighted += weight * log(above / below)
            total += weight
    return exp(weighted / total) if total >= _EACH else None


def _fit(
    gots: Sequence[float], ends: Sequence[float], sites: Sequence[int], observed: int
) -> tuple[float, str, list[float]]:
    """The family that leaves the least variance of log work within sites."""
    path, within = _Path(gots, ends), _Within(sites)
    limit = int(observed * _BEYOND) + 1
    before = within.variance(path.works([1.0] * (limit + 1)))
    best = (0.0, "flat", [1.0] * (limit + 1))
    if not before:
        return best
    for shares in ((_MILD,), _SHARES):
        for name, rates in _families(observed, limit, shares):
            explained = 1 - within.variance(path.works(rates)) / before
            if explained > best[0]:
                best = (explained, name, rates)
        if best[0] < _NOTHING:
            break
    return best


def _families(observed: int, limit: int, shares: Sequence[float]) -> list[tuple[str, list[float]]]:
    """Partly shared servers of m cores, and the universal scalability law."""
    found = []
    cores = sorted({1, 2, 3, 4, 6, 8, 12, 16, 24, 32, observed // 2, 3 * observed // 4})
    for m in (each for each in cores if 1 <= each < observed):
        for f in shares:
            rates = [1 / (1 - f + f * max(1.0, n / m)) for n in range(limit + 1)]
            found.append((f"{m} at full speed, {f:.0%} of the work shared", rates))
    if shares == (_MILD,):
        return found
    for s in (0.01, 0.03, 0.1, 0.3):
        for k in (0.0, 0.002):
            rates = [1 / (1 + s * (n - 1) + k * n * (n - 1)) for n in range(1, limit + 1)]
            found.append((f"contention {s:g}, coherence {k:g}", [1.0, *rates]))
    return found


class _Within:
    """Which holds are of which site: asked once for each family, so it is done in C."""

    def __init__(self, sites: Sequence[int]) -> None:
        places: dict[int, list[int]] = {}
        for place, site in enumerate(sites):
            places.setdefault(site, []).append(place)
        self._count = max(1, len(sites))
        # A getter of one place answers no tuple; alone a hold has no variance.
        self._groups = [itemgetter(*each) for each in places.values() if len(each) > 1]

    def variance(self, found: Sequence[float]) -> float:
        """The variance of the logarithms within sites."""
        logs = _logs(found)
        within = 0.0
        for group in self._groups:
            each = group(logs)
            within += sum(map(mul, each, each)) - sum(each) ** 2 / len(each)
        return within / self._count


def _logs(found: Sequence[float]) -> list[float]:
    """Nothing is shorter than `_SHORTEST`."""
    if min(found, default=1.0) > _SHORTEST:
        return list(map(log, found))
    return [log(work) if work > _SHORTEST else _LOWEST for work in found]
