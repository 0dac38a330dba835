"""SQLAlchemy pools, sync and async: connect and return by the pool's own class, the rest by events.

Read in 2.1.9 and 2.0: every return of a slot, also by the garbage collector and by `detach()`,
goes through `Pool._do_return_conn`; every new connection through `Pool._invoke_creator`.
"""

import contextlib
import logging
import time
import weakref
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.pool import Pool, StaticPool

from ..model.claim import PHASES, REF, Claim, Connection
from ..model.ports import Sink
from . import _sqlalchemy_facts as facts
from . import _sqlalchemy_failures as failures
from ._sqlalchemy_events import Events, guarded
from ._sqlalchemy_hooks import overrides
from ._sqlalchemy_statements import Statements
from ._sqlalchemy_static import Fairies
from .swap import restore, swap
from .tap import Tap

LIBRARY: Final = "sqlalchemy"
#: A probe that failed so often is in the way.
_STRIKES: Final = 10
_log: Final = logging.getLogger("dashboard")


def pool_of(target: object) -> Pool | None:
    """The pool behind an Engine, AsyncEngine or Pool; None for anything else."""
    engine = getattr(target, "sync_engine", target)
    if isinstance(engine, Engine):
        return engine.pool
    return target if isinstance(target, Pool) else None


def attach(target: object, sink: Sink) -> "Probe":
    """Watch the pool behind `target`, live or fresh."""
    pool = pool_of(target)
    if pool is None:
        raise TypeError(type(target).__qualname__)
    return Probe(pool, sink, getattr(target, "sync_engine", target))


