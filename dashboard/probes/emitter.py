"""A sink that hands on plain events, for the user's own tools."""

import itertools
from collections.abc import Callable
from typing import Any, Final

from ..model import events
from ..model.claim import (
    ASKED,
    CONNECTION,
    GOT,
    OWNER,
    PHASES,
    REF,
    SITE,
    Claim,
    Connection,
    LiveOwner,
    is_unreferenced,
    new_claim,
    request_of,
)
from ..model.origin import CallSite, Owner
from .frames import UNKNOWN
from .owners import NOBODY

#: Connections that are being opened at once; more have failed.
_MOST_OPENING: Final = 1000


class Emitter:
    """Turns what a probe sees into events and hands each to one callable.

    What the callable raises is swallowed: it runs on the host's path.
    """

    live = None

    def __init__(
        self,
        pool: str,
        emit: Callable[[events.PoolEvent], object],
        clock: Callable[[], float],
    ) -> None:
        """`pool` is the name in the events."""
        self.pool = pool
        self.now = clock
        self._emit_to = emit
        self._numbers = itertools.count(1)
        self._claims: dict[int, int] = {}
        self._out: dict[int, tuple[int, Claim]] = {}
        self._cleared: set[int] = set()
        self._connections: dict[int, Connection] = {}
        #: Numbers of connections that are being opened.
        self._opening: dict[int, int] = {}
        self._count, self.errors = itertools.count(1), 0

    def _emit(self, kind: type[events.PoolEvent], **facts: Any) -> None:
        try:
            self._emit_to(kind(pool=self.pool, **facts))
        except Exception:
            self.errors += 1

    def opened(self, library: str) -> None:
        """PoolOpened: the watch began."""
        self._emit(events.PoolOpened, at=self.now(), library=library)

    def _origin(self, claim: Claim, number: int) -> dict[str, Any]:
        site, owner = claim[SITE], claim[OWNER]
        return {
            "claim": number,
            "call_site": CallSite(site.file, site.line, site.function),
            "owner": Owner(owner.kind, owner.name, owner.ident, owner.is_alive()),
            "request": request_of(claim),
        }

    def asked(self, claim: Claim) -> None:
        """CheckoutStarted."""
        number = self._claims[id(claim)] = next(self._numbers)
        self._emit(events.CheckoutStarted, at=claim[ASKED], **self._origin(claim, number))

    def got(self, claim: Claim, lease: int, connection: int) -> None:
        """CheckedOut."""
        number = self._claims.pop(id(claim), 0) or next(self._numbers)
        facts = self._connections.get(connection) or self._known(connection)
        facts.uses += 1
        claim[CONNECTION], claim[GOT] = facts, self.now()
        self._out[lease] = (number, claim)
        self._emit(
            events.CheckedOut,
            at=claim[GOT],
            connection=facts.number,
            wait_time=claim[GOT] - claim[ASKED],
            backend_pid=facts.backend_pid,
            phases=dict(claim[PHASES] or {}),
            **self._origin(claim, number),
        )

    def failed(self, claim: Claim, reason: str, error: str | None) -> None:
        """CheckoutFailed."""
        number = self._claims.pop(id(claim), 0) or next(self._numbers)
        now = self.now()
        self._emit(
            events.CheckoutFailed,
            at=now,
            reason=reason,
            error=error,
            wait_time=now - claim[ASKED],
            **self._origin(claim, number),
        )

    def using(self, lease: int, user: LiveOwner | None) -> None:
        """Statements are no events."""

    def used(self, lease: int, took: float | None = None) -> None:
        """Statements are no events."""

    def withdrawn(self, claim: Claim) -> None:
        """No checkout of its own: as if it had not been asked."""
        self._claims.pop(id(claim), None)

    def returned(self, lease: int, phases: dict[str, float] | None = None) -> bool:
        """CheckedIn."""
        number, claim = self._out.pop(lease, (0, None))
        if claim is None:
            return True
        is_current = lease not in self._cleared
        self._cleared.discard(lease)
        now = self.now()
        self._emit(
            events.CheckedIn,
            at=now,
            connection=claim[CONNECTION].number,
            use_time=now - claim[GOT],
            is_lost=is_unreferenced(claim),
            phases={**(claim[PHASES] or {}), **(phases or {})},
            **self._origin(claim, number),
        )
        return is_current

    def adopted(self, lease: int, connection: int, ref: Callable[[], object | None] | None) -> None:
        """No event, as nothing is known of who asked; its return will be one."""
        now = self.now()
        claim = new_claim(now, UNKNOWN, NOBODY, None)
        claim[GOT], claim[REF] = now, ref
        claim[CONNECTION] = self._connections.get(connection) or self._known(connection)
        self._out[lease] = (next(self._numbers), claim)

    def creating(self, connection: int) -> None:
        """ConnectionCreated; the number is that which it will have when it is ready."""
        if len(self._opening) > _MOST_OPENING:
            self._opening.clear()  # Attempts that failed, each under a number of its own.
        number = self._opening[connection] = next(self._count)
        self._emit(events.ConnectionCreated, at=self.now(), connection=number)

    def created(self, connection: int, facts: Connection) -> None:
        """ConnectionReady."""
        self.known(connection, facts)
        self._emit(
            events.ConnectionReady,
            at=self.now(),
            connection=facts.number,
            create_time=facts.create_time,
            backend_pid=facts.backend_pid,
            host=facts.host,
        )

    def known(self, connection: int, facts: Connection) -> None:
        """Only numbered."""
        facts.number = self._opening.pop(connection, 0) or next(self._count)
        self._connections[connection] = facts

    def _known(self, connection: int) -> Connection:
        facts = Connection(self.now())
        self.known(connection, facts)
        return facts

    def closed(self, connection: int, reason: str, *, keeps_slot: bool = False) -> None:
        """ConnectionClosed."""
        facts = self._connections.pop(connection, None)
        now = self.now()
        known: dict[str, Any] = {"connection": 0}
        if facts is not None:
            known = {"connection": facts.number, "age": now - facts.born, "uses": facts.uses}
            known["backend_pid"] = facts.backend_pid
        self._emit(events.ConnectionClosed, at=now, reason=reason, **known)

    def dropped(self, connection: int) -> None:
        """An empty slot less: no event."""

    def detached(self, connection: int, *, keeps_slot: bool = False) -> None:
        """ConnectionDetached."""
        facts = self._connections.pop(connection, None)
        number = facts.number if facts is not None else 0
        self._emit(events.ConnectionDetached, at=self.now(), connection=number)

    def cleared(self, *, keeps_slots: bool = False) -> None:
        """PoolCleared."""
        if not keeps_slots:
            self._connections.clear()
            self._cleared.update(self._out)
        self._emit(events.PoolCleared, at=self.now())

    def pool_closed(self) -> None:
        """PoolClosed."""
        self._emit(events.PoolClosed, at=self.now())

    def broke(self, where: str, error: BaseException) -> None:
        """Counted."""
        self.errors += 1
