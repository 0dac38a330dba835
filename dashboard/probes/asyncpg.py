"""asyncpg pools: asking and connecting by the class of the pool, the return by that of its holders.

Read in 0.32.0: a slot is free when its holder's `_release` ran, in whatever task or in none. A
connection goes through its holder's `_release_on_close`, or is replaced by the holder's
`acquire`, which in the same step asks the pool for another one.
"""

import itertools
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import asyncpg
from asyncpg.pool import Pool

from ..model.claim import PHASES, REF, Claim
from ..model.ports import Sink
from . import _asyncpg_facts as read
from ._asyncpg_answers import SELF, Answers
from ._asyncpg_hooks import of_holder, of_pool, strangers
from ._asyncpg_statements import Statements
from .swap import restore, swap
from .tap import Tap

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")

LIBRARY: Final = "asyncpg"

#: Before 0.32 the server's closing told nobody, and a connection referred to itself.
_SILENT: Final = ("connections that the server closes while idle", "lost connections")


def pool_of(target: object) -> Pool | None:
    """An asyncpg pool, initialised or not; None for anything else."""
    return target if isinstance(target, Pool) else None


def attach(target: object, sink: Sink) -> "Probe":
    """Watch a pool, live or fresh."""
    return Probe(pool_of(target), sink)


def _quiet(
    method: Callable[Concatenate["Probe", _Given], _Answer],
) -> Callable[Concatenate["Probe", _Given], _Answer | None]:
    """What fails in the probe is counted, and after `detach()` nothing is told."""

    def call(self: "Probe", /, *args: _Given.args, **given: _Given.kwargs) -> _Answer | None:
        if not self.is_stopped:
            try:
                return method(self, *args, **given)
            except Exception as error:  # The host must not notice.
                self.tap.sink.broke(method.__name__, error)
        return None

    return call


