"""A pool's past as series of equal steps, ready to draw."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..model.claim import ASKED, GOT, SITE
from ..model.history import Capacity, History
from .history import Counters, Histograms, is_fine, levels
from .pool import PoolRecord


def of(
    record: PoolRecord,
    now: float,
    wall: Callable[[float], float],
    seconds: float,
    points: int,
    until: float | None = None,
) -> History:
    """The last `seconds` in at most `points` steps of whole seconds; up to 15 min by the second.

    They end at `until`, a time of the clock, or now; of what is no longer kept nothing is told.
    """
    end = now if until is None else min(until, now)
    by_second = is_fine(seconds, now - end)
    counters = record.past.seconds if by_second else record.past.minutes
    histograms = record.past.fine if by_second else record.past.coarse
    later = int(now / counters.step) - int(end / counters.step)
    steps = min(max(1, int(seconds / counters.step)), counters.length - later)
    if steps < 1:
        return History(start=wall(end - seconds), step=counters.step)
    group = max(1, -(-steps // max(1, points)))
    steps -= steps % group
    step = counters.step * group
    start = (int(end / counters.step) + 1) * counters.step - steps * counters.step
    ends = [start + step * (place + 1) for place in range(steps // group)]
    return History(
        start=wall(start),
        step=step,
        **_counted(_Series(record, counters, now, steps, later), group),
        **_timed(histograms, ends, step),
        capacities=tuple(
            Capacity(wall(at), size, most)
            for at, size, most in record.past.capacities.between(start, end)
        ),
    )


def _counted(series: "_Series", group: int) -> dict[str, Any]:
    """Levels, and what happened in each step."""
    return {
        "used": _last(series.used(), group),
        "pending": _last(series.pending(), group),
        "checkouts": _sums(series.counts("got"), group),
        "timeouts": _sums(series.counts("timeouts"), group),
        "errors": _sums(series.counts("errors"), group),
        "created": _sums(series.counts("created"), group),
    }


def _timed(
    histograms: Mapping[str, Histograms], ends: Sequence[float], step: float
) -> dict[str, Any]:
    """Percentiles of the waits and holds that ended in each step."""
    waits = [histograms["wait"].between(end - step, end) for end in ends]
    uses = [histograms["use"].between(end - step, end) for end in ends]
    return {
        "wait_p50": tuple(each.percentile(50) for each in waits),
        "wait_p99": tuple(each.percentile(99) for each in waits),
        "use_p95": tuple(each.percentile(95) for each in uses),
    }


def used(record: PoolRecord, now: float, seconds: float) -> tuple[float, list[int]]:
    """Connections out at the end of each step of the last `seconds`, and the length of a step."""
    counters = record.past.seconds if is_fine(seconds, 0.0) else record.past.minutes
    steps = min(max(1, int(seconds / counters.step)), counters.length)
    return counters.step, _Series(record, counters, now, steps, 0).used()


class _Series:
    """Counts of each step; what has not ended yet is added from the ledger.

    Levels are counted back from now, also over the `later` steps that are not shown.
    """

    def __init__(
        self, record: PoolRecord, counters: Counters, now: float, steps: int, later: int
    ) -> None:
        self._counters = counters
        self._now = now
        self._shown = steps
        self._steps = steps + later
        ledger = record.ledger
        self._held = list(ledger.open.values())
        self._retired = list(ledger.retired.values())
        self._given_up = list(ledger.given_up.values())
        self._waiting = list(ledger.pending.values())

    def counts(self, kind: str) -> list[int]:
        return self._counts(kind)[: self._shown]

    def _counts(self, kind: str) -> list[int]:
        counts = self._counters.last(kind, self._now, self._steps)
        out = [*self._held, *self._retired]
        if kind == "got":
            self._add(counts, [claim[GOT] for claim in out])
        elif kind == "returned":
            self._add(counts, self._given_up)
        elif kind == "answered":
            self._add(counts, [claim[GOT] for claim in out if claim[SITE].index])
        elif kind == "asked":
            own = [claim[ASKED] for claim in out if claim[SITE].index]
            self._add(counts, [*own, *(claim[ASKED] for claim in self._waiting)])
        return counts

    def _add(self, counts: list[int], times: Sequence[float]) -> None:
        newest = int(self._now / self._counters.step)
        for at in times:
            place = self._steps - 1 - (newest - int(at / self._counters.step))
            if 0 <= place < self._steps:
                counts[place] += 1

    def used(self) -> list[int]:
        return self._levels(len(self._held), "got", "returned")

    def pending(self) -> list[int]:
        return self._levels(len(self._waiting), "asked", "answered")

    def _levels(self, now: int, up: str, down: str) -> list[int]:
        return levels(now, self._counts(up), self._counts(down))[: self._shown]


def _last(values: Sequence[int], group: int) -> tuple[int, ...]:
    """Levels: the highest of each group, so that a short peak is not lost."""
    return tuple(max(values[at : at + group]) for at in range(0, len(values), group))


def _sums(values: Sequence[int], group: int) -> tuple[int, ...]:
    return tuple(sum(values[at : at + group]) for at in range(0, len(values), group))
