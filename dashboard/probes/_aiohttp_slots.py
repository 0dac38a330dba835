"""What is known of a watched aiohttp connector's connections, and what each step of one means.

Why a connection was closed: `idle`, its keep-alive time passed, or `force_close` keeps none;
`stale`, it could not be used again though nothing failed (the server hung up while it was idle or
said that it would, an unread response, the end of a websocket); `error`, it failed while it was
used, or its caller did; `pool_closed`.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any, Final

from ..model.claim import PHASES, REF, Claim, Connection
from ..model.ports import Sink
from .tap import Tap

_ENDED: Final = (GeneratorExit, KeyboardInterrupt, SystemExit)


class Slot:
    """What is known of one connection; called, it answers as a claim's `REF`."""

    __slots__ = ("born", "create_time", "host", "is_lost", "is_out")

    def __init__(self, host: str, born: float, create_time: float | None = None) -> None:
        """`host` is `name:port`, `born` in seconds of the sink's clock."""
        self.host = host
        self.born = born
        self.create_time = create_time
        self.is_out = self.is_lost = False

    def __call__(self) -> "Slot | None":
        """None once its response was collected without being read or closed."""
        return None if self.is_lost else self


class Slots:
    """The connections of one connector, and who asks for one."""

    def __init__(self, tap: Tap) -> None:
        """Nothing is known yet."""
        self.tap = tap
        self.is_stopped = False
        #: Where each request that waits or connects wants to go, by its identity.
        self.asking: dict[int, Any] = {}
        #: When connecting began and when the name was known, by the request's identity.
        self.opening: dict[int, list[float | None]] = {}
        #: Connections by identity of their protocol.
        self.known: dict[int, Slot] = {}
        #: What was idle when the library last looked for a connection, the oldest first.
        self.peeked: tuple[tuple[Any, float], ...] = ()
        #: Whether some asked before the watch: they will hold what nobody asked for.
        self.has_strangers = False

    def stop(self) -> None:
        """The watch ended: those that still wait are not told of, nothing is kept."""
        self.is_stopped = True
        self.known.clear()
        self.peeked = ()

    def introduce_all(self, connector: Any, sink: Sink) -> None:
        """Tell `sink` of every connection, and of those that are out."""
        for protocol, host in connections(connector):
            number = id(protocol)
            slot = self.known.get(number)
            if slot is None:
                slot = self.known[number] = Slot(host, self.tap.sink.now())
                slot.is_out = protocol in connector._acquired
            self.introduce(sink, number, slot)
            if slot.is_out:
                sink.adopted(number, number, slot)

    def introduce(self, sink: Sink, number: int, slot: Slot) -> None:
        """Tell `sink` of a connection whose opening it did not see."""
        born = sink.now() - (self.tap.sink.now() - slot.born)
        facts = Connection(born, create_time=slot.create_time, host=slot.host or None)
        sink.known(number, facts)

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
            sink.creating(id(req))
            self.opening[id(req)] = [sink.now(), None]

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
            number = id(connection.protocol)
            slot = self.known.get(number)
            if slot is None or opening is not None:
                slot = self._opened(number, claim, url, opening)
            slot.is_out, slot.is_lost = True, False
            claim[REF] = slot
            sink.got(claim, number, number)
            if self.has_strangers:
                self._meet(connector)
        except Exception as error:
            sink.broke("connect", error)
            sink.withdrawn(claim)

    def _opened(self, number: int, claim: Claim, url: Any, opening: Any) -> Slot:
        sink = self.tap.sink
        if number in self.known:  # It went without a trace, and its number was given again.
            self._closed(number, "error")
        host = place(url.host, url.port) if url is not None else ""
        now = sink.now()
        began, named = opening or (None, None)
        slot = self.known[number] = Slot(host, now, now - began if began is not None else None)
        if began is None:
            self.introduce(sink, number, slot)
            return slot
        phases = {"connect": now - began}
        if named is not None:
            phases = {"dns": named - began, "connect": now - named}
        claim[PHASES] = phases
        sink.created(number, Connection(now, create_time=slot.create_time, host=host))
        return slot

    def failed(
        self, connector: Any, claim: Claim, req: Any, traces: Any, error: BaseException
    ) -> None:
        """A request got no connection."""
        sink = self.tap.sink
        try:
            self.asking.pop(id(req), None)
            was_opening = self.opening.pop(id(req), None) is not None
            if self.is_stopped:
                sink.withdrawn(claim)
                return
            self.settle(connector)
            if traces:  # One that raised, or was cancelled, makes the library forget a connection.
                self.cleaned(connector, [(number, "error") for number in self.known])
            sink.failed(claim, *_why_failed(connector, req, error, was_opening=was_opening))
        except Exception as problem:
            sink.broke("connect", problem)
            sink.withdrawn(claim)

    def returned(self, connector: Any, key: Any, protocol: Any, *, is_broken: bool) -> None:
        """A connection came back. Called on every checkin, by `_release` itself."""
        if self.is_stopped:
            return
        sink, number = self.tap.sink, id(protocol)
        try:
            idle = connector._conns.get(key)
            is_kept = bool(idle) and idle[-1][0] is protocol
            slot = self.known.get(number) or self._met(number, place(key.host, key.port))
            if slot.is_out:
                slot.is_out = False
                slot.is_lost = not is_kept and _is_finalizing()
                sink.returned(number)
            if not is_kept:
                kept_none = "idle" if connector._force_close else "stale"
                self._closed(number, "error" if is_broken else kept_none)
            if self.has_strangers:
                self._meet(connector)
        except Exception as error:
            sink.broke("release", error)

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
            for number, reason in [each for each in before if each[0] not in present]:
                self._closed(number, reason)
        except Exception as error:
            self.tap.sink.broke("cleanup", error)

    def was_closed(self) -> None:
        """The connector let go of everything; a `_release` that comes later does nothing."""
        if self.is_stopped:
            return
        sink = self.tap.sink
        self.peeked = ()
        for number, slot in list(self.known.items()):
            if slot.is_out:
                sink.returned(number)
            self._closed(number, "pool_closed")
        sink.pool_closed()

    def _closed(self, number: int, reason: str) -> None:
        """Once for each connection."""
        if self.known.pop(number, None) is not None and not self.is_stopped:
            self.tap.sink.closed(number, reason)

    def _meet(self, connector: Any) -> None:
        """Adopt what was got by those who asked before the watch."""
        sink = self.tap.sink
        for protocol, host in connections(connector):
            number = id(protocol)
            slot = self.known.get(number) or self._met(number, host)
            if protocol in connector._acquired and not slot.is_out:
                slot.is_out = True
                sink.adopted(number, number, slot)
        self.has_strangers = is_busy(connector)

    def _met(self, number: int, host: str) -> Slot:
        slot = self.known[number] = Slot(host, self.tap.sink.now())
        self.introduce(self.tap.sink, number, slot)
        return slot


