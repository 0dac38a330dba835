"""What is known of a watched aiohttp connector's connections, and what each step of one means.

Why a connection was closed: `idle`, its keep-alive time passed, or `force_close` keeps none;
`stale`, it could not be used again though nothing failed (the server hung up while it was idle or
said that it would, an unread response, the end of a websocket); `error`, it failed while it was
used, or its caller did; `pool_closed`.
"""

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any

from ..model.claim import PHASES, REF, Claim, Connection
from ..model.ports import Sink
from ._aiohttp_slot import Slot
from ._aiohttp_uses import Uses
from .owners import this_loop
from .tap import Tap


class Slots:
    """The connections of one connector, and who asks for one."""

    def __init__(self, tap: Tap) -> None:
        """Nothing is known yet."""
        self.tap = tap
        self.uses = Uses(tap)
        self.is_stopped = False
        #: Where each request that waits or connects wants to go, by its identity.
        self.asking: dict[int, Any] = {}
        #: When connecting began, when the name was known, and the number that the connection will
        #: have, by the request's identity.
        self.opening: dict[int, list[Any]] = {}
        #: Connections by identity of their protocol.
        self.known: dict[int, Slot] = {}
        #: Identities are given again, numbers are not.
        self._numbers = itertools.count(1)
        #: What was idle when the library last looked for a connection, the oldest first.
        self.peeked: tuple[tuple[Any, float], ...] = ()
        #: Whether some asked before the watch: they will hold what nobody asked for.
        self.has_strangers = False
        #: Whether the garbage collector closed the connector, and nobody before.
        self.was_dropped = False
        #: When closing took back what was out.
        self.cut_at: float | None = None

    def stop(self) -> None:
        """The watch ended: those that still wait are not told of, nothing is kept."""
        self.is_stopped = True
        self.known.clear()
        self.peeked = ()

    def introduce_all(self, connector: Any, sink: Sink) -> None:
        """Tell `sink` of every connection, and of those that are out."""
        for protocol, host in connections(connector):
            slot = self.known.get(id(protocol))
            if slot is None:
                slot = self._new(id(protocol), host)
                slot.is_out = protocol in connector._acquired
            self.uses.follow(protocol, slot)
            self._introduce(sink, slot)
            if slot.is_out:
                sink.adopted(slot.number, slot.number, slot)

    def _new(self, identity: int, host: str) -> Slot:
        slot = self.known[identity] = Slot(next(self._numbers), host, self.tap.sink.now())
        return slot

    def _introduce(self, sink: Sink, slot: Slot) -> None:
        """Tell `sink` of a connection whose opening it did not see."""
        born = sink.now() - (self.tap.sink.now() - slot.born)
        facts = Connection(born, create_time=slot.create_time, host=slot.host or None)
        sink.known(slot.number, facts)

    def hosts(self, connector: Any) -> list[tuple[str, int, int, int]]:
        """Each host as `name:port`: connections in use, idle, and callers without one."""
        used, idle = Counter[str](), Counter[str]()
        for protocol, host in connections(connector):
            slot = self.known.get(id(protocol))
            count = used if protocol in connector._acquired else idle
            count[slot.host if slot is not None else host] += 1
        waiting = Counter(place(url.host, url.port) for url in list(self.asking.values()))
        names = sorted({*used, *idle, *waiting})
        return [(name, used[name], idle[name], waiting[name]) for name in names]

    def opens(self, connector: Any, req: Any) -> None:
        """A request opens a connection of its own; one that asked before the watch is unknown."""
        self.settle(connector)
        if id(req) in self.asking and not self.is_stopped:
            sink = self.tap.sink
            number = next(self._numbers)
            sink.creating(number)
            self.opening[id(req)] = [sink.now(), None, number]

    def took(self, connector: Any, claim: Claim, req: Any, connection: Any) -> None:
        """A request has its connection. Called on every checkout."""
        sink = self.tap.sink
        try:
            url = self.asking.pop(id(req), None)
            opening = self.opening.pop(id(req), None) if self.opening else None
            if self.is_stopped:
                sink.withdrawn(claim)
                return
            if self.peeked:
                self.settle(connector)
            identity = id(connection.protocol)
            slot = self.known.get(identity)
            if opening is not None:
                slot = self._opened(identity, claim, url, opening)
            elif slot is None:
                slot = self._met(identity, place(url.host, url.port))
            slot.is_out, slot.is_lost = True, False
            claim[REF] = slot
            sink.got(claim, slot.number, slot.number)
            self.uses.asks(connection.protocol, slot)
            if self.has_strangers:
                self._meet(connector)
        except Exception as error:
            sink.broke("connect", error)
            sink.withdrawn(claim)

    def _opened(self, identity: int, claim: Claim, url: Any, opening: list[Any]) -> Slot:
        sink = self.tap.sink
        self._closed(identity, "error")  # One that went without a trace, its identity given again.
        began, named, number = opening
        now = sink.now()
        phases = {"connect": now - began}
        if named is not None:
            phases = {"dns": named - began, "connect": now - named}
        claim[PHASES] = phases
        slot = self.known[identity] = Slot(number, place(url.host, url.port), now, now - began)
        facts = Connection(now, create_time=slot.create_time, host=slot.host)
        facts.loop = this_loop()
        sink.created(number, facts)
        return slot

    def wish(self, req: Any) -> Connection:
        """The host that a request asks for, as a connection that it has not."""
        url = self.asking.get(id(req), req.url)
        return Connection(self.tap.sink.now(), host=place(url.host, url.port))

    def wanted(self) -> list[str]:
        """The hosts of those who wait or connect, in the order in which they asked."""
        return [place(url.host, url.port) for url in list(self.asking.values())]

    def gave_up(self, connector: Any, req: Any, traces: Any) -> bool:
        """A request got no connection; whether it was opening one."""
        self.asking.pop(id(req), None)
        was_opening = self.opening.pop(id(req), None) is not None
        self.settle(connector)
        if traces:  # One that raised, or was cancelled, makes the library forget a connection.
            self.cleaned(connector, [(identity, "error") for identity in self.known])
        return was_opening

    def returned(self, connector: Any, key: Any, protocol: Any, *, is_broken: bool) -> None:
        """A connection came back. Called on every checkin, by `_release` itself."""
        if self.is_stopped:
            return
        sink = self.tap.sink
        try:
            is_closed = protocol.transport is None
            slot = self.known.get(id(protocol)) or self._met(
                id(protocol), place(key.host, key.port)
            )
            if slot.is_out:
                slot.is_out = slot.is_asking = False
                slot.is_lost |= is_closed and _is_finalizing()
                sink.returned(slot.number)
            if is_closed:
                kept_none = "idle" if connector._force_close else "stale"
                self._closed(id(protocol), "error" if is_broken else kept_none)
            if self.has_strangers:
                self._meet(connector)
        except Exception as error:
            sink.broke("release", error)

    def strayed(self, connector: Any, key: Any, protocol: Any) -> None:
        """What was not out came back: 3.11 keeps one to a proxy that refused a tunnel."""
        if id(protocol) not in self.known and not self.is_stopped:
            idle = connector._conns.get(key)
            if idle and idle[-1][0] is protocol:
                self._met(id(protocol), place(key.host, key.port))

    def settle(self, connector: Any) -> None:
        """What the library took up and closed when it last looked for a connection."""
        peeked, self.peeked = self.peeked, ()
        try:
            for protocol, since in peeked:
                if protocol.transport is not None or protocol in connector._acquired:
                    return
                age = monotonic() - since
                limit = connector._keepalive_timeout
                self._closed(id(protocol), "idle" if limit is not None and age > limit else "stale")
        except Exception as error:
            self.tap.sink.broke("settle", error)

    def cleaned(self, connector: Any, before: Iterable[tuple[int, str]]) -> None:
        """Connections and why each was closed, if it is one that the connector has no more."""
        try:
            present = {id(protocol) for protocol, _ in connections(connector)}
            for identity, reason in [each for each in before if each[0] not in present]:
                self._closed(identity, reason)
        except Exception as error:
            self.tap.sink.broke("cleanup", error)

    def was_closed(self) -> None:
        """The connector let go of everything; a `_release` that comes later does nothing."""
        if self.is_stopped:
            return
        sink = self.tap.sink
        self.peeked = ()
        self.cut_at = monotonic()
        for identity, slot in list(self.known.items()):
            if slot.is_out:
                sink.returned(slot.number)
            self._closed(identity, "pool_closed")
        sink.pool_closed()

    def _closed(self, identity: int, reason: str) -> None:
        """Once for each connection."""
        slot = self.known.pop(identity, None)
        if slot is not None and not self.is_stopped:
            self.tap.sink.closed(slot.number, reason)

    def _meet(self, connector: Any) -> None:
        """Adopt what was got by those who asked before the watch."""
        for protocol, host in connections(connector):
            slot = self.known.get(id(protocol)) or self._met(id(protocol), host)
            self.uses.follow(protocol, slot)
            if protocol in connector._acquired and not slot.is_out:
                slot.is_out = True
                self.tap.sink.adopted(slot.number, slot.number, slot)
        self.has_strangers = is_busy(connector)

    def _met(self, identity: int, host: str) -> Slot:
        slot = self._new(identity, host)
        self._introduce(self.tap.sink, slot)
        return slot


