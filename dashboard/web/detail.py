"""What the page of one pool shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..analysis import forecast
from ..analysis.first_aid import at_its_worst
from ..analysis.instants import is_about
from ..analysis.lasting import Lasting, lasting
from ..analysis.status import Finding, Status, active, status_of
from ..model.distribution import RELATIVE_ERROR, Distribution
from ..model.findings import Brief, Suspect
from ..model.history import History
from ..model.lanes import Lanes
from ..model.origin import CallSite
from ..model.ports import Reading
from ..model.snapshot import CallSiteStats, Checkout, Overhead, PoolSnapshot, Waiter
from .aid import finding_of
from .charts import Plot, connections, waits
from .drawing import Meter, meter, narrow_layout, wide_layout
from .feed import EventRow, Filter, recent
from .frame import Frame
from .heatmap import Heatmap, heatmap, seen_since
from .histograms import Histogram, histogram
from .histories import known
from .lanes import Chart, chart
from .options import Option, options_of
from .overview import place_of
from .past import Past
from .wanted import Wanted, outlook_of
from .whatif import Outlook

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


class Detail:
    """Computed when a template asks for it, so that a fragment pays only for itself."""

    def __init__(
        self,
        reading: Reading,
        frame: Frame,
        pool: PoolSnapshot,
        suspects: Sequence[Suspect],
        wanted: Wanted,
        *,
        lists_all: bool = False,
        predicts: bool = False,
    ) -> None:
        """`suspects` are all of the process; `lists_all` shows every holder.

        `predicts` replays other sizes, as `wanted`.
        """
        self.lists_all = lists_all
        self.predicts, self.wanted = predicts, wanted
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
    def finding(self) -> Finding | None:
        """What to do, if something is wrong; `status` has the evidence of this instant."""
        return finding_of(self.reading, self.pool.name, self.all_suspects, self.frame.now)

    @property
    def news(self) -> str:
        """What the finding knows beyond the status."""
        if self.finding is None:
            return ""
        is_calm = self.status.level not in {"bad", "wait"}
        return self.finding.evidence if is_calm else at_its_worst(self.finding)

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
        frame = self.frame
        moment = frame.frozen if frame.is_frozen else ""
        suspects = self.past.suspects if frame.is_frozen else self.active
        return chart(self._lanes, self.pool, suspects, frame.now.tzinfo, moment)

    @cached_property
    def _lanes(self) -> Lanes:
        return self.reading.lanes(self.pool.name, LANES, self.frame.until)

    @cached_property
    def hold_heat(self) -> Heatmap | None:
        """Holds over the range of the page."""
        frame = self.frame
        heat = self.reading.heat(self.pool.name, frame.seconds, _COLUMNS, "use", frame.until)
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
    def height(self) -> int:
        """Rows that the list of holders has room for, so that it does not grow and shrink."""
        return max(1, min(max(self.pool.peak, self.pool.used), MOST_HOLDERS))

    @property
    def unlisted(self) -> int:
        """Checkouts beyond those listed."""
        return max(0, len(self.pool.open) - self._most)

    def _suspicion(self, checkout: Checkout) -> Suspect | None:
        """A suspect is known by its connection, which only one checkout can have at a time."""
        for suspect in self.active:
            if is_about(suspect, checkout):
                return suspect
        return None

    @cached_property
    def drains(self) -> Mapping[CallSite, Sequence[str]]:
        """How fast a line loses slots, by line."""
        found: defaultdict[CallSite, list[str]] = defaultdict(list)
        for drain in forecast.of(self.pool, self.suspects):
            found[drain.call_site].append(drain.sentence)
        return found

    def busy_share(self, site: CallSiteStats) -> float:
        """The part of a line's holds that it spends in statements."""
        return min(1.0, site.busy_time / site.total_hold) if site.total_hold else 0.0

    @cached_property
    def outlook(self) -> Outlook | None:
        """What other sizes would have answered; None when nobody asked."""
        return outlook_of(self.reading, self.pool, self.wanted) if self.predicts else None

    @property
    def advice_count(self) -> int:
        """Changes worth making; it may cost a replay, so only a fragment asks."""
        found = self.reading.advice()
        return sum(each.pool == self.pool.name and each.severity != "info" for each in found)

    @cached_property
    def incident(self) -> Brief | None:
        """The latest one of this pool."""
        mine = (brief for brief in self.reading.briefs() if brief.pool == self.pool.name)
        return next(mine, None)

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
        return options_of(self.pool)

    @cached_property
    def history(self) -> History:
        """Over the range of the page."""
        frame = self.frame
        seen = self.reading.history(self.pool.name, frame.seconds, _PLOT_POINTS, frame.until)
        return known(seen, self.pool.since)

    @cached_property
    def past(self) -> Past:
        """The pool at the moment that the page is frozen at."""
        parts = (self.pool, self.history, self._lanes, self.all_suspects)
        return Past(self.reading, self.frame, *parts)

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
        return recent(self.reading, self.frame.now.tzinfo, only, _EVENTS, self.frame.until)

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