def _is_finalizing() -> bool:
    """Whether `_release`, which called the caller, was called for a collected response."""
    frame = sys._getframe(3)
    if frame.f_code.co_name == "__del__":
        return True
    return frame.f_back is not None and frame.f_back.f_code.co_name == "__del__"


def _why_failed(
    connector: Any, req: Any, error: BaseException, *, was_opening: bool
) -> tuple[str, str]:
    """Reason and the exception's class.

    `timeout` means that the pool gave no slot in time; when connecting had begun, running out of
    time (`connect`, `sock_connect` or `total`) is a `connection_error`.
    """
    name = type(error).__name__
    is_cancelled = isinstance(error, asyncio.CancelledError)
    if is_cancelled and getattr(getattr(req, "_timer", None), "_cancelled", False):
        name = "TimeoutError"  # `ClientTimeout.total` cancels the task.
    if name == "TimeoutError" or isinstance(error, TimeoutError):
        return ("connection_error" if was_opening else "timeout"), name
    if isinstance(error, _ENDED) or (is_cancelled and _is_cancelled_by_host()):
        return "cancelled", name
    if connector._closed:
        return "pool_closed", name
    return ("cancelled" if is_cancelled else "connection_error"), name


def _is_cancelled_by_host() -> bool:
    """A closing connector cancels what its callers wait for, not the callers."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
