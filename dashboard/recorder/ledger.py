"""The ledger: who asks, who holds, which connections there are. It never drops an event.

Called on the host's path, in any thread, and by the garbage collector in the middle of anything:
each method is a few atomic operations on dicts, takes no lock and does not raise. What a claim
adds to statistics is folded in later, a batch at a time.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..model.claim import (
    CONNECTION,
    ERROR,
    GOT,
    LOST,
    PHASES,
    REASON,
    REF,
    RETURNED,
    USE,
    Claim,
    Connection,
    Frame,
    LiveOwner,
    Use,
    is_unreferenced,
    new_claim,
)

#: Claims that are folded together: few enough that the host's thread is not held for long and
#: that little waits unseen, enough that what a batch costs as such is spread over many.
BATCH: Final = 512
#: Values of one claim in `Ledger.rows`, and its length when a batch is complete.
WIDTH: Final = USE + 1
FULL: Final = BATCH * WIDTH
#: A probe that failed so often stops itself.
PATIENCE: Final = 10
_RARE: Final = 1000


def _go_on() -> None:
    """Nobody wants to know that the probe failed for good."""


class Strangers(Protocol):
    """What stands for the unknown: a checkout from before the watch has no site and no owner."""

    @property
    def site(self) -> Frame:
        """The site of what was out."""

    @property
    def owner(self) -> LiveOwner:
        """Its owner."""


class Ledger:
    """The live tables of one pool."""

    def __init__(
        self, clock: Callable[[], float], fold: Callable[[], object], strangers: Strangers
    ) -> None:
        """`fold` takes what has ended; it is called on the host's path, so it must be quick."""
        self.now = clock
        self.live = self
        self._fold = fold
        self._strangers = strangers
        #: Called once, when the probe has failed `PATIENCE` times.
        self.give_up: Callable[[], None] = _go_on
        #: Claims that wait, by identity, in the order in which they asked.
        self.pending: dict[int, Claim] = {}
        #: Claims that hold, by lease.
        self.open: dict[int, Claim] = {}
        #: Claims that hold a connection which the pool has given up, by lease.
        self.retired: dict[int, Claim] = {}
        self.connections: dict[int, Connection] = {}
        #: Claims that were returned, until they are folded; and those that failed.
        self.ended: deque[Claim] = deque()
        self.failures: deque[Claim] = deque()
        #: What claims that were returned held, one after the other in one flat list: the quick way
        #: to hand them in. Adding and taking are single steps in C, a column is a slice, and a
        #: claim is freed at once, so that the garbage collector never meets a batch.
        self.rows: list[Any] = []
        #: Length of `rows` from which on `look` has to be called.
        self.full = FULL
        #: What happens seldom: time, event, number of the connection, reason, its facts.
        self.rare: deque[tuple[float, str, int, str | None, Connection | None]]
        self.rare = deque(maxlen=_RARE)
        self.create_times: deque[tuple[float, float]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the process was forked. The tables stay the same objects."""
        for table in (self.pending, self.open, self.retired, self.connections):
            table.clear()
        self.rows.clear()
        for queue in (self.ended, self.failures, self.rare, self.create_times):
            queue.clear()
        self.state = "open"
        self.peak = 0
        self.peak_at: float | None = None
        self.numbered = self.created_count = 0
        self.detached_count = self.unmatched = self.errors = 0
        self.closed_by: Counter[str] = Counter()
        self.last_error: str | None = None

    def asked(self, claim: Claim) -> None:
        """Called on every checkout."""
        self.pending[id(claim)] = claim

    def got(self, claim: Claim, lease: int, connection: int) -> None:
        """Called on every checkout."""
        try:
            facts = self.connections.get(connection) or self._unheard_of(connection)
            facts.uses += 1
            claim[CONNECTION] = facts
            claim[GOT] = self.now()
            self.pending.pop(id(claim), None)
            self.open[lease] = claim
            self.note_peak()
        except Exception as error:
            self.broke("got", error)

    def returned(self, lease: int, phases: dict[str, float] | None = None) -> bool:
        """Called on every checkin."""
        try:
            is_current = True
            claim = self.open.pop(lease, None)
            if claim is None:
                claim = self.retired.pop(lease, None)
                if claim is None:
                    self.unmatched += not self.pending
                    return True
                is_current = False
            if phases is not None:
                claim[PHASES] = {**(claim[PHASES] or {}), **phases}
            claim[RETURNED] = self.now()
            if is_unreferenced(claim):
                claim[REASON] = LOST
            self.ended.append(claim)
            if len(self.ended) >= BATCH:
                self._fold()
        except Exception as error:
            self.broke("returned", error)
            return True
        return is_current

    def using(self, lease: int, user: LiveOwner | None) -> None:
        """Called on every statement."""
        try:
            claim = self.open.get(lease) or self.retired.get(lease)
            if claim is None:
                return
            now = self.now()
            use = claim[USE]
            if use is None:
                use = claim[USE] = Use(claim[GOT])
            use.quiet = max(use.quiet, now - use.last)
            use.began = use.last = now
            use.user = user
            use.statements += 1
        except Exception as error:
            self.broke("using", error)

    def used(self, lease: int, took: float | None = None) -> None:
        """Called on every statement."""
        try:
            claim = self.open.get(lease) or self.retired.get(lease)
            if claim is None:
                return
            now = self.now()
            use = claim[USE]
            if use is None:
                use = claim[USE] = Use(claim[GOT])
            if use.began is not None:
                use.busy += now - use.began
            elif took is not None:
                use.quiet = max(use.quiet, now - took - use.last)
                use.busy += took
                use.statements += 1
            use.began = None
            use.last = now
        except Exception as error:
            self.broke("used", error)

    def failed(self, claim: Claim, reason: str, error: str | None) -> None:
        """The claim ends without a connection."""
        try:
            self.pending.pop(id(claim), None)
            claim[RETURNED] = self.now()
            claim[REASON] = reason
            claim[ERROR] = error
            self.failures.append(claim)
            if len(self.failures) >= BATCH:
                self._fold()
        except Exception as problem:
            self.broke("failed", problem)

    def look(self) -> None:
        """Fold what has ended."""
        self._fold()

    def note_peak(self) -> None:
        """The highest number in use that was seen."""
        if len(self.open) > self.peak:
            self.peak = len(self.open)
            self.peak_at = self.now()

    def withdrawn(self, claim: Claim) -> None:
        """The claim is no checkout of its own."""
        self.pending.pop(id(claim), None)

    def adopted(self, lease: int, connection: int, ref: Callable[[], object | None] | None) -> None:
        """It is out, and nobody knows since when."""
        now = self.now()
        claim = new_claim(now, self._strangers.site, self._strangers.owner, None)
        claim[GOT] = now
        claim[REF] = ref
        claim[CONNECTION] = self.connections.get(connection) or self._unheard_of(connection)
        self.open[lease] = claim
        self.note_peak()

    def creating(self, connection: int) -> None:
        """Opening began; it has no number before it is open."""
        self._note(self.now(), "ConnectionCreated", 0, None, None)

    def created(self, connection: int, facts: Connection) -> None:
        """A connection is open."""
        self.created_count += 1
        self.known(connection, facts)
        now = self.now()
        if facts.create_time is not None:
            self.create_times.append((now, facts.create_time))
        self._note(now, "ConnectionReady", facts.number, None, facts)
        # A pool opens what nobody has yet: with the one who asks, this may be the peak.
        if len(self.open) + 1 > self.peak:
            self.peak = len(self.open) + 1
            self.peak_at = now

    def known(self, connection: int, facts: Connection) -> None:
        """A connection was open before the watch began."""
        self.numbered += 1
        facts.number = self.numbered
        facts.slot = connection
        self.connections[connection] = facts

    def closed(self, connection: int, reason: str, *, keeps_slot: bool = False) -> None:
        """A connection is closed."""
        facts = self.connections.pop(connection, None)
        self.closed_by[reason] += 1
        number = facts.number if facts is not None else 0
        self._note(self.now(), "ConnectionClosed", number, reason, facts)
        if keeps_slot:
            self._keep_slot(connection)

    def detached(self, connection: int, *, keeps_slot: bool = False) -> None:
        """The caller keeps the connection."""
        facts = self.connections.pop(connection, None)
        self.detached_count += 1
        number = facts.number if facts is not None else 0
        self._note(self.now(), "ConnectionDetached", number, None, facts)
        if keeps_slot:
            self._keep_slot(connection)

    def dropped(self, connection: int) -> None:
        """The pool gave up an empty slot."""
        facts = self.connections.get(connection)
        if facts is not None and not facts.is_open:
            del self.connections[connection]

    def cleared(self) -> None:
        """What is out is no longer the pool's; what was idle is closed."""
        self.retired.update(self.open)
        self.open.clear()
        self.connections.clear()
        self._note(self.now(), "PoolCleared", 0, None, None)

    def pool_closed(self) -> None:
        """The pool takes no more checkouts."""
        if self.state != "closed":
            self.state = "closed"
            self._note(self.now(), "PoolClosed", 0, None, None)

    def broke(self, where: str, error: BaseException) -> None:
        """The probe itself failed; counted and shown, never raised. In the end it stops itself."""
        self.errors += 1
        self.last_error = f"{where}: {type(error).__name__}"
        if self.errors == PATIENCE:
            self.state = "failed"
            self.give_up()

    def _note(
        self, at: float, what: str, number: int, reason: str | None, facts: Connection | None
    ) -> None:
        self.rare.append((at, what, number, reason, facts))
        if len(self.rare) >= _RARE // 2:
            self._fold()

    def _unheard_of(self, connection: int) -> Connection:
        facts = Connection(self.now())
        self.known(connection, facts)
        return facts

    def _keep_slot(self, connection: int) -> None:
        slot = Connection(self.now())
        slot.is_open = False
        self.known(connection, slot)
