"""Holds that move: how far their level wanders from window to window, and what that does to waits.

Holds change for reasons that no replay knows: a busier host, a colder cache, another neighbour.
How far, the window itself tells: its fifths have a level each, beside what the mix of call sites
explains and what chance does. A range reaches as far as such holds would take the waits.

Holds that last `f` times as long wait as at `1 / f` times the slots: either way a backlog is worked
off as slowly. Where there are bursts, replays agree with that to 3 %, and the neighbouring sizes
are replayed anyway.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp, hypot, log, sqrt
from statistics import variance
from typing import Final

from ..model.whatif import Range, Row
from . import sizing
from .demand import Rows
from .measuring import Measured, measure
from .replay import Load
from .scene import Scene

#: Parts of the window that are compared, and how many holds each has at least.
_PARTS: Final = 5
_EACH: Final = 200
#: Holds of the whole window that are looked at.
_LOOKED_AT: Final = 10_000
#: Their variance is noise below this many times what chance makes of it (chi-square of 4, 95 %).
_NOISE: Final = 2.37
#: Another window's level, a mean of as many parts, lies within so many deviations of one part:
#: 1.645 * sqrt(2 / 5), for 90 %.
_WITHIN: Final = 1.04
#: By so much a level moves that stood still in this window: the same requests at the same size,
#: minutes apart, were held up to 15 % longer or shorter (`benchmarks.whatif_real`).
_ALWAYS: Final = 0.1
#: Levels that strayed further cost the grade.
STEADY: Final = 0.08
UNSTEADY: Final = 0.2
#: A range that reaches no further than this factor and these seconds is a narrow one.
_TWICE: Final = 2.0
_HARDLY: Final = 0.01
#: Nobody extrapolates beyond twice the holds.
_MOST: Final = log(2)


def drift(rows: Rows) -> float:
    """The deviation of the logarithm of the level of holds between fifths of the window."""
    seen: Sequence[int] = range(0, len(rows), 1 + len(rows) // _LOOKED_AT)
    if rows.missing:
        unseen = set(rows.missing)
        seen = [i for i in seen if i not in unseen]
    each = len(seen) // _PARTS
    if each < _EACH:
        return 0.0
    usual = _usual(rows, seen)
    levels, noise = [], 0.0
    for part in range(_PARTS):
        places = seen[part * each : (part + 1) * each]
        expected = [usual[rows.site[i]] for i in places]
        held = [rows.hold[i] for i in places]
        total = sum(expected)
        if not total or not sum(held):
            return 0.0
        levels.append(log(sum(held) / total))
        noise += sum((h - e) ** 2 for h, e in zip(held, expected, strict=True)) / total**2
    noise /= _PARTS
    found = variance(levels)
    return sqrt(found - noise) if found > _NOISE * noise else 0.0


def grade_of(drift: float) -> str:
    """What holds that move leave of a grade."""
    if drift > UNSTEADY:
        return "C"
    return "B" if drift > STEADY else "A"


def _usual(rows: Rows, seen: Sequence[int]) -> dict[int, float]:
    """The mean hold of each call site."""
    sums: dict[int, tuple[int, float]] = {}
    for i in seen:
        count, total = sums.get(rows.site[i], (0, 0.0))
        sums[rows.site[i]] = count + 1, total + rows.hold[i]
    return {site: total / count for site, (count, total) in sums.items()}


def _told_by(row: Row) -> str:
    """A number that may well be more than twice as large is not the best there is."""
    if row.p95 is None or row.range is None or row.range[1] <= _TWICE * row.p95 + _HARDLY:
        return "A"
    return "B"


def _between(few: float, many: float, share: float) -> float:
    """A wait between those at fewer and at more slots: it goes with 1 / (slots - load)."""
    if few > 0 and many > 0:
        return 1 / ((1 - share) / few + share / many)
    return (1 - share) * few + share * many


class Drift:
    """What moved holds do at each size."""

    def __init__(self, scene: Scene) -> None:
        """`scene` with the drift that its record has."""
        self._scene = scene
        #: Holds of 90 % of other windows are so many times as long, or as short.
        self.factor = exp(min(_MOST, hypot(_WITHIN * scene.drift, _ALWAYS)))
        self._loads: dict[float, Load] = {}

    def widened(self, row: Row, slots: int) -> Row:
        """The row with ranges that reach as far as moved holds take its numbers."""
        scene = self._scene
        if row.range is None or slots < 1:
            return row
        as_is = scene.at(slots)
        longer, shorter = self._with(slots, self.factor), self._with(slots, 1 / self.factor)

        def reach(found: Range | None, of: Callable[[Measured], float]) -> Range | None:
            if found is None:
                return None
            down, up = of(as_is) - of(shorter), of(longer) - of(as_is)
            return max(0.0, found[0] - max(0.0, down)), found[1] + max(0.0, up)

        wider = replace(
            row,
            range=reach(row.range, lambda each: each.points[95.0]),
            p50_range=reach(row.p50_range, lambda each: each.points[50.0]),
            p99_range=reach(row.p99_range, lambda each: each.points[99.0]),
            timeouts_range=reach(row.timeouts_range, lambda each: each.timeouts),
        )
        return replace(wider, grade=sizing.worst(row.grade, _told_by(wider)))

    def _with(self, slots: int, factor: float) -> Measured:
        """Holds `factor` times as long."""
        scene, at = self._scene, slots / factor
        if at < 1 or scene.has_hosts:
            return self._replayed(slots, factor)
        below, above = scene.around(at)
        if below == above:
            return scene.at(below)
        share = (at - below) / (above - below)
        one, other = scene.at(below), scene.at(above)

        return replace(
            one,
            points={q: _between(each, other.points[q], share) for q, each in one.points.items()},
            timeouts=_between(one.timeouts, other.timeouts, share),
        )

    def _replayed(self, slots: int, factor: float) -> Measured:
        """Where a size between two sizes is none: one slot, or limits of two kinds."""
        if factor not in self._loads:
            as_is = self._scene.loads[0]
            holds = [hold * factor for hold in as_is.holds]
            self._loads[factor] = Load(as_is.arrivals, holds, as_is.patience, as_is.timeout)
        load = self._loads[factor]
        return measure(load, self._scene.run(load, slots), None)
