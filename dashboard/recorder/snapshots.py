"""A pool's record as plain data: the only way in which the rest of the product sees it."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from ..model.claim import (
    ASKED,
    CONNECTION,
    GOT,
    OWNER,
    PHASES,
    RETURNED,
    SETTING_OF,
    SITE,
    USE,
    Claim,
    Frame,
    LiveOwner,
    Use,
    is_unreferenced,
    request_of,
)
from ..model.distribution import Distribution, buckets_of
from ..model.ports import Facts
from ..model.snapshot import Checkout, Lost, PoolSnapshot, StackFrame, Waiter
from .plain import call_site, owner, stack
from .pool import PoolRecord
from .shares import call_sites

#: Seconds over which `checkout_rate` is taken.
_RATE: Final = 10
#: From so many seconds on it is asked what an owner does.
_LONG: Final = 1.0
Stack = tuple[tuple[str, int, str, bool], ...]
#: Lost connections stay in the list for so many seconds.
_REMEMBERED: Final = 900.0
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
            return self._take(record, facts)

    def _take(self, record: PoolRecord, facts: Facts) -> PoolSnapshot:
        ledger = record.ledger
        held = list(ledger.open.values())
        waiting = sorted(ledger.pending.values(), key=_asked)
        connections = dict(ledger.connections)
        taken = {claim[CONNECTION].slot for claim in held}
        idle = sum(1 for number in connections if number not in taken)
        size, most, idle_min = facts.limits()
        count = len(held) + idle
        own = _own_counts(record, facts)
        retired = list(ledger.retired.values())
        live = [claim for claim in (*held, *retired) if claim[SITE].index]
        return PoolSnapshot(
            name=record.name,
            library=facts.library,
            kind=facts.kind,
            backend=facts.backend,
            address=facts.address,
            config=facts.settings(),
            state=ledger.state,
            size=size,
            max=most,
            idle_min=idle_min,
            used=len(held),
            idle=idle,
            overflow=max(0, count - size) if size else 0,
            count=count,
            peak=max(ledger.peak, len(held)),
            peak_at=None if ledger.peak_at is None else self.when(ledger.peak_at),
            pending_requests=len(waiting),
            oldest_wait=max(0.0, self.now - waiting[0][ASKED]) if waiting else None,
            timeouts=record.failures["timeout"],
            last_timeout=None if record.last_timeout is None else self.when(record.last_timeout),
            failures=dict(record.failures),
            checkouts=record.checkouts + len(live),
            checkins=record.checkins,
            created=ledger.created_count,
            closed=ledger.closed_by.total(),
            closed_by=dict(ledger.closed_by),
            detached=ledger.detached_count,
            lost=record.lost_count,
            checkout_rate=self._rate(record, live),
            window=self._window,
            wait_time=self._waits(record, live),
            use_time=record.past.distribution("use", self.now, self._window),
            create_time=record.past.distribution("create", self.now, self._window),
            phases=_phases(record),
            lifetime={
                f"{name}_time": Distribution(dict(record.lifetime.get(name, {})))
                for name in ("wait", "use", "create")
            },
            open=tuple(
                sorted(
                    (
                        *(self._checkout(claim) for claim in held),
                        *(self._checkout(claim, is_retired=True) for claim in retired),
                    ),
                    key=_held_for,
                    reverse=True,
                )
            ),
            waiting=tuple(self._waiter(claim) for claim in waiting),
            recently_lost=tuple(
                self._lost(claim)
                for claim in reversed(list(record.lost))
                if self.now - claim[RETURNED] <= _REMEMBERED
            ),
            call_sites=call_sites(record, held, self.now, self._sites),
            since=self.when(record.since),
            at=self.when(self.now),
            own_used=own[0] if own else None,
            own_idle=own[1] if own else None,
            limited=tuple(facts.limited),
            unmatched=ledger.unmatched,
            probe_errors=ledger.errors,
            last_probe_error=ledger.last_error,
        )

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

    def _checkout(self, claim: Claim, *, is_retired: bool = False) -> Checkout:
        facts, setting, site = claim[CONNECTION], claim[SETTING_OF], claim[SITE]
        use: Use | None = claim[USE]
        running = use.began if use is not None else None
        quiet = self.now - (claim[GOT] if use is None else use.last) if running is None else 0.0
        in_statement = None if running is None else max(0.0, self.now - running)
        return Checkout(
            call_site=call_site(site),
            stack=stack(site),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            held_for=max(0.0, self.now - claim[GOT]),
            last_used=None if use is None else max(0.0, quiet),
            quiet_for=max(0.0, quiet),
            statements=0 if use is None else use.statements,
            busy_for=0.0 if use is None else use.busy + (in_statement or 0.0),
            in_statement=in_statement,
            user=None if use is None or use.user is None else owner(use.user),
            backend_pid=facts.backend_pid,
            connection=facts.number,
            wait_time=claim[GOT] - claim[ASKED],
            since=self.when(claim[GOT]),
            now=self._now(claim),
            age=max(0.0, self.now - facts.born),
            uses=facts.uses,
            host=facts.host,
            phases=dict(claim[PHASES] or {}),
            expected_hold=setting.expected_hold if setting is not None else None,
            is_adopted=not site.index,
            is_retired=is_retired,
            is_unreferenced=is_unreferenced(claim),
        )

    def _now(self, claim: Claim) -> tuple[StackFrame, ...]:
        """A look at the owner costs more than the rest: only for what is held for long."""
        if self._doing is None or self.now - claim[GOT] < _LONG:
            return ()
        return tuple(StackFrame(*frame) for frame in self._doing(claim[OWNER]))

    def _waiter(self, claim: Claim) -> Waiter:
        return Waiter(
            call_site=call_site(claim[SITE]),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            waited_for=max(0.0, self.now - claim[ASKED]),
            since=self.when(claim[ASKED]),
        )

    def _lost(self, claim: Claim) -> Lost:
        return Lost(
            call_site=call_site(claim[SITE]),
            stack=stack(claim[SITE]),
            owner=owner(claim[OWNER]),
            request=request_of(claim),
            held_for=claim[RETURNED] - claim[GOT],
            backend_pid=claim[CONNECTION].backend_pid,
            since=self.when(claim[GOT]),
            ended_at=self.when(claim[RETURNED]),
            ended_ago=max(0.0, self.now - claim[RETURNED]),
        )


@contextmanager
def still(record: PoolRecord) -> Iterator[None]:
    """Folds what has ended and keeps it at that: the host goes on, its folding waits.

    Otherwise a checkout that ends meanwhile is counted twice, and histograms change under the
    reader. A fold that takes too long is read as it is.
    """
    settle(record)
    is_mine = record._lock.acquire(timeout=_PATIENCE)
    try:
        yield
    finally:
        if is_mine:
            record._lock.release()


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


def _asked(claim: Claim) -> float:
    asked: float = claim[ASKED]
    return asked


def _held_for(checkout: Checkout) -> float:
    return checkout.held_for
