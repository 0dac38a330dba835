"""One pool's record: the ledger, and what is folded out of it a batch at a time."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..model.claim import ASKED, CONNECTION, GOT, OWNER, REASON, RETURNED, SITE, Claim, Connection
from ..model.distribution import buckets_of
from . import uses
from .abroad import Abroad
from .batch import Batch
from .callsites import CallSites
from .comebacks import Comebacks
from .endings import Endings
from .feed import Feed
from .history import Past
from .incidents import BlackBox, Shelf
from .ledger import BATCH, FULL, WIDTH, Ledger, Strangers
from .nestings import Nestings
from .tallies import Tallies
from .trace import OUTCOMES, Trace

#: Waits from this many seconds on are always shown.
SLOW: Final = 0.1
#: Samples for display from one batch, and the seconds until a batch gives some again.
_SAMPLES: Final = 5
_PAUSE: Final = 0.25
_LOST: Final = 200
#: Checkouts after which a record looks after its size.
_GROWTH: Final = 8192
_CLOSED: Final = 500


class PoolRecord:
    """Everything that is known of one pool."""

    def __init__(
        self,
        name: str,
        clock: Callable[[], float],
        feed: Feed,
        strangers: Strangers,
        shelf: Shelf | None = None,
    ) -> None:
        """`feed` and `shelf` are shared by all pools of a dashboard."""
        self.name = name
        self.feed = feed
        self.now = clock
        self.ledger = Ledger(clock, self.take, strangers)
        self.box = BlackBox(self, shelf or Shelf())
        self.ledger.timed_out, self.ledger.gave_up = self.box.timed_out, self.box.gave_up
        #: Called on the host's path, after every few thousand checkouts.
        self.grew: Callable[[PoolRecord], object] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        self.ledger.reset()
        self.box.reset()
        # Only ever tried, never waited for: a batch may be folded by a garbage collector that
        # runs in the middle of another fold.
        self._lock = threading.Lock()
        self.since = self.now()
        self.trace = Trace()
        self.past = Past()
        self.sites = CallSites()
        self.comebacks = Comebacks()
        self.nestings = Nestings()
        self.endings, self.abroad = Endings(self.now), Abroad()
        self.checkouts = self.checkins = self.lost_count = 0
        self.failures: Counter[str] = Counter()
        self.last_timeout: float | None = None
        self.lost: deque[Claim] = deque(maxlen=_LOST)
        #: The last connections that were closed: when, why, number, and what is known of it.
        self.closings: deque[tuple[float, str, int, Connection | None]] = deque(maxlen=_CLOSED)
        #: Histograms since the watch began: wait, use, create and every phase.
        self.lifetime: dict[str, Counter[int]] = {}
        self._tallies = Tallies(self.past, self.sites, self.lifetime)
        self._swept_at, self._feed_at = self.since, 0.0
        self._grow_at = _GROWTH
        #: Bytes when somebody last asked for `memory`, and whether the host had to give some up.
        self.weight = 0
        self.was_trimmed = False

    def fold(self) -> bool:
        """Take what has ended into the statistics; False when somebody else is at it."""
        return self._fold(is_read=True)

    def take(self) -> bool:
        """As `fold`, on the host's path: what only readers need waits for one, or for its step."""
        return self._fold(is_read=False)

    def _fold(self, *, is_read: bool) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        ledger, has_grown = self.ledger, False
        try:
            ledger.note_peak()
            late = len(ledger.late)
            while ledger.ended:
                ledger.rows.extend(ledger.ended.popleft())
            while ledger.rows and (is_read or len(ledger.rows) >= FULL):
                self._fold_rows(ledger.rows)
            self._fold_failures()
            self._fold_created()
            self._feed_rare()
            if is_read:
                self._settle(late)
            has_grown = self.checkins >= self._grow_at
        except Exception as error:
            ledger.broke("fold", error)
        finally:
            self._lock.release()
        if has_grown:
            self._has_grown()
        return True

    def _has_grown(self) -> None:
        self._grow_at = self.checkins + _GROWTH
        try:
            if self.grew is not None:
                self.grew(self)
        except Exception as error:
            self.ledger.broke("growth", error)

    @contextmanager
    def alone(self, patience: float = 0.0) -> Iterator[bool]:
        """Whether nobody else folds or looks meanwhile; waits for `patience` seconds for that."""
        is_mine = self._lock.acquire(timeout=patience)
        try:
            yield is_mine
        finally:
            if is_mine:
                self._lock.release()

    def _settle(self, late: int) -> None:
        """What is left to readers. `late`: of so many every claim was folded."""
        self._tallies.settle()
        self.sites.turn(self.now())
        for _ in range(late):
            given_up, returned = self.ledger.late.popleft()
            self.past.move("returned", returned, given_up)

    def _fold_rows(self, rows: list[Any]) -> None:
        """The first batch; meanwhile others may append."""
        count = min(len(rows) // WIDTH, BATCH)
        try:
            self._fold_batch(Batch(rows, count))
        finally:
            del rows[: max(count, 1) * WIDTH]

    def _fold_batch(self, batch: Batch) -> None:
        count = len(batch)
        packed = batch.enter(self.trace, self.ledger)
        self.checkins += count
        # Adopted claims have site 0: nobody saw them ask.
        own = count if all(batch.indexes) else count - batch.indexes.count(0)
        self.checkouts += own
        # Nearly in order already: sorting takes 50 for each, looking for the least 160.
        asks, gots = sorted(batch.asks), sorted(batch.gots)
        self._tallies.add(batch, packed, gots[0])
        self.past.count_ordered(("returned",), sorted(batch.ends))
        self._count_began(batch, own, asks, gots)
        # `count` compares identities, 9 instructions each; `any` takes 35.
        if batch.phases.count(None) < count:
            self._add_phases(batch.phases)
        has_lost = batch.reasons.count(None) < count
        if has_lost:
            self._note_lost(batch)
        if has_lost or self.ledger.has_uses:
            uses.enter(batch, self.sites, self.now)
            self.nestings.note(batch, self.checkins + self.failures.total() - count)
        if batch.ends[-1] - gots[0] > self.comebacks.least:
            self.comebacks.look(batch, self.sites)
        self.abroad.look(batch)
        self._feed_returned(batch, asks[0])

    def _count_began(self, batch: Batch, own: int, asks: list[float], gots: list[float]) -> None:
        if own == len(batch):
            self.past.count_ordered(("answered", "got"), gots)
            self.past.count_ordered(("asked",), asks)
            return
        self.past.count_ordered(("got",), gots)
        seen = [place for place, site in enumerate(batch.indexes) if site]
        self.past.count_ordered(("answered",), sorted(batch.gots[place] for place in seen))
        self.past.count_ordered(("asked",), sorted(batch.asks[place] for place in seen))

    def _add_phases(self, phases: Sequence[dict[str, float] | None]) -> None:
        by_name: dict[str, list[float]] = {}
        for each in phases:
            for name, seconds in (each or {}).items():
                by_name.setdefault(name, []).append(seconds)
        for name, values in by_name.items():
            self._tallies.add_to_lifetime(name, Counter(buckets_of(values)))

    def _note_lost(self, batch: Batch) -> None:
        for place, reason in enumerate(batch.reasons):
            if reason is not None:
                self.lost_count += 1
                self.lost.append(batch.claim(place))
                self.sites.of(batch.indexes[place]).lost += 1

    def _fold_failures(self) -> None:
        failed = self.ledger.failures
        while failed:
            claim = failed.popleft()
            at, reason, site, asked = claim[RETURNED], claim[REASON], claim[SITE], claim[ASKED]
            self.failures[reason] += 1
            self.sites.of(site.index).failures += 1
            if reason == "timeout":
                self.last_timeout = at
                self.box.count(at)
            self.past.count("timeouts" if reason == "timeout" else "errors", [at])
            self.past.count("asked", [asked])
            self.past.count("answered", [at])
            self.feed.add(at, self.name, "CheckoutFailed", True, claim)  # noqa: FBT003
            self.abroad.failed(claim)
            outcome, owner = OUTCOMES.index(reason), claim[OWNER].ident
            host = self.trace.hosts[getattr(claim[CONNECTION], "host", None)]
            row = (asked, at - asked, 0.0, site.index, owner, 0, host, outcome)
            self.trace.extend(1, *([each] for each in row))

    def _feed_returned(self, batch: Batch, first_asked: float) -> None:
        """A few for display, and all that waited long or were lost."""
        count, now = len(batch), batch.ends[-1]
        first = count
        if now >= self._feed_at:
            self._feed_at = now + _PAUSE
            first = max(0, count - _SAMPLES)
        # The batch as a whole may be too short for anybody in it to have waited long.
        has_slow = now - first_asked > SLOW and max(batch.waits) > SLOW
        must_look = has_slow or batch.reasons.count(None) < count
        shown = [
            place
            for place in (range(first) if must_look else ())
            if batch.reasons[place] is not None or batch.waits[place] > SLOW
        ]
        shown += range(first, count)
        self.feed.sampled_out += count - len(shown)
        for place in shown:
            claim, is_slow = batch.claim(place), batch.waits[place] > SLOW
            reason = claim[REASON]
            if claim[GOT] > self._swept_at and claim[SITE].index:
                self.feed.add(claim[GOT], self.name, "CheckedOut", is_slow, claim)
            is_lost = reason is not None
            self.feed.add(claim[RETURNED], self.name, "CheckedIn", is_lost, claim, 0, reason)

    def _fold_created(self) -> None:
        create_times = self.ledger.create_times
        while create_times:
            at, took = create_times.popleft()
            counts = Counter(buckets_of([took]))
            self.past.measure("create", at, counts)
            self._tallies.add_to_lifetime("create", counts)

    def _feed_rare(self) -> None:
        rare = self.ledger.rare
        while rare:
            at, what, number, reason, facts = rare.popleft()
            if what == "ConnectionReady":
                self.past.count("created", [at])
            elif what == "ConnectionClosed":
                self.past.count("closed", [at])
                self.closings.append((at, reason or "", number, facts))
            is_kept = reason == "error" or what.startswith("Pool")
            self.feed.add(at, self.name, what, is_kept, None, number, reason, facts)

    def sweep(self) -> None:
        """Enter what began since the last sweep and has not ended: who waits, who holds."""
        now = self.now()
        before, self._swept_at = self._swept_at, now
        for claim in list(self.ledger.pending.values()):
            if before < claim[ASKED] <= now:
                self.feed.add(claim[ASKED], self.name, "CheckoutStarted", False, claim)  # noqa: FBT003
        for claim in list(self.ledger.open.values()):
            if before < claim[GOT] <= now and claim[SITE].index:
                is_slow = claim[GOT] - claim[ASKED] > SLOW
                self.feed.add(claim[GOT], self.name, "CheckedOut", is_slow, claim)

    @property
    def bounds(self) -> Mapping[int, float]:
        """Seconds without a statement that are a suspect, by the index of the call site.

        Set by whoever judges; what was quiet for longer and comes back is counted at its site.
        """
        return self.comebacks.bounds

    @bounds.setter
    def bounds(self, bounds: Mapping[int, float]) -> None:
        self.comebacks.expect(bounds)

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        # Of a claim that waits to be folded: its places in the list, and its times.
        waiting = 12 * len(self.ledger.rows)
        live = waiting + self.nestings.memory + self._tallies.memory
        return self.trace.memory + self.past.memory + self.sites.memory + live
