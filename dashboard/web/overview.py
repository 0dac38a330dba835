"""What the overview shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from ..analysis import first_aid, loops
from ..analysis.formerly import Former, finding_at, headline_at
from ..analysis.status import Finding, Status, active, findings, headline, status_of
from ..model.findings import Advice, Brief, Suspect
from ..model.history import History
from ..model.ports import Reading
from ..model.snapshot import LoopLag, PoolSnapshot, Snapshot
from .aid import explained, latest
from .charts import Plot, queue
from .drawing import Meter, Spark, common_width, meter, row_layout, spark
from .feed import EventRow, Filter, recent
from .frame import Frame
from .heatmap import Heatmap, heatmap, seen_since
from .histories import bars, known, merge, thin
from .marks import Line, lines
from .past import Then, as_of, near, then, with_holders

_SPARK_POINTS = 60
_PLOT_POINTS = 180
_COLUMNS = 72
_EVENTS = 16
#: More are not read at a glance.
_FINDINGS = 3
#: Waits from this many seconds on are orange in the heatmap, as everywhere on the pages.
WAIT_TARGET = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """One pool of the table."""

    pool: PoolSnapshot
    status: Status
    meter: Meter
    spark: Spark | None
    where: str
    wait_p99: float | None
    use_p95: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all pools; `timeouts` are those within the range."""

    used: int
    max: int | None
    waiting: int
    rate: float
    timeouts: int


