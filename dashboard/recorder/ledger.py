"""The ledger: who asks, who holds, which connections there are. It never drops an event.

Called on the host's path, in any thread, and by the garbage collector in the middle of anything:
each method is a few atomic operations on dicts, takes no lock and does not raise. What a claim
adds to statistics is folded in later, a batch at a time.
"""

from collections import deque
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
    Frame,
    LiveOwner,
    Use,
    is_unreferenced,
    new_claim,
)
from .connections import Connections

#: Claims that are folded together: few enough that the host's thread is not held for long and
#: that little waits unseen, enough that what a batch costs as such is spread over many.
BATCH: Final = 256
#: Values of one claim in `Ledger.rows`.
WIDTH: Final = USE + 1
#: The length of `rows` from which on a batch is taken from its begin. More than half has to stay,
#: else the list gives back its memory and grows again step by step: 500 instructions a claim.
FULL: Final = (2 * BATCH + BATCH // 2) * WIDTH
#: A probe that failed so often stops itself.
PATIENCE: Final = 10
_MOST_LATE: Final = 1000


def _go_on(*_: object) -> None:
    """Nobody wants to know."""


class Strangers(Protocol):
    """What stands for the unknown: a checkout from before the watch has no site and no owner."""

    @property
    def site(self) -> Frame:
        """The site of what was out."""

    @property
    def owner(self) -> LiveOwner:
        """Its owner."""


class Ledger(Connections):
    """The live tables of one pool."""

    def __init__(
        self, clock: Callable[[], float], fold: Callable[[], object], strangers: Strangers
    ) -> None:
        """`fold` takes what has ended; it is called on the host's path, so it must be quick."""
        super().__init__(clock, fold)
        self.live = self
        self._strangers = strangers
        #: Called once, when the probe has failed `PATIENCE` times.
        self.give_up: Callable[[], None] = _go_on
        #: Called with a claim that timed out while it still waits.
        self.timed_out: Callable[[Claim], None] = _go_on
        self.gave_up: Callable[[Claim], None] = _go_on
        #: Claims that wait, by identity, in the order in which they asked.
        self.pending: dict[int, Claim] = {}
        #: Claims that hold a connection which the pool has given up, by lease; and since when.
        self.retired: dict[int, Claim] = {}
        self.given_up: dict[int, float] = {}
        #: For those that were returned: when the pool gave them up, and when they were.
        self.late: deque[tuple[float, float]] = deque(maxlen=_MOST_LATE)
        #: Claims that were returned, until they are folded; and those that failed.
        self.ended: deque[Claim] = deque()
        self.failures: deque[Claim] = deque()
        #: What claims that were returned held, one after the other in one flat list: the quick way
        #: to hand them in. Adding and taking are single steps in C, a column is a slice, and a
        #: claim is freed at once, so that the garbage collector never meets a batch.
        self.rows: list[Any] = []
        #: Length of `rows` from which on `look` has to be called.
        self.full = FULL
        self.reset()

    def reset(self) -> None:
        """Forget everything: the process was forked. The tables stay the same objects."""
        super().reset()
        self.pending.clear()
        self.retired.clear()
        self.given_up.clear()
        self.rows.clear()
        for queue in (self.ended, self.failures, self.late):
            queue.clear()
        self.state = "open"
        #: Whether a statement was ever seen: else no batch need be searched for `Use`.
        self.has_uses = False
        self.unmatched = self.errors = 0
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
            if is_unreferenced(claim):
                claim[REASON] = LOST
            claim[RETURNED] = now = self.now()
            self.ended.append(claim)
            if not is_current:
                self.late.append((self.given_up.pop(lease, now), now))
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
            use: Use = claim[USE] or self._new_use(claim)
            quiet = now - use.last
            if quiet > use.quiet and use.began is None:
                use.quiet = quiet
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
            use: Use = claim[USE] or self._new_use(claim)
            if use.began is not None:
                use.busy += now - use.began
            else:
                use.quiet = max(use.quiet, now - (took or 0.0) - use.last)
                if took is not None:
                    use.busy += took
                    use.statements += 1
            use.began = None
            use.last = now
        except Exception as error:
            self.broke("used", error)

    def _new_use(self, claim: Claim) -> Use:
        use = claim[USE] = Use(claim[GOT])
        self.has_uses = True
        return use

    def failed(self, claim: Claim, reason: str, error: str | None) -> None:
        """The claim ends without a connection."""
        try:
            if reason == "timeout":
                self.timed_out(claim)
            elif reason == "cancelled":
                self.gave_up(claim)
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

    def cleared(self, *, keeps_slots: bool = False) -> None:
        """What is out is no longer the pool's and what was idle is closed, unless slots stay."""
        now = self.now()
        if not keeps_slots:
            self.retired.update(self.open)
            self.given_up.update(dict.fromkeys(self.open, now))
            self.open.clear()
            self.connections.clear()
        self._note(now, "PoolCleared", 0, None, None)

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
