"""A pool's record between two moments of its clock."""

from collections.abc import Sequence
from math import ceil, floor

from ..model.claim import GOT
from ..model.distribution import EMPTY, Distribution
from ..model.period import Period
from .history import TEN, Past, levels
from .pool import PoolRecord


def of(
    record: PoolRecord,
    now: float,
    start: float,
    end: float,
    offset: float,
    *,
    border: float | None = None,
) -> Period:
    """`start` and `end` by the record's clock; `offset` makes UNIX times of them.

    Distributions reach up to a step beyond, but not across `border`, one of the two.
    """
    past = record.past
    series = _Series(past, now, start)
    up = series.all("got")
    # What is out is not among those that were got: it is counted when it comes back.
    used = series.with_open(
        levels(0, up, series.all("returned")),
        [claim[GOT] for claim in list(record.ledger.open.values())],
    )
    inside = series.between(used, start, end)
    return Period(
        start=start + offset,
        end=end + offset,
        wait_time=_measured(past, "wait", now, start, end, border=border),
        use_time=_measured(past, "use", now, start, end, border=border),
        checkouts=sum(series.between(up, start, end)),
        timeouts=sum(series.between(series.all("timeouts"), start, end)),
        used=sum(inside) / len(inside) if inside else None,
    )


def _measured(
    past: Past, name: str, now: float, start: float, end: float, *, border: float | None
) -> Distribution:
    source = past.fine if now - start <= past.fine[name].length * TEN else past.coarse
    step = source[name].step
    if border == start:
        start = ceil(start / step) * step
    elif border == end:
        end = floor(end / step) * step
    return source[name].between(start, end) if start < end else EMPTY


class _Series:
    """Counters of one second, or of a minute where the seconds do not reach back so far."""

    def __init__(self, past: Past, now: float, start: float) -> None:
        reaches = now - start < past.seconds.length * past.seconds.step
        self._ring = past.seconds if reaches else past.minutes
        self._now = now
        self._steps = min(self._ring.length, int((now - start) / self._ring.step) + 2)

    def all(self, kind: str) -> list[int]:
        """Up to now, oldest first."""
        return self._ring.last(kind, self._now, self._steps)

    def with_open(self, values: Sequence[int], begun: Sequence[float]) -> list[int]:
        """Levels with those that began and have not ended."""
        first = int(self._now / self._ring.step) - len(values) + 1
        return [
            value + sum(1 for at in begun if at < (first + place + 1) * self._ring.step)
            for place, value in enumerate(values)
        ]

    def between(self, values: Sequence[int], start: float, end: float) -> list[int]:
        """Those of the steps that begin between the two."""
        step = self._ring.step
        first = int(self._now / step) - len(values) + 1
        return [
            value for place, value in enumerate(values) if start <= (first + place) * step < end
        ]
