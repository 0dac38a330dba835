"""A pool's live tables copied at one instant, to be made a picture of later.

Copied on the host's path: a list for each claim, and only what would change. A claim's copy keeps
no connection, task or thread alive.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..model.claim import (
    CONNECTION,
    OWNER,
    REASON,
    REF,
    USE,
    Claim,
    Connection,
    LiveOwner,
    Use,
    actor_of,
    is_unreferenced,
)
from .feed import Entry
from .ledger import WIDTH

if TYPE_CHECKING:
    from .pool import PoolRecord

#: Holders and waiters that are copied; of more, those that have been at it for longest.
MOST: Final = 200
#: Events before it that are kept, and entries of the feed in which they are looked for.
EVENTS: Final = 50
_SEARCHED: Final = 400
#: Holders of which is asked what keeps their connections in use: a microsecond or two for each.
_ASKED: Final = 50
#: Bytes of a copied claim, of what an owner did, and of the rest.
_CLAIM: Final = 400
_DOING: Final = 1300
_REST: Final = 4000

Stack = tuple[tuple[str, int, str, bool], ...]
Doing = Callable[[Sequence[LiveOwner]], Sequence[Callable[[], Stack]]]
#: By the lease of what is out: what keeps it in use without a statement.
InUse = Callable[[int], str]


class Standing:
    """An owner as it was; asks the live one for what cannot change."""

    __slots__ = ("_alive", "_doing", "_live")

    def __init__(self, live: LiveOwner, doing: Callable[[], Stack] | None) -> None:
        """`doing` answers what it did."""
        self._live = live
        self._alive = live.is_alive()
        self._doing = doing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)

    def is_alive(self) -> bool:
        """Whether it had not ended."""
        return self._alive

    def ended_at(self, clock: Callable[[], float]) -> float | None:
        """When it had ended; None if it still lived."""
        return None if self._alive else self._live.ended_at(clock)

    def awaited_by(self) -> tuple[LiveOwner, ...]:
        """Nobody looked."""
        return ()

    def doing(self) -> Stack:
        """What it did; empty when nobody looked."""
        return self._doing() if self._doing is not None else ()


def doing_of(owner: object) -> Stack:
    """What an owner did, for a `Camera`."""
    return owner.doing() if isinstance(owner, Standing) else ()


class Tables:
    """A ledger's tables; what is not copied is asked of the ledger."""

    def __init__(self, ledger: Any, doing: Doing, in_use: InUse) -> None:
        """Microseconds for each claim."""
        held, waiting = list(ledger.open.items()), list(ledger.pending.items())
        self.used, self.pending_requests = len(held), len(waiting)
        held, waiting = held[:MOST], waiting[:MOST]
        now = doing([actor_of(claim) for _, claim in held])
        self.noted = len(now)
        notes = (*now, *[None] * len(held))
        #: What keeps connections in use, by lease.
        self.in_use = _kept(ledger, [lease for lease, _ in held[:_ASKED]], in_use)
        self.open = {
            lease: _copy(claim, note) for (lease, claim), note in zip(held, notes, strict=False)
        }
        self.pending = {key: _copy(claim) for key, claim in waiting}
        retired = list(ledger.retired.items())[:MOST]
        self.retired = {lease: _copy(claim) for lease, claim in retired}
        self.connections = dict(ledger.connections)
        self.closed_by = Counter(ledger.closed_by)
        for name in _PLAIN:
            setattr(self, name, getattr(ledger, name))
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


_PLAIN: Final = (
    "state",
    "peak",
    "peak_at",
    "created_count",
    "detached_count",
    "unmatched",
    "errors",
    "last_error",
)


class Frozen:
    """A pool's record as it was; stands in for it where a picture is taken."""

    def __init__(self, record: "PoolRecord", doing: Doing, in_use: InUse) -> None:
        """Called on the host's path: 0.3 to 0.5 ms with 200 holders (docs/cost.md)."""
        ledger = record.ledger
        self.at = record.now()
        self.wall = time.time()
        self.name = record.name
        self.ledger = Tables(ledger, doing, in_use)
        # What has ended and is not folded yet belongs to the counts too.
        ended = len(ledger.rows) // WIDTH + len(ledger.ended)
        self.checkouts = record.checkouts + ended
        self.checkins = record.checkins + ended
        self.failures = Counter(record.failures)
        self.failures.update(claim[REASON] for claim in list(ledger.failures))
        self.last_timeout = record.last_timeout
        self.lost_count = record.lost_count
        self.newest = record.feed.newest
        self.events = newest(record.feed.latest(_SEARCHED), record.name)
        self.record = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        tables = self.ledger
        claims = len(tables.open) + len(tables.pending) + len(tables.retired)
        return _REST + _CLAIM * claims + _DOING * tables.noted


def newest(entries: Iterable[Entry], pool: str) -> list[Entry]:
    """The last entries of a pool, oldest first; `entries` the newest first."""
    found = list(islice((each for each in entries if each.pool == pool), EVENTS))
    found.reverse()
    return found


def _copy(claim: Claim, doing: Callable[[], Stack] | None = None) -> Claim:
    copy, owner, actor = claim[:], claim[OWNER], None if doing is None else actor_of(claim)
    copy[OWNER] = standing = Standing(owner, doing if actor is owner else None)
    copy[REF] = _nothing if is_unreferenced(claim) else None
    connection: Connection | None = copy[CONNECTION]
    if connection is not None:
        copy[CONNECTION] = connection.copied()
    use: Use | None = copy[USE]
    if use is not None:
        copy[USE] = use = use.copied()
        if use.user is owner:
            use.user = standing
        elif use.user is not None:
            use.user = Standing(use.user, doing if actor is use.user else None)
    return copy


def _kept(ledger: Any, leases: Sequence[int], in_use: InUse) -> dict[int, str]:
    """A probe that fails says nothing."""
    try:
        return {lease: kept for lease in leases if (kept := in_use(lease))}
    except Exception as error:
        ledger.broke("in use", error)
        return {}


def _nothing() -> None:
    """Nothing referred to the connection."""