def _is_finalizing() -> bool:
    """Whether `_release`, which called the caller, was called for a collected response."""
    frame = sys._getframe(3)
    if frame.f_code.co_name == "__del__":
        return True
    return frame.f_back is not None and frame.f_back.f_code.co_name == "__del__"


def connections(connector: Any) -> Iterator[tuple[Any, str]]:
    """Every open connection, those that are out first, and its host as far as it is known."""
    per_host = list(connector._acquired_per_host.items())
    for protocol in list(connector._acquired):
        if isinstance(protocol, asyncio.BaseProtocol):  # Not the placeholder of one to come.
            key = next((key for key, held in per_host if protocol in held), None)
            yield protocol, place(key.host, key.port) if key is not None else _peer(protocol)
    for key, idle in list(connector._conns.items()):
        for protocol, _ in list(idle):
            yield protocol, place(key.host, key.port)


def is_busy(connector: Any) -> bool:
    """Whether somebody waits or connects."""
    held = connector._acquired
    return bool(connector._waiters) or not all(isinstance(p, asyncio.BaseProtocol) for p in held)


def _peer(protocol: Any) -> str:
    """The address behind a connection of which no name is known."""
    peer = protocol.transport.get_extra_info("peername") if protocol.transport else None
    return place(peer[0], peer[1]) if isinstance(peer, tuple) else ""


def place(host: str | None, port: int | None) -> str:
    """`name:port`; a path, a query and credentials are never asked for."""
    name = f"[{host}]" if host and ":" in host else host or ""
    return f"{name}:{port}" if port else name
