"""One pool's record: the ledger, and what is folded out of it a batch at a time."""

import contextlib
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, sub
from typing import Final, NamedTuple

from ..model.claim import ASKED, GOT, OWNER, REASON, RETURNED, SITE, Claim
from ..model.distribution import bucket_words, buckets_of
from .callsites import CallSites
from .feed import Feed
from .history import Past
from .ledger import BATCH, TEN, Ledger, Strangers
from .trace import OUTCOMES, Trace

#: Waits from this many seconds on are always shown.
SLOW: Final = 0.1
#: Samples for display from one batch, and the seconds until a batch gives some again.
_SAMPLES: Final = 20
_PAUSE: Final = 0.2
_LOST: Final = 200
_WORD: Final = 0xFFFF
_index: Final = attrgetter("index")
_ident: Final = attrgetter("ident")
_number: Final = attrgetter("number")


class Batch(NamedTuple):
    """Claims that were returned, in columns; `ends` ascends."""

    asks: Sequence[float]
    gots: Sequence[float]
    ends: Sequence[float]
    waits: Sequence[float]
    holds: Sequence[float]
    sites: Sequence[int]

    def part(self, start: int, end: int) -> "Batch":
        """Some of them, in order."""
        return Batch._make(column[start:end] for column in self)

    def of(self, column: str) -> Iterable[tuple[float, int]]:
        """One column beside the sites."""
        return zip(getattr(self, column), self.sites, strict=True)

    def without_strangers(self) -> "Batch":
        """Those that asked while they were watched."""
        own = [place for place, site in enumerate(self.sites) if site]
        return Batch._make([column[place] for place in own] for column in self)


