"""A pool at a moment in the past: what its history, its counters and its trace still know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from ..model.findings import Brief
from ..model.history import History
from ..model.lanes import Bar, Lanes
from ..model.period import Period
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot
from . import format as fmt
from .drawing import Spark, spark
from .frame import Frame
from .histories import thin

#: Seconds before the moment that counts and percentiles cover.
BEFORE = 60.0
_POINTS = 60


@dataclass(frozen=True, slots=True)
class Then:
    """One pool; `used` and `waiting` are None when nothing is kept of that moment."""

    pool: PoolSnapshot
    used: int | None
    waiting: int | None
    period: Period | None
    spark: Spark | None

    @property
    def wait_p99(self) -> float | None:
        """In the minute before."""
        return self.period.wait_time.percentile(99) if self.period is not None else None

    @property
    def use_p95(self) -> float | None:
        """In the minute before."""
        return self.period.use_time.percentile(95) if self.period is not None else None

    @property
    def rate(self) -> float | None:
        """Checkouts per second in the minute before."""
        return self.period.checkouts / self.period.seconds if self.period is not None else None

    @property
    def timeouts(self) -> int:
        """In the minute before."""
        return self.period.timeouts if self.period is not None else 0

    @property
    def status(self) -> tuple[str, str]:
        """Level and word; less than a live status, because suspects are not kept."""
        if self.used is None:
            return "mute", "Not kept"
        if self.timeouts:
            return "bad", "Timed out"
        if self.waiting:
            return "wait", "Waiting"
        return "mute", "Nobody waited"


def then(reading: Reading, pool: PoolSnapshot, history: History, until: float) -> Then:
    """`history` ends at the UNIX time `until`."""
    if not history.used:
        return Then(pool, None, None, None, None)
    drawn = spark(thin(history, _POINTS), pool)
    period = reading.period(pool.name, until - BEFORE, until)
    return Then(pool, history.used[-1], history.pending[-1], period, drawn)


def headline(found: Sequence[Then], moment: str) -> str:
    """The sentence at the top."""
    known = [each for each in found if each.used is not None]
    if not known:
        return f"Nothing is kept of {moment}"
    timed_out = [each for each in known if each.timeouts]
    waiting = [each for each in known if each.waiting]
    if timed_out:
        return f"{_pools(timed_out)} timed out in the minute before {moment}"
    if waiting:
        return f"{_pools(waiting)} had callers waiting at {moment}"
    return f"Nobody was waiting at {moment}"


def _pools(found: Sequence[Then]) -> str:
    return found[0].pool.name if len(found) == 1 else fmt.plural(len(found), "pool")


def near(briefs: Sequence[Brief], at: datetime, seconds: float, pool: str = "") -> list[Brief]:
    """Incidents that began in the `seconds` before a moment or the minute after it."""
    begin, end = at - timedelta(seconds=seconds), at + timedelta(seconds=BEFORE)
    return [
        brief for brief in briefs if begin <= brief.at <= end and (not pool or brief.pool == pool)
    ]


class Past:
    """The page of one pool, at the moment that it is frozen at."""

    def __init__(
        self, reading: Reading, frame: Frame, pool: PoolSnapshot, history: History, lanes: Lanes
    ) -> None:
        """`history` and `lanes` end at the moment of `frame`."""
        self._reading, self._frame = reading, frame
        self._pool, self._history, self._lanes = pool, history, lanes

    @cached_property
    def then(self) -> Then:
        """Its figures."""
        return then(self._reading, self._pool, self._history, self._frame.until or 0.0)

    @cached_property
    def holders(self) -> list[tuple[int, Bar]]:
        """Slot and checkout of all that were out, the longest held first."""
        lanes = self._lanes.lanes
        found = [(lane.number, bar) for lane in lanes for bar in lane.bars if bar.is_open]
        return sorted(found, key=lambda pair: -pair[1].hold)

    @property
    def forgotten(self) -> str:
        """Until when checkouts are no longer kept, if that is within the lanes."""
        seen = self._lanes
        if seen.since <= seen.start:
            return ""
        return f"{datetime.fromtimestamp(seen.since, self._frame.now.tzinfo):%H:%M:%S}"

    @property
    def incidents(self) -> list[Brief]:
        """Those of the range that ends at the moment."""
        frame = self._frame
        return near(self._reading.briefs(), frame.at or frame.now, frame.seconds, self._pool.name)