class Probe:
    """One watched pool, also over `engine.dispose()`."""

    library = LIBRARY

    def __init__(self, pool: Pool, sink: Sink, engine: object) -> None:
        """Hook `pool`; `engine` names the database."""
        self.tap = Tap(sink)
        self.limited: tuple[str, ...] = ()
        self.kind = pool.__class__.__name__
        self.backend, self.address = facts.place(engine, pool)
        self._pools: list[weakref.ref[Pool]] = []
        #: Whether it was cleared and not used since; whether the watch ended.
        self.is_cleared = self.is_stopped = False
        self._strikes = 0
        #: Seconds that opening took, by record, until a claim takes them.
        self.opened: dict[int, float] = {}
        #: When a record left the queue, by record: what follows is pre-ping.
        self.picked: dict[int, float] = {}
        #: Records of a cleared pool that were taken since: callers were waiting for them.
        self.late: set[int] = set()
        self.events = Events(self)
        self.fairies = Fairies(self)
        self.statements = Statements(self)
        #: By identity.
        self.records: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._hook(pool)
        self.events.listen(pool)
        self.adopt(sink)

    @property
    def pool(self) -> Pool | None:
        """The pool of the present generation, None once it is collected."""
        return self._pools[-1]()

    @property
    def is_gone(self) -> bool:
        """Whether the pool was collected."""
        return self.pool is None

    def detach(self) -> None:
        """Put every class back and remove the listeners."""
        self.is_stopped = True
        for pool in self._alive():
            restore(pool)
            self.events.remove(pool)
        self.statements.stop()
        facts.unmark(self.records)

    def settings(self) -> Mapping[str, object]:
        """Options of `create_engine`, as they are in force."""
        pool = self.pool
        return {} if pool is None else facts.settings(pool)

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """Size, max and idle_min; None where there is no bound."""
        return facts.limits(self.pool)

    def loops(self) -> tuple[Any, ...]:
        """Event loops that idle connections belong to."""
        return facts.loops(self.pool)

    def own_counts(self) -> tuple[int, int] | None:
        """The pool's own (used, idle)."""
        return facts.own_counts(self.pool)

    @property
    def sees_statements(self) -> bool:
        """Whether an engine has it; what goes straight to the driver is not told."""
        return self.statements.is_seeing

    def in_use_by(self, lease: int) -> str:
        """`a cursor`, `listeners`, or `a statement` that was not told."""
        return self.statements.kept_by(lease)

    def meet(self, engine: Engine) -> None:
        """The pool was there before its engine."""
        if (pool := self.pool) is not None and not self.is_stopped:
            self.backend, self.address = facts.place(engine, pool)
            self.statements.follow(pool)

    def point_at(self, sink: Sink) -> None:
        """From here on everything goes to `sink`: hooks are made for their sink."""
        self.tap.sink = sink
        for pool in self._alive():
            swap(pool, self, **overrides(self, pool))

    def adopt(self, sink: Sink) -> None:
        """Tell `sink` of every connection that there is."""
        pool = self.pool
        if pool is None:
            return
        out = list(facts.checked_out(pool))
        told = []
        for record in {id(each): each for each in [*dict(out), *facts.kept(pool)]}.values():
            connection = self.facts_of(record, time.time() - record.starttime)
            sink.known(id(record), connection)
            told.append((record, connection))
        live = sink.live
        for record, fairy in out:
            is_static = isinstance(pool, StaticPool)
            lease = id(fairy) if is_static else id(record)
            if live is not None and lease in live.open:
                continue  # It was taken since the hooks are there.
            ref = self.fairies.follow(fairy) if is_static else weakref.ref(fairy)
            sink.adopted(lease, id(record), ref)
            if record.fairy_ref is None:
                sink.returned(lease)  # It came back before the sink knew it.
        for record, connection in told:
            if record.dbapi_connection is None and record not in facts.kept(pool):
                connection.is_open = False  # It was closed before the sink knew it.
                sink.dropped(id(record))

    def broke(self, where: str, error: BaseException) -> None:
        """Counted; a probe that goes on failing stops itself, and the host goes on."""
        with contextlib.suppress(Exception):
            self._strikes += 1
            self.tap.sink.broke(where, error)
            if self._strikes == _STRIKES:
                self.is_stopped = True
                self.limited = (*self.limited, "everything: the probe failed and was stopped")
                for pool in self._alive():
                    restore(pool)
                self.statements.stop()
                kind = type(error).__name__
                _log.warning("no longer watching a %s: %s at %s", self.kind, kind, where)

    @guarded("failed")
    def failed(self, claim: Claim, error: BaseException) -> None:
        """The host's own exception passes through here on its way."""
        failures.trim(error)
        self.tap.sink.failed(claim, failures.why_failed(error), type(error).__name__)

    def got(self, claim: Claim, record: Any, pool: Pool) -> None:
        """The slow way in, for every sink and every generation of the pool."""
        number = lease = id(record)
        claim[REF] = record.fairy_ref
        claim[PHASES] = claim[PHASES] or self.phases_of(number)
        if pool is not self.pool:
            self.late.add(number)
            number = lease = -number
        self.tap.sink.got(claim, lease, number)

    def returning(self, pool: Pool, record: Any) -> bool:
        """The slow way back, before the pool has it; whether to `settle` afterwards."""
        must_settle = False
        try:
            number = id(record)
            if number in self.late:
                self.late.discard(number)
                self.tap.sink.returned(-number)
                if record.dbapi_connection is not None:
                    self.tap.sink.closed(-number, "pool_closed")
            else:
                must_settle = not self.tap.sink.returned(number)
                if record.dbapi_connection is None:
                    must_settle = self.emptied(pool, record)
        except Exception as error:
            self.broke("return", error)
        return must_settle

    def emptied(self, pool: Pool, record: Any) -> bool:
        """A record comes back without its connection: it was closed before, or is detached."""
        try:
            if facts.is_detaching() and not self.is_stopped:
                self.tap.sink.detached(id(record), keeps_slot=pool is self.pool)
        except Exception as error:
            self.broke("detach", error)
        return True

    @guarded("return")
    def settle(self, pool: Pool, record: Any) -> None:
        """Look whether a record that came back empty, or of a cleared pool, is kept."""
        if pool is not self.pool or self.is_stopped:
            return
        sink, number = self.tap.sink, id(record)
        is_known = sink.live is None or number in sink.live.connections
        if not any(each is record for each in facts.kept(pool)):
            self.opened.pop(number, None)
            self.picked.pop(number, None)
            sink.dropped(number)
        elif record.dbapi_connection is not None or not is_known:
            self.is_cleared = False
            sink.known(number, self.facts_of(record))

    def opening(self, record: Any) -> float:
        """The library calls its creator; answers the time."""
        try:
            self.tap.sink.creating(id(record))
            return self.tap.sink.now()
        except Exception as error:
            self.broke("connecting", error)
            return 0.0

    @guarded("connecting")
    def has_opened(self, record: Any, began: float) -> None:
        """The creator answered."""
        self.opened[id(record)] = self.tap.sink.now() - began

    def phases_of(self, number: int) -> dict[str, float] | None:
        """Seconds of this checkout spent in connecting and in pre-ping."""
        opened = self.opened.pop(number, None)
        picked = self.picked.pop(number, None)
        phases = {} if opened is None else {"connect": opened}
        if picked is not None:
            pinged = self.tap.sink.now() - picked - (opened or 0.0)
            phases["pre_ping"] = max(pinged, 0.0)
        return phases or None

    @guarded("dispose")
    def was_disposed(self, pool: Pool) -> None:
        """Every idle connection was closed; those that are out are no longer the pool's."""
        if pool is self.pool and not self.is_stopped:
            self._clear()

    @guarded("dispose")
    def move_to(self, pool: Pool) -> None:
        """`pool` takes the place of the one that was disposed of."""
        if self.is_stopped:
            return
        if not self.is_cleared:
            self._clear()
        self.is_cleared = False
        self._hook(pool)

    def _clear(self) -> None:
        self.is_cleared = True
        self.events.forget()
        self.tap.sink.cleared()

    def _hook(self, pool: Pool) -> None:
        swap(pool, self, **overrides(self, pool))
        self._pools = [each for each in self._pools if each() is not None]
        self._pools.append(weakref.ref(pool))
        self.statements.follow(pool)

    def _alive(self) -> list[Pool]:
        return [pool for each in self._pools if (pool := each()) is not None]

    def facts_of(self, record: Any, age: float = 0.0) -> Connection:
        """What is known of a record's connection."""
        is_open = record.dbapi_connection is not None
        self.records[id(record)] = record
        now = self.tap.sink.now()
        connection = Connection(
            now - age if is_open else now,
            create_time=self.opened.get(id(record)),
            backend_pid=facts.backend_pid(record) if is_open else None,
        )
        connection.is_open, connection.loop = is_open, facts.loop_of(record)
        return connection
