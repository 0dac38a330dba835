"""A sink that is several at once."""

from collections.abc import Callable
from typing import Any, Final

from ..model.claim import (
    ASKED,
    CONNECTION,
    PHASES,
    REF,
    Claim,
    Connection,
    LiveOwner,
)
from ..model.ports import Sink


class Tee:
    """Hands everything to several sinks, each with its own clock and its own copy of a claim."""

    live = None

    def __init__(self, sinks: list[Sink]) -> None:
        """`sinks` may grow and shrink while claims are open."""
        self._sinks = sinks
        #: For each claim that waits: who was told, and with which copy.
        self._copies: dict[int, list[tuple[Sink, Claim]]] = {}
        self.now = sinks[0].now

    def asked(self, claim: Claim) -> None:
        """Each sink gets a claim."""
        copies = []
        for sink in tuple(self._sinks):
            copy = self._copy(claim, sink)
            copies.append((sink, copy))
            sink.asked(copy)
        self._copies[id(claim)] = copies

    def _told(self, claim: Claim) -> list[tuple[Sink, Claim]]:
        """Who knows this claim; those that waited before there were several know it itself."""
        copies = self._copies.pop(id(claim), None)
        if copies is None:
            sinks = tuple(self._sinks)
            known = [(sink, claim) for sink in sinks[:1]]
            return known + [(sink, self._copy(claim, sink)) for sink in sinks[1:]]
        return [(sink, copy) for sink, copy in copies if sink in self._sinks]

    def _copy(self, claim: Claim, sink: Sink) -> Claim:
        copy = list(claim)
        copy[ASKED] += sink.now() - self.now()
        return copy

    def got(self, claim: Claim, lease: int, connection: int) -> None:
        """Each sink's claim has its connection."""
        for sink, copy in self._told(claim):
            copy[REF], copy[PHASES] = claim[REF], claim[PHASES]
            sink.got(copy, lease, connection)

    def failed(self, claim: Claim, reason: str, error: str | None) -> None:
        """Each sink's claim failed."""
        for sink, copy in self._told(claim):
            copy[CONNECTION] = claim[CONNECTION]
            sink.failed(copy, reason, error)

    def withdrawn(self, claim: Claim) -> None:
        """Each sink's claim is none."""
        for sink, copy in self._told(claim):
            sink.withdrawn(copy)

    def using(self, lease: int, user: LiveOwner | None) -> None:
        """Each sink times the statement itself."""
        for sink in tuple(self._sinks):
            sink.using(lease, user)

    def used(self, lease: int, took: float | None = None) -> None:
        """Each sink times the statement itself."""
        for sink in tuple(self._sinks):
            sink.used(lease, took)

    def returned(self, lease: int, phases: dict[str, float] | None = None) -> bool:
        """Each sink's claim was returned."""
        return min([sink.returned(lease, phases) for sink in tuple(self._sinks)], default=True)

    def created(self, connection: int, facts: Connection) -> None:
        """Each sink numbers its connections itself."""
        for sink in tuple(self._sinks):
            sink.created(connection, _own(facts, self.now, sink.now))

    def known(self, connection: int, facts: Connection) -> None:
        """Each sink numbers its connections itself."""
        for sink in tuple(self._sinks):
            sink.known(connection, _own(facts, self.now, sink.now))

    def __getattr__(self, name: str) -> Any:
        """What is told seldom and is the same for all."""
        if name not in _SELDOM:
            raise AttributeError(name)

        def tell(*args: Any, **kwargs: Any) -> None:
            for sink in tuple(self._sinks):
                getattr(sink, name)(*args, **kwargs)

        return tell


_SELDOM: Final = {
    "adopted",
    "broke",
    "cleared",
    "closed",
    "creating",
    "detached",
    "dropped",
    "pool_closed",
}


def _own(facts: Connection, theirs: Callable[[], float], ours: Callable[[], float]) -> Connection:
    own = Connection(ours() - theirs() + facts.born, create_time=facts.create_time)
    own.backend_pid, own.host, own.loop = facts.backend_pid, facts.host, facts.loop
    own.is_open = facts.is_open
    return own
