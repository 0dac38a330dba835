# ruff: noqa: D102, ASYNC109 -- Eyes says what each is; a pool has a time-out of its own
"""What the contract needs: one `Case` for each kind of pool, and eyes on what its probe tells.

A library is one file with its cases, `case_<library>.py`.
"""

import asyncio
import importlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Protocol

from dashboard.demo.postgres import Postgres
from dashboard.model import events
from dashboard.model.claim import CONNECTION, SITE, USE, Use
from dashboard.model.origin import CallSite
from dashboard.model.ports import Sink
from dashboard.probes import libraries
from dashboard.probes.emitter import Emitter
from dashboard.probes.frames import UNKNOWN
from dashboard.probes.owners import NOBODY
from dashboard.recorder.feed import Feed
from dashboard.recorder.pool import PoolRecord

STRANGERS = SimpleNamespace(site=UNKNOWN, owner=NOBODY)


class Case(Protocol):
    """One kind of pool, driven as an application drives it."""

    name: str
    #: `task` or `thread`: who asks in `checkout` when it need not wait.
    owner: str
    #: Where `checkout` calls the library.
    function: str
    #: A waiting `checkout` can be cancelled.
    can_cancel: bool
    #: Callers wait for a slot; else an exhausted pool refuses at once, or never is exhausted.
    can_wait: bool
    #: At most `size` can be out at once.
    is_bounded: bool
    #: Returned connections stay open in the pool.
    keeps: bool
    #: A checkout that nobody refers to any more gives its slot back.
    reclaims: bool
    #: `kill` ends the connection from the server's side.
    can_kill: bool
    #: Whether `close` ends the pool for good.
    closes: bool
    #: A statement can fail and leave the connection as it was; else a checkout is a statement.
    can_fail: bool

    async def open(self, postgres: Postgres, size: int, timeout: float) -> Any:
        """A pool of at most `size` whose callers wait for `timeout`."""

    async def checkout(self, pool: Any) -> Any:
        """One connection."""

    async def checkin(self, pool: Any, connection: Any) -> None:
        """Give it back."""

    async def use(self, pool: Any, connection: Any) -> None:
        """One statement, the first on this connection; nothing where a checkout is one."""

    async def fail(self, pool: Any, connection: Any) -> None:
        """One statement that the server refuses; raises."""

    async def kill(self, pool: Any, connection: Any) -> None:
        """The server ends it, and its user notices."""

    async def break_down(self, pool: Any) -> None:
        """From here on no connection can be opened."""

    async def close(self, pool: Any) -> None:
        """Close what is idle."""

    def own(self, pool: Any) -> tuple[int, int] | None:
        """The pool's own (used, idle)."""

    def hooked(self, pool: Any) -> list[Any]:
        """The objects that a watch may swap the class of."""


def cases() -> Iterator[Case]:
    """The cases of every library whose probe is there."""
    for library in libraries():
        yield from importlib.import_module(f"tests.probes.case_{library}").CASES


class Eyes(Protocol):
    """What a watch told, whatever the sink."""

    sink: Sink
    used: int
    #: None for a sink that does not count.
    idle: int | None
    waiting: int
    returned: int
    lost: int
    failures: dict[str, int]
    created: int
    closed: dict[str, int]
    errors: int
    #: Call sites and kinds of owners of all that is out.
    sites: list[tuple[CallSite, str]]


class LedgerEyes:
    """Through the tables of a PoolRecord."""

    def __init__(self) -> None:
        self.record = PoolRecord("pool", time.monotonic, Feed(), STRANGERS)
        self.sink = self.record.ledger

    @property
    def used(self) -> int:
        return len(self.sink.open)

    @property
    def idle(self) -> int:
        held = {id(claim[CONNECTION]) for claim in self.sink.open.values()}
        return sum(id(facts) not in held for facts in self.sink.connections.values())

    @property
    def waiting(self) -> int:
        return len(self.sink.pending)

    @property
    def returned(self) -> int:
        self.record.fold()
        return self.record.checkins

    @property
    def lost(self) -> int:
        self.record.fold()
        return self.record.lost_count

    @property
    def failures(self) -> dict[str, int]:
        self.record.fold()
        return dict(self.record.failures)

    @property
    def created(self) -> int:
        return self.sink.created_count

    @property
    def closed(self) -> dict[str, int]:
        return dict(self.sink.closed_by)

    @property
    def errors(self) -> int:
        return self.sink.errors

    @property
    def use(self) -> Use:
        """What the only holder did with its connection."""
        (claim,) = (*self.sink.open.values(), *self.sink.retired.values())
        use: Use = claim[USE]
        return use

    @property
    def lease(self) -> int:
        """Of the only checkout."""
        (lease,) = (*self.sink.open, *self.sink.retired)
        return lease

    @property
    def sites(self) -> list[tuple[CallSite, str]]:
        return [
            (CallSite(claim[SITE].file, claim[SITE].line, claim[SITE].function), claim[2].kind)
            for claim in self.sink.open.values()
        ]


class EmitterEyes:
    """Through events."""

    def __init__(self) -> None:
        self.seen: list[events.PoolEvent] = []
        self.sink = Emitter("pool", self.seen.append, time.monotonic)

    def of(self, *names: str) -> list[Any]:
        return [each for each in self.seen if each.kind in names]

    @property
    def used(self) -> int:
        known = {each.claim for each in self.of("CheckedOut")}
        back = {each.claim for each in self.of("CheckedIn")}
        return len(known - back)

    @property
    def idle(self) -> None:
        return None

    @property
    def waiting(self) -> int:
        ended = {each.claim for each in self.of("CheckedOut", "CheckoutFailed")}
        return sum(each.claim not in ended for each in self.of("CheckoutStarted"))

    @property
    def returned(self) -> int:
        return len(self.of("CheckedIn"))

    @property
    def lost(self) -> int:
        return sum(each.is_lost for each in self.of("CheckedIn"))

    @property
    def failures(self) -> dict[str, int]:
        return dict(Counter(each.reason for each in self.of("CheckoutFailed")))

    @property
    def created(self) -> int:
        return len(self.of("ConnectionReady"))

    @property
    def closed(self) -> dict[str, int]:
        return dict(Counter(each.reason for each in self.of("ConnectionClosed")))

    @property
    def errors(self) -> int:
        return self.sink.errors

    @property
    def sites(self) -> list[tuple[CallSite, str]]:
        back = {each.claim for each in self.of("CheckedIn")}
        return [
            (each.call_site, each.owner.kind)
            for each in self.of("CheckedOut")
            if each.claim not in back
        ]

    @property
    def names(self) -> list[str]:
        return [each.kind for each in self.seen]


async def until(condition: Callable[[], object], within: float = 30.0) -> None:
    """Poll until `condition()` holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.002)