class Probe(Answers):
    """One watched pool. It keeps neither the pool nor a connection alive."""

    library = LIBRARY
    backend = "PostgreSQL"
    tapped: Any = None
    shortest_timeout = float("inf")  # Given to `acquire()`; asyncpg limits the release by it too.

    def __init__(self, pool: Any, sink: Sink) -> None:
        """Hook `pool`, and its holders if it has them already."""
        self.tap = Tap(sink)
        self.kind = type(pool).__name__
        self.limited = () if "_pool_holder" in asyncpg.Connection.__slots__ else _SILENT
        self.address = read.address_of(pool._connect_args, pool._connect_kwargs)
        self.is_stopped = False
        #: When `terminate()` took back what was out (`time.monotonic()`); None if it did not.
        self.cut_at: float | None = None
        self._settings = read.settings_of(pool)
        self._limits = (pool._maxsize, pool._maxsize, pool._minsize)
        #: Each connection's number and its pool's generation at the time, by its identity.
        self._book: dict[int, tuple[int, int]] = {}
        self._numbers = itertools.count(1)
        #: Holders whose checkout was told.
        self._out: set[int] = set()
        #: By holder: when its release and `setup` began, and why it is being closed.
        self.releasing: dict[int, float] = {}
        self.setting_up: dict[int, float] = {}
        self.why: dict[int, str] = {}
        #: Seconds that opening took, by connection, until a claim takes them.
        self._opened: dict[int, float] = {}
        self._reaches: dict[int, read.Reach] = {}
        self._is_complete = False
        self.statements = Statements(self)
        # A pool takes no weak reference, but its class of its own does, and refers to it.
        swap(pool, self, **{SELF: pool}, **of_pool(self, type(pool)))
        self._class = weakref.ref(type(pool))
        self.hook_holders(pool)
        for holder in pool._holders:
            self.catch_up(holder)

    def point_at(self, sink: Sink) -> None:
        """From here on everything goes to `sink`."""
        self.tap.sink = sink

    def adopt(self, sink: Sink) -> None:
        """Tell `sink` of every connection that there is."""
        pool = self.pool
        for holder in () if pool is None else pool._holders:
            if holder._con is None or id(holder._con) not in self._book:
                continue
            number, _ = self._book[id(holder._con)]
            sink.known(number, read.facts_of(holder._con, sink.now()))
            if id(holder) in self._out:
                sink.adopted(id(holder), number, self._reaches[id(holder)])

    def detach(self) -> None:
        """Put every class back."""
        self.is_stopped = True
        pool = self.pool
        if pool is not None:
            self.statements.stop(pool)
            delattr(type(pool), SELF)
            restore(pool)
            for holder in pool._holders:
                restore(holder)

    @_quiet
    def hook_holders(self, pool: Any) -> None:
        """The slots: there are none before the pool is initialised, and then all."""
        if self._is_complete or not pool._holders:
            return
        self._is_complete = True
        first, *others = pool._holders
        for place, holder in enumerate(pool._holders):
            self._reaches[id(holder)] = read.Reach(self, place)
        kind, has_strangers = type(first), strangers(pool)
        swap(first, self, **of_holder(self, pool, kind, has_strangers=has_strangers))
        for holder in others:
            holder.__class__ = type(first)

    @_quiet
    def catch_up(self, holder: Any) -> None:
        """Tell of a connection and of a checkout that are older than the watch."""
        connection, sink = holder._con, self.tap.sink
        if connection is None or connection.is_closed():
            return
        number = self._number_of(holder._pool, connection)
        if holder._in_use is not None and id(holder) not in self._out:
            self._out.add(id(holder))
            sink.adopted(id(holder), number, self._reaches[id(holder)])

    def _number_of(self, pool: Any, connection: Any) -> int:
        if id(connection) not in self._book:
            self.statements.follow(connection)
            number = next(self._numbers)
            self._book[id(connection)] = number, pool._generation
            self.tap.sink.known(number, read.facts_of(connection, self.tap.sink.now()))
        return self._book[id(connection)][0]

    @_quiet
    def connecting(self, pool: Any) -> tuple[int, int, float]:
        """A connection is about to be opened; for it, another may just have been given up."""
        self.hook_holders(pool)
        self.settle(pool)
        number = next(self._numbers)
        self.tap.sink.creating(number)
        return number, pool._generation, self.tap.sink.now()

    @_quiet
    def connected(self, pool: Any, connection: Any, begun: tuple[int, int, float]) -> None:
        """A connection was opened; the holder takes it in the same step, or closes it."""
        number, generation, began = begun
        self.statements.follow(connection)
        sink, now = self.tap.sink, self.tap.sink.now()
        facts = read.facts_of(connection, now, now - began)
        if "," in self.address:
            facts.host = read.host_of(connection)
        self._book[id(connection)] = number, generation
        sink.created(number, facts)
        if pool.is_closing():
            self.closed(id(connection), "pool_closed")
        elif connection.is_closed():
            self.closed(id(connection), "error")
        elif not read.is_background(pool):
            self._opened[number] = now - began

    def take(self, claim: Claim, proxy: Any) -> None:
        """A caller has its connection."""
        sink = self.tap.sink
        if self.is_stopped:
            return
        try:
            if proxy._holder._proxy is not proxy:  # Taken back before it arrived.
                sink.failed(claim, "connection_error", None)
                return
            lease = id(proxy._holder)
            number = self._number_of(proxy._holder._pool, proxy._con)
            if self.releasing:
                self.releasing.pop(lease, None)
            if self._opened or self.setting_up:
                claim[PHASES] = self._phases(lease, number)
            claim[REF] = self._reaches[lease]
            self._out.add(lease)
            sink.got(claim, lease, number)
        except Exception as error:  # The host must not notice.
            sink.broke("take", error)
            sink.withdrawn(claim)

    def _phases(self, lease: int, number: int) -> dict[str, float] | None:
        opened, began = self._opened.pop(number, None), self.setting_up.pop(lease, None)
        phases = {} if opened is None else {"connect": opened}
        if began is not None:
            phases["setup"] = self.tap.sink.now() - began
        return phases or None

    @_quiet
    def failed(self, claim: Claim, error: BaseException, why: Callable[[], str]) -> None:
        """A caller got nothing."""
        reason = "connection_error"
        try:
            reason = why()
        finally:
            self.tap.sink.failed(claim, reason, type(error).__name__)

    def returned(self, lease: int) -> None:
        """A slot is about to be free."""
        sink = self.tap.sink
        if self.is_stopped or lease not in self._out:
            return
        try:
            self._out.discard(lease)
            began = self.releasing.get(lease)
            sink.returned(lease, None if began is None else {"reset": sink.now() - began})
            self.releasing.pop(lease, None)
        except Exception as error:  # The host must not notice.
            sink.broke("returned", error)

    @_quiet
    def why_closed(self, holder: Any) -> str:
        """The reason for which a holder loses its connection, from where that happens."""
        connection, pool = holder._con, holder._pool
        protocol = connection._protocol
        if id(holder) in self.why:
            return self.why.pop(id(holder))
        if self.setting_up.pop(id(holder), None) is not None:
            return "error"
        if id(holder) in self.releasing:
            is_spent = protocol is not None and protocol.queries_count >= holder._max_queries
            return "stale" if is_spent or holder._generation != pool._generation else "error"
        # A timer that was set before the watch calls the library's own function: nothing to hook.
        is_timer = holder._in_use is None and (self.limited or holder._inactive_callback is None)
        return "idle" if is_timer and connection._aborted and holder._max_inactive_time else "error"

    @_quiet
    def closed(self, identity: int, reason: str, error: str = "") -> None:
        """A connection is no longer the pool's."""
        number, _ = self._book.pop(identity, (0, 0))
        if number:
            self._opened.pop(number, None)
            self.tap.blame(number, error)
            self.tap.sink.closed(number, reason)

    @_quiet
    def settle(self, pool: Any) -> None:
        """Tell of connections that the pool gave up without a word."""
        is_shut = pool._closed
        kept = {id(h._con) for h in pool._holders if (h.is_connected() if is_shut else h._con)}
        for identity, (_, generation) in list(self._book.items()):
            if identity not in kept:
                reason = "error" if generation == pool._generation else "stale"
                self.closed(identity, "pool_closed" if is_shut else reason)

    @_quiet
    def expired(self) -> None:
        """Each connection is replaced at its next turn."""
        self.tap.sink.cleared(keeps_slots=True)

    @_quiet
    def closes(self, pool: Any) -> None:
        """`close()` or `terminate()` was called."""
        if pool._initialized and not pool.is_closing():
            self.tap.sink.pool_closed()
