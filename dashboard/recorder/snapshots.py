"""A pool's record as plain data: the only way in which the rest of the product sees it."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from ..model.claim import ASKED, CONNECTION, GOT, RETURNED, SITE, Claim, Frame, LiveOwner
from ..model.distribution import Distribution, buckets_of
from ..model.ports import Facts
from ..model.snapshot import PoolSnapshot
from .comebacks import REMEMBERED
from .pool import PoolRecord
from .portraits import Portraits, Stack
from .shares import call_sites, nestings
from .sights import Sight

#: Seconds over which `checkout_rate` is taken.
_RATE: Final = 10
_TRIES: Final = 50
#: Seconds that a reader waits for a fold.
_PATIENCE: Final = 0.05


class Camera:
    """Takes pictures of records at one instant: `now` by the clock, `wall` as UNIX time."""

    def __init__(
        self,
        now: float,
        wall: float,
        sites: Mapping[int, Frame],
        window: float,
        doing: Callable[[LiveOwner], Stack] | None = None,
    ) -> None:
        """`sites` by index; distributions cover the last `window` seconds.

        `doing` answers what an owner does at this moment.
        """
        self._doing = doing
        self.now = now
        self.wall = wall
        self._offset = wall - now
        self._sites = sites
        self._window = window

    def when(self, at: float) -> datetime:
        """A time of the clock as an aware datetime."""
        return datetime.fromtimestamp(at + self._offset, UTC)

    def take(self, record: PoolRecord, facts: Facts) -> PoolSnapshot:
        """The pool at this instant."""
        with still(record):
            taken = self._take(record, facts)
        if taken.config:  # Else the pool is gone.
            record.past.capacities.note(self.now, taken.size, taken.max)
        return taken

    def _take(self, record: PoolRecord, facts: Facts) -> PoolSnapshot:
        sight = Sight(record, facts, self.now)
        live = [claim for claim in sight.out if claim[SITE].index]
        ledger = record.ledger
        return PoolSnapshot(
            name=record.name,
            library=facts.library,
            kind=facts.kind,
            backend=facts.backend,
            address=facts.address,
            config=facts.settings(),
            state=ledger.state,
            sees_statements=facts.sees_statements,
            since=self.when(record.since),
            at=self.when(self.now),
            limited=tuple(facts.limited),
            unmatched=ledger.unmatched,
            probe_errors=ledger.errors,
            last_probe_error=ledger.last_error,
            checkouts=record.checkouts + len(live),
            checkout_rate=self._rate(record, live),
            **self._levels(record, facts, sight),
            **self._totals(record),
            **self._distributions(record, live),
            **self._claims(record, sight),
        )

    def _levels(self, record: PoolRecord, facts: Facts, sight: Sight) -> dict[str, Any]:
        """What is so at this instant, by our own count and by the library's."""
        ledger, waiting = record.ledger, sight.waiting
        held = list(sight.held.values())
        taken = {claim[CONNECTION].slot for claim in held}
        idle = sum(1 for number in dict(ledger.connections) if number not in taken)
        size, most, idle_min = facts.limits()
        count = len(held) + idle
        own = _own_counts(record, facts)
        if len(held) > ledger.peak:
            ledger.reach(len(held))  # A caller was seen before it was counted.
        return {
            "size": size,
            "max": most,
            "idle_min": idle_min,
            "used": len(held),
            "idle": idle,
            "overflow": max(0, count - size) if size else 0,
            "count": count,
            "peak": max(ledger.peak, len(held)),
            "peak_at": None if ledger.peak_at is None else self.when(ledger.peak_at),
            "pending_requests": len(waiting),
            "oldest_wait": max(0.0, self.now - waiting[0][ASKED]) if waiting else None,
            "own_used": own[0] if own else None,
            "own_idle": own[1] if own else None,
        }

    def _totals(self, record: PoolRecord) -> dict[str, Any]:
        """What happened since the watch began."""
        ledger, last = record.ledger, record.last_timeout
        return {
            "timeouts": record.failures["timeout"],
            "last_timeout": None if last is None else self.when(last),
            "failures": dict(record.failures),
            "checkins": record.checkins,
            "created": ledger.created_count,
            "closed": ledger.closed_by.total(),
            "closed_by": dict(ledger.closed_by),
            "detached": ledger.detached_count,
            "lost": record.lost_count,
        }

    def _distributions(self, record: PoolRecord, live: Iterable[Claim]) -> dict[str, Any]:
        past = record.past
        return {
            "window": self._window,
            "wait_time": self._waits(record, live),
            "use_time": past.distribution("use", self.now, self._window),
            "create_time": past.distribution("create", self.now, self._window),
            "phases": _phases(record),
            "lifetime": {
                f"{name}_time": Distribution(dict(record.lifetime.get(name, {})))
                for name in ("wait", "use", "create")
            },
        }

    def _claims(self, record: PoolRecord, sight: Sight) -> dict[str, Any]:
        """Who holds, who waits, and what is remembered of those that did."""
        portraits = Portraits(self.now, self.when, self._doing)
        lost = [
            claim
            for claim in reversed(list(record.lost))
            if self.now - claim[RETURNED] <= REMEMBERED
        ]
        return {
            "open": portraits.checkouts(sight),
            "waiting": tuple(map(portraits.waiter, sight.waiting)),
            "recently_lost": tuple(map(portraits.lost, lost)),
            "recently_back": tuple(
                portraits.came_back(each) for each in record.comebacks.recent(self.now)
            ),
            "nestings": nestings(record, self._sites),
            "call_sites": call_sites(record, list(sight.out), self.now, self._sites),
        }

    def _rate(self, record: PoolRecord, live: Iterable[Claim]) -> float:
        span = min(float(_RATE), max(1.0, self.now - record.since))
        start = self.now - span
        began = sum(record.past.seconds.last("got", self.now, _RATE + 1)[1:])
        return (began + sum(1 for claim in live if claim[GOT] > start)) / span

    def _waits(self, record: PoolRecord, live: Iterable[Claim]) -> Distribution:
        """With the waits of those that hold: these are recorded only when they return."""
        start = self.now - self._window
        past = record.past.distribution("wait", self.now, self._window)
        waits = [claim[GOT] - claim[ASKED] for claim in live if claim[GOT] > start]
        return Distribution(Counter(past.counts) + Counter(buckets_of(waits)))


@contextmanager
def still(record: PoolRecord) -> Iterator[None]:
    """Folds what has ended and keeps it at that: the host goes on, its folding waits.

    Otherwise a checkout that ends meanwhile is counted twice, and histograms change under the
    reader. A fold that takes too long is read as it is.
    """
    settle(record)
    with record.alone(_PATIENCE):
        yield


def settle(record: PoolRecord) -> None:
    """Fold what has ended; waits a little for whoever is at it."""
    for _ in range(_TRIES):
        if record.fold():
            return
        time.sleep(0.001)


def _own_counts(record: PoolRecord, facts: Facts) -> tuple[int, int] | None:
    try:
        return facts.own_counts()
    except Exception as error:
        record.ledger.broke("own counts", error)
        return None


def _phases(record: PoolRecord) -> dict[str, Distribution]:
    known = {"wait", "use", "create"}
    return {
        name: Distribution(dict(counts))
        for name, counts in list(record.lifetime.items())
        if name not in known
    }
