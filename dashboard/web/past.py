"""A pool at a moment in the past: what its history, its counters and its trace still know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from ..analysis.formerly import BEFORE, UNKNOWN, Former, Held, status_at, suspects_at
from ..analysis.status import Status
from ..model.findings import Brief, Suspect
from ..model.history import History
from ..model.lanes import Bar, Lanes
from ..model.period import Period
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot
from .drawing import Spark, spark
from .frame import Frame
from .histories import known, thin
from .lanes import Suspicion

_POINTS = 60


@dataclass(frozen=True, slots=True)
class Then:
    """One pool; `former` is None when nothing is kept of that moment.

    `step` is how many seconds the figures of the moment cover: one, or sixty for what is older
    than 15 minutes. `gave_up` are the time-outs within it.
    """

    pool: PoolSnapshot
    former: Former | None = None
    period: Period | None = None
    spark: Spark | None = None
    step: float = 1.0
    gave_up: int = 0

    @property
    def used(self) -> int | None:
        """Connections in use."""
        return self.former.used if self.former is not None else None

    @property
    def waiting(self) -> int | None:
        """Callers in the queue."""
        return self.former.waiting if self.former is not None else None

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
        return self.former.timeouts if self.former is not None else 0

    @property
    def status(self) -> Status:
        """Word, level and sentence as of then."""
        return UNKNOWN if self.former is None else status_at(self.former)

    @property
    def within(self) -> str:
        """What the figures of the moment cover, in words."""
        return "that second" if self.step < BEFORE else "that minute"

    def as_json(self, at: datetime) -> dict[str, object]:
        """What the API says of the moment; times and counts as on the page."""
        return {
            "at": at.isoformat(),
            "status": self.status.word,
            "level": self.status.level,
            "sentence": self.status.sentence,
            "used": self.used,
            "max": self.pool.max,
            "waiting": self.waiting,
            "timeouts": self.timeouts,
            "wait_p99": self.wait_p99,
            "use_p95": self.use_p95,
            "checkout_rate": self.rate,
        }

    def holding(self, held: Sequence[Held]) -> Then:
        """The same, with who held, if that is kept."""
        if self.former is None or not held:
            return self
        return replace(self, former=replace(self.former, held=held))


def then(
    reading: Reading,
    pool: PoolSnapshot,
    history: History,
    at: datetime,
    suspects: Sequence[Suspect],
) -> Then:
    """`history` ends at the moment; of who held only today's suspects are told."""
    if not history.used:
        return Then(pool)
    until = at.timestamp()
    fine = known(reading.history(pool.name, BEFORE, round(BEFORE), until), pool.since)
    fine = fine if fine.used else history
    former = Former(
        name=pool.name,
        max=pool.max,
        used=fine.used[-1],
        waiting=fine.pending[-1],
        timeouts=sum(fine.timeouts),
        ago=_ago(fine),
        checkouts=sum(fine.checkouts),
        held=[
            Held(str(each.call_site), (at - each.since).total_seconds(), is_suspect=True)
            for each in suspects_at(suspects, at, pool.name)
        ],
    )
    period = reading.period(pool.name, until - BEFORE, until)
    drawn = spark(thin(history, _POINTS), pool)
    return Then(pool, former, period, drawn, fine.step, fine.timeouts[-1])


def as_of(reading: Reading, pool: PoolSnapshot, until: float | None) -> PoolSnapshot:
    """With the capacity that it had at a moment of the past, if that is known."""
    if until is None:
        return pool
    seen = reading.history(pool.name, BEFORE, 1, until).capacities
    return replace(pool, size=seen[-1].size, max=seen[-1].max) if seen else pool


def _ago(fine: History) -> float | None:
    """Seconds since the last step with a time-out; None where a step is too long to tell."""
    places = [place for place, number in enumerate(fine.timeouts) if number]
    if not places or fine.step >= BEFORE:
        return None
    return (len(fine.timeouts) - 1 - places[-1]) * fine.step


def held_at(seen: Lanes, suspects: Sequence[Suspect]) -> list[Held]:
    """Who held at the end of the lanes, as far as it is kept."""
    suspicion = Suspicion(seen, suspects)
    return [
        Held(str(bar.call_site), bar.hold, suspicion.covers(bar))
        for lane in seen.lanes
        for bar in lane.bars
        if bar.is_open
    ]


def with_holders(found: Then, reading: Reading, at: datetime, suspects: Sequence[Suspect]) -> Then:
    """The same with who held, which takes a look at the trace."""
    name = found.pool.name
    seen = reading.lanes(name, BEFORE, at.timestamp())
    return found.holding(held_at(seen, suspects_at(suspects, at, name)))


def near(briefs: Sequence[Brief], at: datetime, seconds: float, pool: str = "") -> list[Brief]:
    """Incidents that began in the `seconds` before a moment or the minute after it."""
    begin, end = at - timedelta(seconds=seconds), at + timedelta(seconds=BEFORE)
    return [
        brief for brief in briefs if begin <= brief.at <= end and (not pool or brief.pool == pool)
    ]


class Past:
    """The page of one pool, at the moment that it is frozen at."""

    def __init__(
        self,
        reading: Reading,
        frame: Frame,
        pool: PoolSnapshot,
        history: History,
        lanes: Lanes,
        suspects: Sequence[Suspect],
    ) -> None:
        """`history` and `lanes` end at the moment of `frame`; `suspects` are today's."""
        self._reading, self._frame = reading, frame
        self._pool, self._history, self._lanes = pool, history, lanes
        self._suspects = suspects

    @property
    def _at(self) -> datetime:
        return self._frame.at or self._frame.now

    @cached_property
    def suspects(self) -> tuple[Suspect, ...]:
        """Those of today's that held their connection then."""
        return suspects_at(self._suspects, self._at, self._pool.name)

    @cached_property
    def then(self) -> Then:
        """Its figures, and who held."""
        found = then(self._reading, self._pool, self._history, self._at, self._suspects)
        return found.holding(held_at(self._lanes, self.suspects))

    @cached_property
    def holders(self) -> list[tuple[int, Bar, bool]]:
        """Slot, checkout and whether it is a suspect, of all that were out; longest held first."""
        suspicion = Suspicion(self._lanes, self.suspects)
        found = [
            (lane.number, bar, suspicion.covers(bar))
            for lane in self._lanes.lanes
            for bar in lane.bars
            if bar.is_open
        ]
        return sorted(found, key=lambda each: -each[1].hold)

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
        return near(self._reading.briefs(), self._at, self._frame.seconds, self._pool.name)
