"""One pool's trace on the bench: measured once, replayed when a rule asks."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from ..model.origin import CallSite
from ..model.whatif import NO_CHANGE, TIMEOUT, Change, Demand, Prediction
from . import sizing
from .demand import Rows, rows_of
from .littles_law import busiest_second
from .measuring import bursts, episodes, percentile
from .slowdown import Slowdown, judge
from .whatif import Experiment

#: Waits below this many seconds are no queue: a ping or a lock of the library.
WAITED: Final = 0.001
#: Windows that a trace is cut into, and how long one is at least.
_WINDOWS: Final = 12
_SHORTEST: Final = 5.0
#: Requests from which on holds at busy and at quiet times may be compared.
_COMPARED: Final = 800


#: Newest requests that are looked at, until there are enough bursts among them.
_CUTS: Final = (12_500, 25_000, 50_000)
_BURSTS: Final = 15
_CALM: Final = 30_000


def worth(asked: Sequence[float], wait: Sequence[float]) -> int:
    """How many of the newest requests tell enough: replaying all of them costs more."""
    count = len(asked)
    if max(wait, default=0.0) <= WAITED:
        return min(count, _CALM)
    for cut in _CUTS:
        if cut >= count:
            break
        start = count - cut
        waited = sorted((asked[i], wait[i]) for i in range(start, count) if wait[i] > WAITED)
        found = bursts(episodes([at for at, _ in waited], [long for _, long in waited]))
        if found >= _BURSTS:
            return cut
    return count


class Lab:
    """Figures of one demand; each is computed when it is first asked for."""

    def __init__(self, demand: Demand, sites: Mapping[CallSite, int] | None = None) -> None:
        """`sites`: numbers of call sites as the demand has them."""
        self.demand = demand
        self.sites = sites or {}
        self._experiments: dict[Change, Experiment] = {}

    @cached_property
    def rows(self) -> Rows:
        """The requests in order."""
        return rows_of(self.demand)

    def __len__(self) -> int:
        """Requests."""
        return len(self.rows)

    @property
    def duration(self) -> float:
        """Seconds that the trace covers."""
        return self.demand.duration

    @cached_property
    def waiters(self) -> list[int]:
        """Requests that stood in the queue."""
        return [i for i, wait in enumerate(self.rows.wait) if wait > WAITED]

    def wait(self, q: float) -> float:
        """The q-th percentile of all waits; one that left counts as long as it waited."""
        ordered = sorted(self.rows.wait[i] for i in self.waiters)
        return percentile(ordered, len(self.rows), q)

    @cached_property
    def bursts(self) -> int:
        """Periods in which somebody waited, at most one a second."""
        rows = self.rows
        at = [rows.asked[i] for i in self.waiters]
        return bursts(episodes(at, [rows.wait[i] for i in self.waiters]))

    @cached_property
    def is_calm(self) -> bool:
        """Nobody waited."""
        return not self.waiters

    @cached_property
    def is_enough(self) -> bool:
        """G1: so much traffic and so many bursts that advice may rest on it."""
        return len(self) >= sizing.ENOUGH and (self.is_calm or self.bursts >= sizing.ENOUGH_BURSTS)

    def windows_over(self, target: float) -> int:
        """How many windows of the trace had a p95 wait above `target`."""
        length = max(_SHORTEST, self.duration / _WINDOWS)
        asked, wait = self.rows.asked, self.rows.wait
        over, start = 0, 0
        while start < len(asked):
            end = bisect_left(asked, asked[start] + length)
            ordered = sorted(wait[start:end])
            over += percentile(ordered, len(ordered), 95.0) > target
            start = end
        return over

    @cached_property
    def _held(self) -> tuple[list[float], list[float]]:
        """When holds began and ended, each ascending."""
        rows = self.rows
        gots, ends = [], []
        for asked, wait, hold, what in zip(
            rows.asked, rows.wait, rows.hold, rows.outcome, strict=True
        ):
            if what == 0:
                gots.append(asked + wait)
                ends.append(asked + wait + hold)
        return sorted(gots), sorted(ends)

    def held_at(self, at: float) -> int:
        """How many were out at a time of the trace; what ends just then is out."""
        gots, ends = self._held
        return bisect_right(gots, at) - bisect_left(ends, at)

    @cached_property
    def full_share(self) -> float:
        """The share of those who waited that found every slot taken."""
        capacity = self.demand.capacity
        if capacity is None or not self.waiters:
            return 0.0
        asked = self.rows.asked
        full = sum(self.held_at(asked[i]) >= capacity for i in self.waiters)
        return full / len(self.waiters)

    def share_beyond(self, slots: int) -> float:
        """The share of the requests that came when so many were out, or more."""
        asked = self.rows.asked
        return sum(self.held_at(at) >= slots for at in asked) / max(1, len(asked))

    @cached_property
    def offered(self) -> float:
        """Connections held on average: Little's law."""
        return sum(self.rows.hold) / self.duration if self.duration > 0 else 0.0

    @cached_property
    def offered_peak(self) -> float:
        """Connections held on average in all but the busiest 1 % of the seconds."""
        return busiest_second(self.rows)

    @cached_property
    def timeouts(self) -> list[float]:
        """When somebody gave up waiting."""
        waiting = len(self.demand.waiting)
        rows = self.rows
        found = [
            rows.asked[i] + rows.wait[i] for i, what in enumerate(rows.outcome) if what == TIMEOUT
        ]
        return sorted(found)[: len(found) - waiting] if waiting else sorted(found)

    def full_at_timeouts(self) -> int:
        """How many of them found every slot taken."""
        capacity = self.demand.capacity
        if capacity is None:
            return 0
        return sum(self.held_at(at) >= capacity for at in self.timeouts)

    def holders_at_timeouts(self) -> Counter[int]:
        """Slots that each site held when somebody gave up, over the last timeouts."""
        rows, found = self.rows, Counter[int]()
        last = self.timeouts[-20:]
        if not last:
            return found
        for asked, wait, hold, site, what in zip(
            rows.asked, rows.wait, rows.hold, rows.site, rows.outcome, strict=True
        ):
            if what == 0:
                got = asked + wait
                found[site] += bisect_right(last, got + hold) - bisect_left(last, got)
        return +found

    @property
    def slowdown_may_show(self) -> bool:
        """Cheap: whether there are enough holds to compare busy times with quiet ones."""
        capacity = self.demand.capacity
        return len(self) >= _COMPARED and (capacity is None or capacity > 1)

    @cached_property
    def slowdown(self) -> Slowdown:
        """Whether the server slows down with what is out."""
        return judge(self.rows, self.demand.capacity)

    @property
    def most_held(self) -> int:
        """The most that were out at once."""
        observed, capacity = self.slowdown.observed, self.demand.capacity
        return observed if capacity is None else min(observed, capacity)

    def predict(self, sizes: Sequence[int] | None, change: Change = NO_CHANGE) -> Prediction:
        """The replay at some sizes; a size that is asked for twice is replayed once."""
        experiment = self._experiments.get(change)
        if experiment is None:
            base = None if change == NO_CHANGE else self._experiments.get(NO_CHANGE)
            experiment = Experiment(self.demand, change, base=base, found=self.slowdown)
            self._experiments[change] = experiment
        return experiment.at(sizes)

    def site_of(self, number: int) -> CallSite | None:
        """The call site behind a number of the demand."""
        return next((site for site, each in self.sites.items() if each == number), None)
