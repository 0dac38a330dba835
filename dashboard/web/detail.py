"""What the page of one pool shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..analysis.lasting import Lasting, lasting
from ..analysis.status import Status, active, status_of
from ..model.distribution import RELATIVE_ERROR, Distribution
from ..model.findings import Suspect
from ..model.history import History
from ..model.ports import Reading
from ..model.snapshot import CallSiteStats, Checkout, Overhead, PoolSnapshot, Waiter
from .charts import Plot, connections, waits
from .drawing import Meter, meter, narrow_layout, wide_layout
from .effects import effect_of
from .explain import text_of
from .feed import EventRow, Filter, recent
from .format import setting
from .frame import Frame
from .heatmap import Heatmap, heatmap, seen_since
from .histograms import Histogram, histogram
from .histories import known
from .lanes import Chart, chart
from .overview import place_of
from .shapes import settings as safe_settings

#: More rows than these are counted, not listed, unless all are asked for.
MOST_HOLDERS = 12
MOST_LISTED = 1000
MOST_SITES = 30
#: Seconds that the lanes go back.
LANES = 60.0
#: Holds from this many seconds on are orange in the heatmap.
SLOW_HOLD = 1.0
_PLOT_POINTS = 180
_COLUMNS = 72
_EVENTS = 12
_RECENT = 900.0


@dataclass(frozen=True, slots=True)
class Holder:
    """A checkout, and the suspicion about it if there is one."""

    checkout: Checkout
    suspect: Suspect | None


@dataclass(frozen=True, slots=True)
class Option:
    """A setting beside what it does."""

    name: str
    value: str
    text: str
    effect: str


class Detail:
    """Computed when a template asks for it, so that a fragment pays only for itself."""

    def __init__(
        self,
        reading: Reading,
        frame: Frame,
        pool: PoolSnapshot,
        suspects: Sequence[Suspect],
        *,
        lists_all: bool = False,
    ) -> None:
        """`suspects` are all of the process; `lists_all` shows every holder."""
        self.lists_all = lists_all
        self.reading = reading
        self.frame = frame
        self.pool = pool
        self.all_suspects = suspects
        self.suspects = [suspect for suspect in suspects if suspect.pool == pool.name]

    @cached_property
    def active(self) -> tuple[Suspect, ...]:
        """The suspects that still hold a connection."""
        return active(self.suspects)

    @cached_property
    def status(self) -> Status:
        """Word, level and sentence."""
        return status_of(self.pool, self.suspects)

    @cached_property
    def lasting(self) -> Lasting | None:
        """Since when it has this status, if that needs attention."""
        if self.status.level not in {"bad", "wait"} and self.status.word != "Busy":
            return None
        seen = self.reading.history(self.pool.name, _RECENT, _PLOT_POINTS)
        return lasting(self.status.word, self.pool, known(seen, self.pool.since), self.suspects)

    @cached_property
    def lanes(self) -> Chart:
        """Who held each slot in the last minute."""
        seen = self.reading.lanes(self.pool.name, LANES)
        return chart(seen, self.pool, self.suspects, self.frame.now.tzinfo)

    @cached_property
    def hold_heat(self) -> Heatmap | None:
        """Holds over the range of the page."""
        heat = self.reading.heat(self.pool.name, self.frame.seconds, _COLUMNS, "use")
        heat = seen_since(heat, self.pool.since)
        return heatmap(heat, SLOW_HOLD, "slow from", self.frame.now.tzinfo)

    @property
    def where(self) -> str:
        """Database and address."""
        return place_of(self.pool)

    @property
    def error_bound(self) -> float:
        """How far a percentile may be off, as a share of itself."""
        return RELATIVE_ERROR

    @cached_property
    def meters(self) -> tuple[Meter, Meter]:
        """For a wide and for a narrow screen."""
        leaks = len(self.active)
        return (
            meter(wide_layout(self.pool), self.pool, leaks),
            meter(narrow_layout(self.pool), self.pool, leaks),
        )

    @cached_property
    def holders(self) -> list[Holder]:
        """Longest held first."""
        longest = sorted(self.pool.open, key=lambda checkout: -checkout.held_for)
        return [Holder(checkout, self._suspicion(checkout)) for checkout in longest[: self._most]]

    @property
    def _most(self) -> int:
        return MOST_LISTED if self.lists_all else MOST_HOLDERS

    @property
    def unlisted(self) -> int:
        """Checkouts beyond those listed."""
        return max(0, len(self.pool.open) - self._most)

    def _suspicion(self, checkout: Checkout) -> Suspect | None:
        """A suspect is known by its line, its owner and how long it has held."""
        for suspect in self.active:
            if (
                suspect.call_site == checkout.call_site
                and suspect.owner.ident == checkout.owner.ident
                and suspect.owner.name == checkout.owner.name
                and abs(suspect.held_for - checkout.held_for) < 2
            ):
                return suspect
        return None

    @property
    def address(self) -> str:
        """The fragment of what changes by the second, in the same length."""
        return self.frame.part("now", **({"holders": "all"} if self.lists_all else {}))

    @cached_property
    def waiting(self) -> list[Waiter]:
        """Longest first."""
        return sorted(self.pool.waiting, key=lambda waiter: -waiter.waited_for)[: self._most]

    @cached_property
    def sites(self) -> list[CallSiteStats]:
        """By share of connection time."""
        return sorted(self.pool.call_sites, key=lambda site: -site.share)[:MOST_SITES]

    @cached_property
    def options(self) -> list[Option]:
        """All settings as they are in force."""
        pool = self.pool
        return [
            Option(name, setting(value), text_of(name, pool.library), effect_of(name, pool))
            for name, value in safe_settings(pool.config).items()
        ]

    @cached_property
    def history(self) -> History:
        """Over the range of the page."""
        seen = self.reading.history(self.pool.name, self.frame.seconds, _PLOT_POINTS)
        return known(seen, self.pool.since)

    @cached_property
    def connection_plot(self) -> Plot | None:
        """In use over time."""
        return connections(self.history, self.pool, self.frame.now.tzinfo)

    @cached_property
    def wait_plot(self) -> Plot | None:
        """Wait percentiles over time."""
        return waits(self.history, self.frame.now.tzinfo)

    @cached_property
    def histograms(self) -> list[tuple[str, str, Histogram | None, Distribution]]:
        """Wait and connect times within the pool's window; holds have a heatmap."""
        pool = self.pool
        named = [
            ("wait", "Wait time", pool.wait_time),
            ("connect", "Connect time", pool.create_time),
        ]
        return [(key, label, histogram(seen), seen) for key, label, seen in named]

    @cached_property
    def phases(self) -> list[tuple[str, Distribution]]:
        """Where the time of a checkout goes, as far as the library shows it."""
        return [(name.replace("_", " "), seen) for name, seen in self.pool.phases.items()]

    @cached_property
    def _feed(self) -> tuple[Sequence[EventRow], int]:
        only = Filter(pool=self.pool.name)
        return recent(self.reading, self.frame.now.tzinfo, only, _EVENTS)

    @property
    def events(self) -> Sequence[EventRow]:
        """The newest of this pool."""
        return self._feed[0]

    @property
    def dropped(self) -> int:
        """Events that were counted but not kept as samples."""
        return self._feed[1]

    @cached_property
    def overhead(self) -> Overhead:
        """What watching costs the whole process."""
        return self.reading.snapshot().overhead

    @property
    def differs(self) -> bool:
        """Whether our counts and the library's own disagree."""
        pool = self.pool
        if pool.own_used is None:
            return False
        return pool.own_used != pool.used or (pool.own_idle or 0) != pool.idle
