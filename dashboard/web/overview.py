"""What the overview shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..analysis.status import Finding, Status, active, findings, headline, status_of
from ..model.findings import Suspect
from ..model.history import History
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot, Snapshot
from .charts import Plot, queue
from .drawing import Meter, Spark, common_width, meter, row_layout, spark
from .feed import EventRow, Filter, recent
from .frame import Frame
from .heatmap import Heatmap, heatmap, seen_since
from .histories import bars, known, merge, thin
from .marks import Line, lines

_SPARK_POINTS = 60
_PLOT_POINTS = 180
_COLUMNS = 72
_EVENTS = 16
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

    @cached_property
    def headline(self) -> str:
        """The sentence at the top."""
        return headline(self.snapshot, self.suspects)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """At most three."""
        return findings(self.snapshot, self.suspects)

    @cached_property
    def more(self) -> int:
        """How many pools need attention beyond the findings."""
        levels = [status_of(p, self.suspects).level for p in self.snapshot.pools.values()]
        return sum(level in {"bad", "wait"} for level in levels) - len(self.findings)

    @cached_property
    def histories(self) -> dict[str, History]:
        """One for every pool, fine enough for the large charts."""
        seconds = self.frame.seconds
        return {
            name: known(self.reading.history(name, seconds, _PLOT_POINTS), pool.since)
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
        heat = self.reading.heat(None, self.frame.seconds, _COLUMNS)
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
        return recent(self.reading, self.frame.now.tzinfo, Filter(), _EVENTS)


def place_of(pool: PoolSnapshot) -> str:
    """`PostgreSQL, orders-db:5432`, as far as it is known."""
    return ", ".join(part for part in (pool.backend or pool.library, pool.address) if part)