class PoolRecord:
    """Everything that is known of one pool."""

    def __init__(
        self, name: str, clock: Callable[[], float], feed: Feed, strangers: Strangers
    ) -> None:
        """`feed` is shared by all pools of a dashboard."""
        self.name = name
        self.feed = feed
        self.now = clock
        self.ledger = Ledger(clock, self.fold, strangers)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        self.ledger.reset()
        # Only ever tried, never waited for: a batch may be folded by a garbage collector that
        # runs in the middle of another fold.
        self._lock = threading.Lock()
        self.since = self.now()
        self.trace = Trace()
        self.past = Past()
        self.sites = CallSites()
        self.checkouts = self.checkins = self.lost_count = 0
        self.failures: Counter[str] = Counter()
        self.last_timeout: float | None = None
        self.lost: deque[Claim] = deque(maxlen=_LOST)
        #: Histograms since the watch began: wait, use, create and every phase.
        self.lifetime: dict[str, Counter[int]] = {}
        self._swept_at = self.since
        self._feed_at = 0.0

    def fold(self) -> bool:
        """Take what has ended into the statistics; False when somebody else is at it."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.ledger.note_peak()
            while self.ledger.ended:
                self._fold_batch(self._drain())
            self._fold_failures()
            self._fold_created()
            self._feed_rare()
        except Exception as error:  # noqa: BLE001 -- called on the host's path
            self.ledger.broke("fold", error)
        finally:
            self._lock.release()
        return True

    def _drain(self) -> list[Claim]:
        ended = self.ledger.ended
        batch: list[Claim] = []
        with contextlib.suppress(IndexError):
            batch.extend(ended.popleft() for _ in range(min(len(ended), BATCH)))
        return batch

    def _fold_batch(self, claims: list[Claim]) -> None:
        """Columns first, then counts: all loops over claims run in C."""
        asks, sites, owners, _, gots, connections, _, phases, ends, reasons, _ = zip(
            *claims, strict=True
        )
        count = len(claims)
        waits = list(map(sub, gots, asks))
        holds = list(map(sub, ends, gots))
        indexes = list(map(_index, sites))
        numbers = [number & _WORD for number in map(_number, connections)]
        idents = map(_ident, owners)
        columns = self.trace.extend(count, asks, waits, holds, indexes, idents, numbers, bytes(count))
        self.checkins += len(claims)
        wait_words, use_words = bucket_words(columns[1]), bucket_words(columns[2])
        use, wait = self._tally(indexes, wait_words, use_words)
        self._place_in_time(Batch(asks, gots, ends, waits, holds, indexes), use, wait)
        if any(phases):
            self._add_phases(phases)
        if any(reasons):
            self._note_lost([claim for claim in claims if claim[REASON] is not None])
        self._feed_returned(claims, waits)

    def _tally(
        self, indexes: list[int], waits: list[int], holds: list[int]
    ) -> tuple[Counter[int], Counter[int]]:
        """Count sites and buckets; strangers asked before the watch began, so did not wait."""
        use: Counter[int] = Counter()
        wait: Counter[int] = Counter()
        for (site, wait_bucket, use_bucket), count in Counter(
            zip(indexes, waits, holds, strict=True)
        ).items():
            use[use_bucket] += count
            tally = self.sites.of(site)
            tally.use[use_bucket] += count
            if site:
                wait[wait_bucket] += count
                tally.wait[wait_bucket] += count
                self.checkouts += count
        self._add("use", use)
        self._add("wait", wait)
        return use, wait

    def _add(self, name: str, counts: Mapping[int, int]) -> None:
        lifetime = self.lifetime.setdefault(name, Counter())
        for bucket, count in counts.items():
            lifetime[bucket] += count

    def _place_in_time(self, batch: Batch, use: Counter[int], wait: Counter[int]) -> None:
        """Count what began and ended in each second; a batch mostly lies in one ten seconds."""
        step = batch.ends[-1] // TEN * TEN
        if batch.ends[0] >= step:
            self.past.measure("use", step, use)
        else:
            self.past.measure_each("use", zip(batch.ends, batch.holds, strict=True))
        if 0 in batch.sites:
            self.past.count("returned", [end for end, site in batch.of("ends") if not site])
            self.past.count("got", [got for got, site in batch.of("gots") if not site])
            batch = batch.without_strangers()
            if not batch.ends:
                return
        if min(batch.gots) >= step:
            self.past.measure("wait", step, wait)
        else:
            self.past.measure_each("wait", zip(batch.gots, batch.waits, strict=True))
        start = 0
        while start < len(batch.ends):
            end = bisect_left(batch.ends, float(int(batch.ends[start]) + 1), start)
            self._place_second(batch.part(start, end))
            start = end

    def _place_second(self, batch: Batch) -> None:
        """What ended in one second; most of it began there."""
        second = int(batch.ends[0])
        early = self._place_early(batch, second) if min(batch.asks) < second else 0
        self.past.count_many(("returned",), second, len(batch.ends))
        self.past.count_many(("asked", "answered", "got"), second, len(batch.ends) - early)

    def _place_early(self, batch: Batch, second: int) -> int:
        """Count those that asked before the second in which they ended; answer how many."""
        early = [place for place, asked in enumerate(batch.asks) if asked < second]
        self.past.count("asked", [batch.asks[place] for place in early])
        gots = [batch.gots[place] for place in early]
        self.past.count("answered", gots)
        self.past.count("got", gots)
        return len(early)

    def _add_phases(self, phases: Sequence[dict[str, float] | None]) -> None:
        by_name: dict[str, list[float]] = {}
        for each in phases:
            for name, seconds in (each or {}).items():
                by_name.setdefault(name, []).append(seconds)
        for name, values in by_name.items():
            self._add(name, Counter(buckets_of(values)))

    def _note_lost(self, claims: list[Claim]) -> None:
        for claim in claims:
            self.lost_count += 1
            self.lost.append(claim)
            self.sites.of(claim[SITE].index).lost += 1

    def _fold_failures(self) -> None:
        failed = self.ledger.failures
        while failed:
            claim = failed.popleft()
            at, reason, site, asked = claim[RETURNED], claim[REASON], claim[SITE], claim[ASKED]
            self.failures[reason] += 1
            self.sites.of(site.index).failures += 1
            if reason == "timeout":
                self.last_timeout = at
            self.past.count("timeouts" if reason == "timeout" else "errors", [at])
            self.past.count("asked", [asked])
            self.past.count("answered", [at])
            self.feed.add(at, self.name, "CheckoutFailed", True, claim)  # noqa: FBT003
            outcome = OUTCOMES.index(reason)
            owner = claim[OWNER].ident
            row = ([asked], [at - asked], [0.0], [site.index], [owner], [0], [outcome])
            self.trace.extend(1, *row)

    def _feed_returned(self, claims: list[Claim], waits: list[float]) -> None:
        """A few for display, and all that waited long or were lost."""
        now = claims[-1][RETURNED]
        shown: list[Claim] = []
        if now >= self._feed_at:
            self._feed_at = now + _PAUSE
            shown = claims[-_SAMPLES:]
        rest = claims[: len(claims) - len(shown)]
        if max(waits) > SLOW or any(claim[REASON] for claim in rest):
            shown += [each for each in rest if each[REASON] or each[GOT] - each[ASKED] > SLOW]
        self.feed.sampled_out += len(claims) - len(shown)
        for claim in shown:
            is_slow = claim[GOT] - claim[ASKED] > SLOW
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
            self._add("create", counts)

    def _feed_rare(self) -> None:
        rare = self.ledger.rare
        while rare:
            at, what, number, reason, facts = rare.popleft()
            if what == "ConnectionReady":
                self.past.count("created", [at])
            elif what == "ConnectionClosed":
                self.past.count("closed", [at])
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
    def memory(self) -> int:
        """Bytes, estimated."""
        return self.trace.memory + self.past.memory + self.sites.memory