class Overview:
    """Computed when a template asks for it, so that a fragment pays only for itself."""

    def __init__(self, reading: Reading, frame: Frame, suspects: Sequence[Suspect]) -> None:
        """`suspects` are all of the process."""
        self.reading = reading
        self.frame = frame
        self.suspects = suspects
        self.snapshot: Snapshot = reading.snapshot()
        if frame.is_frozen:
            pools = self.snapshot.pools.items()
            as_were = {name: as_of(reading, pool, frame.until) for name, pool in pools}
            self.snapshot = replace(self.snapshot, pools=as_were)

    @cached_property
    def headline(self) -> str:
        """The sentence at the top."""
        return headline(self.snapshot, self.suspects)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """As many as fit; who waits for a blocked loop is told with the loop."""
        blocked = self._waiting_for_loops
        room = _FINDINGS - len(self.late)
        found = findings(self.snapshot, self.suspects, room + len(blocked))
        own = [each for each in found if each.pool not in blocked or each.section == "suspects"]
        told = [
            explained(
                each,
                self.reading,
                self.snapshot.pools,
                self.suspects,
                self.incidents.get(each.pool),
            )
            for each in own[:room]
        ]
        named = {each.pool for each in told}
        others = first_aid.elsewhere(self.snapshot.pools, room - len(told))
        return (*told, *(each for each in others if each.pool not in named))

    @property
    def _waiting_for_loops(self) -> set[str]:
        """The pools whose callers live on a loop that is blocked."""
        return {name for loop in self.snapshot.loops if loop.is_blocked for name in loop.pools}

    @cached_property
    def late(self) -> list[LoopLag]:
        """The event loop that is blocked, or was for longest: it explains the others."""
        loops = self.snapshot.loops
        return sorted(loops, key=lambda loop: (not loop.is_blocked, -loop.lag))[:1]

    @cached_property
    def worst_first(self) -> list[Finding | tuple[str, str, str]]:
        """Findings, and of a loop its level, sentence and what it does to the pools."""
        told: list[Finding | tuple[str, str, str]] = [*map(self._of_loop, self.late)]
        told += self.findings
        return sorted(told, key=lambda each: level_of(each) != "bad")

    def _of_loop(self, loop: LoopLag) -> tuple[str, str, str]:
        if loop.is_blocked:
            return "bad", loops.sentence(loop), loops.consequence(loop, self.snapshot.pools)
        ended = (loop.since + timedelta(seconds=loop.lag)).astimezone(self.frame.now.tzinfo)
        return "wait", loops.sentence(loop, f"{ended:%H:%M:%S}"), loops.AFTERWARDS

    @cached_property
    def incidents(self) -> dict[str, Brief]:
        """The latest of the last hour, by pool."""
        return latest(self.reading.briefs(), self.frame.now)

    @cached_property
    def past(self) -> list[Brief]:
        """Those of pools that are not among the findings, as far as there is room."""
        named = {finding.pool for finding in self.findings}
        others = [brief for pool, brief in self.incidents.items() if pool not in named]
        room = min(2, _FINDINGS - len(self.late) - len(self.findings))
        return sorted(others, key=lambda brief: brief.at, reverse=True)[:room]

    @cached_property
    def changes(self) -> list[Advice]:
        """Advice worth following; it may cost a replay, so only a fragment asks."""
        return [each for each in self.reading.advice() if each.severity != "info"]

    @cached_property
    def more(self) -> int:
        """How many pools need attention beyond the findings."""
        named = {finding.pool for finding in self.findings} | self._waiting_for_loops
        others = [pool for name, pool in self.snapshot.pools.items() if name not in named]
        return sum(status_of(pool, self.suspects).level in {"bad", "wait"} for pool in others)

    @cached_property
    def histories(self) -> dict[str, History]:
        """One for every pool, fine enough for the large charts."""
        seconds = self.frame.seconds
        return {
            name: known(
                self.reading.history(name, seconds, _PLOT_POINTS, self.frame.until), pool.since
            )
            for name, pool in self.snapshot.pools.items()
        }

    @cached_property
    def totals(self) -> Totals:
        """What stands beside the headline."""
        pools = [pool for pool in self.snapshot.pools.values() if pool.state != "closed"]
        limits = [pool.max for pool in pools]
        return Totals(
            used=sum(pool.used for pool in pools),
            max=None if None in limits or not limits else sum(limit or 0 for limit in limits),
            waiting=sum(pool.pending_requests for pool in pools),
            rate=sum(pool.checkout_rate for pool in pools),
            timeouts=sum(sum(history.timeouts) for history in self.histories.values()),
        )

    @cached_property
    def rows(self) -> list[Row]:
        """The worst first, then by waiting callers, then by the share in use."""
        pools = list(self.snapshot.pools.values())
        width = common_width(pools)
        rows = [self._row(pool, width) for pool in pools]
        rows.sort(
            key=lambda row: (
                row.status.rank,
                -row.pool.pending_requests,
                -(row.pool.used / row.pool.max if row.pool.max else 0),
                row.pool.name,
            )
        )
        return rows

    def _row(self, pool: PoolSnapshot, width: float) -> Row:
        leaks = len(active(self.suspects, pool.name))
        return Row(
            pool=pool,
            status=status_of(pool, self.suspects),
            meter=meter(row_layout(pool, width), pool, leaks),
            spark=spark(thin(self.histories[pool.name], _SPARK_POINTS), pool),
            where=place_of(pool),
            wait_p99=pool.wait_time.percentile(99),
            use_p95=pool.use_time.percentile(95),
        )

    @cached_property
    def together(self) -> History:
        """All pools as one."""
        return merge(list(self.histories.values()))

    @cached_property
    def queue_plot(self) -> Plot | None:
        """Callers waiting in all pools."""
        return queue(self.together, self.frame.now.tzinfo)

    @cached_property
    def wait_heat(self) -> Heatmap | None:
        """Waits of all pools over the range of the page."""
        heat = self.reading.heat(None, self.frame.seconds, _COLUMNS, "wait", self.frame.until)
        begun = [pool.since for pool in self.snapshot.pools.values() if pool.since is not None]
        heat = seen_since(heat, min(begun, default=None))
        return heatmap(heat, WAIT_TARGET, "target", self.frame.now.tzinfo)

    @property
    def marks(self) -> tuple[Line, ...]:
        """For the bars of `rates`."""
        seen = self.together
        end = seen.start + seen.step * len(seen.used)
        return lines(seen.marks, seen.start, end, self.frame.now.tzinfo)

    @cached_property
    def rates(self) -> tuple[tuple[float, float, float, bool], ...]:
        """Checkouts per step as bars: x, width and height in per cent, and whether any failed."""
        return bars(list(self.histories.values()))

    @cached_property
    def feed(self) -> tuple[Sequence[EventRow], int]:
        """The newest events, and how many were counted but not kept as samples."""
        zone = self.frame.now.tzinfo
        return recent(self.reading, zone, Filter(), _EVENTS, self.frame.until)

    @cached_property
    def then(self) -> list[Then]:
        """Every pool at the moment that the page is frozen at; the worst first."""
        found = [
            then(self.reading, pool, self.histories[name], self._at, self.suspects)
            for name, pool in self.snapshot.pools.items()
        ]
        return sorted(
            found, key=lambda each: (each.status.rank, -(each.waiting or 0), each.pool.name)
        )

    @property
    def _at(self) -> datetime:
        return self.frame.at or self.frame.now

    @property
    def headline_then(self) -> str:
        """The sentence at the top of a frozen page."""
        return headline_at([each.status for each in self.then], self.frame.frozen)

    @cached_property
    def findings_then(self) -> list[Finding]:
        """At most three pools that needed attention at that moment, with who held."""
        return [self._finding_then(each) for each in self._troubled[:3]]

    @property
    def more_then(self) -> int:
        """How many pools needed attention beyond the findings."""
        return max(0, len(self._troubled) - 3)

    @property
    def _troubled(self) -> list[Then]:
        return [each for each in self.then if each.status.level in {"bad", "wait"}]

    def _finding_then(self, each: Then) -> Finding:
        each = with_holders(each, self.reading, self._at, self.suspects)
        former = each.former or Former(name=each.pool.name, max=None, used=0, waiting=0)
        return finding_at(former, each.status)

    @property
    def incidents_then(self) -> list[Brief]:
        """Those of the range that ends at the moment."""
        return near(self.reading.briefs(), self._at, self.frame.seconds)


def level_of(told: Finding | tuple[str, str, str]) -> str:
    """`bad` or `wait`."""
    return told.level if isinstance(told, Finding) else told[0]


def place_of(pool: PoolSnapshot) -> str:
    """`PostgreSQL, orders-db:5432`, as far as it is known."""
    return ", ".join(part for part in (pool.backend or pool.library, pool.address) if part)
