"""SQLAlchemy pools, sync and async: connect and return by the pool's own class, the rest by events.

Read in 2.1.9 and 2.0: every return of a slot, also by the garbage collector and by `detach()`,
goes through `Pool._do_return_conn`; every new connection through `Pool._invoke_creator`.
"""

import contextlib
import sys
import time
import weakref
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, Final

from sqlalchemy import Engine, event, exc
from sqlalchemy.pool import (
    AssertionPool,
    AsyncAdaptedQueuePool,
    Pool,
    QueuePool,
    SingletonThreadPool,
    StaticPool,
)
from sqlalchemy.pool.base import _finalize_fairy

from ..model.claim import Connection
from ..model.ports import Sink
from ._sqlalchemy_hooks import overrides
from .swap import restore, swap
from .tap import Tap

LIBRARY: Final = "sqlalchemy"

#: Which of the library's functions is closing a connection, and what that means.
_CLOSERS: Final = {
    "invalidate": "error",
    "get_connection": "stale",
    "dispose": "pool_closed",
    "_do_return_conn": "idle",
    "_cleanup": "idle",
}
_CLOSER_DEPTH: Final = 12
_BACKENDS: Final = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "sqlite": "SQLite",
    "oracle": "Oracle",
    "mssql": "SQL Server",
}


def pool_of(target: object) -> Pool | None:
    """The pool behind an Engine, AsyncEngine or Pool; None for anything else."""
    engine = getattr(target, "sync_engine", target)
    if isinstance(engine, Engine):
        return engine.pool
    return target if isinstance(target, Pool) else None


def attach(target: object, sink: Sink) -> "Probe":
    """Watch the pool behind `target`, live or fresh."""
    pool = pool_of(target)
    assert pool is not None
    return Probe(pool, sink, getattr(target, "sync_engine", target))


class Probe:
    """One watched pool, also over `engine.dispose()`."""

    library = LIBRARY

    def __init__(self, pool: Pool, sink: Sink, engine: object) -> None:
        """Hook `pool`; `engine` names the database."""
        self.tap = Tap(sink)
        self.limited: tuple[str, ...] = ()
        self.kind = type(pool).__name__
        self.backend, self.address = _place(engine, pool)
        self._pools: list[weakref.ref[Pool]] = []
        self._is_cleared = self._is_stopped = False
        #: Seconds that opening took, by record, until a claim takes them.
        self.opened: dict[int, float] = {}
        #: When a record left the queue, by record: what follows is pre-ping.
        self.picked: dict[int, float] = {}
        #: Records by the identity of the connection that was detached from them.
        self._detached: dict[int, int] = {}
        self._listeners = (
            ("connect", self._on_connect),
            ("close", self._on_close),
            ("detach", self._on_detach),
            ("close_detached", self._on_close_detached),
        )
        for name, listener in self._listeners:
            event.listen(pool, name, listener)
        self._hook(pool)
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
        self._is_stopped = True
        for pool in filter(None, (each() for each in self._pools)):
            restore(pool)
            for name, listener in self._listeners:
                # A new generation's listeners are copies: removed with the first's.
                with contextlib.suppress(exc.InvalidRequestError):
                    event.remove(pool, name, listener)

    def settings(self) -> Mapping[str, object]:
        """Options of `create_engine`, as they are in force."""
        pool = self.pool
        return {} if pool is None else _settings(pool)

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """Size, max and idle_min; a QueuePool opens lazily, so idle_min is None."""
        pool = self.pool
        if isinstance(pool, QueuePool):
            size, overflow = pool.size(), pool._max_overflow
            return size, (None if overflow == -1 else size + overflow), None
        if isinstance(pool, SingletonThreadPool):
            return pool.size, None, None
        if isinstance(pool, StaticPool):
            return 1, None, None
        return (1, 1, None) if isinstance(pool, AssertionPool) else (None, None, None)

    def own_counts(self) -> tuple[int, int] | None:
        """`checkedout()` and `checkedin()`; only queue pools count."""
        pool = self.pool
        if not isinstance(pool, QueuePool):
            return None
        queue: Any = pool._pool
        if isinstance(pool, AsyncAdaptedQueuePool) and "_queue" not in vars(queue):
            return 0, 0  # Reading it would create it, bound to the reader's event loop.
        return pool.checkedout(), pool.checkedin()

    def _hook(self, pool: Pool) -> None:
        swap(pool, self, **overrides(self, pool))
        self._pools = [each for each in self._pools if each() is not None]
        self._pools.append(weakref.ref(pool))

    def was_disposed(self, pool: Pool) -> None:
        """Every idle connection was closed; those that are out are no longer the pool's."""
        if pool is self.pool and not self._is_stopped:
            self._is_cleared = True
            self.tap.sink.cleared()

    def move_to(self, pool: Pool) -> None:
        """`pool` takes the place of the one that was disposed of."""
        if self._is_stopped:
            return
        if not self._is_cleared:
            self.tap.sink.cleared()
        self._is_cleared = False
        self._hook(pool)

    def settle(self, pool: Pool, record: Any) -> None:
        """A record without a connection, or of a cleared pool, was returned: is it kept?"""
        try:
            if pool is not self.pool or self._is_stopped:
                return
            if not any(each is record for each in _idle(pool)):
                self.tap.sink.dropped(id(record))
            elif record.dbapi_connection is not None:
                facts = Connection(self.tap.sink.now(), backend_pid=_backend_pid(record))
                self.tap.sink.known(id(record), facts)
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            self.tap.sink.broke("return", error)

    def phases_of(self, number: int) -> dict[str, float] | None:
        """Seconds of this checkout spent in connecting and in pre-ping."""
        opened = self.opened.pop(number, None)
        picked = self.picked.pop(number, None)
        phases = {} if opened is None else {"connect": opened}
        if picked is not None:
            pinged = self.tap.sink.now() - picked - (opened or 0.0)
            if opened is None or pinged > 0:
                phases["pre_ping"] = pinged
        return phases or None

    def point_at(self, sink: Sink) -> None:
        """From here on everything goes to `sink`: hooks are made for their sink."""
        self.tap.sink = sink
        for pool in filter(None, (each() for each in self._pools)):
            restore(pool)
            swap(pool, self, **overrides(self, pool))

    def adopt(self, sink: Sink) -> None:
        """Tell `sink` of every connection that there is."""
        pool = self.pool
        if pool is None:
            return
        out = {id(record): (record, fairy) for record, fairy in _checked_out(pool)}
        for record in (*(record for record, _ in out.values()), *_idle(pool)):
            age = time.time() - record.starttime
            facts = Connection(sink.now() - age, backend_pid=_backend_pid(record))
            sink.known(id(record), facts)
        for number, (record, fairy) in out.items():
            lease = id(fairy) if isinstance(pool, StaticPool) else number
            sink.adopted(lease, number, weakref.ref(fairy))

    def _on_connect(self, _: object, record: Any) -> None:
        if self._is_stopped:
            return
        try:
            took = self.opened.get(id(record))
            facts = Connection(
                self.tap.sink.now(), create_time=took, backend_pid=_backend_pid(record)
            )
            self.tap.sink.created(id(record), facts)
        except Exception as error:  # noqa: BLE001
            self.tap.sink.broke("connect event", error)

    def _on_close(self, _: object, record: Any) -> None:
        if self._is_stopped:
            return
        try:
            reason = _why_closed()
            # After these the record stays in the pool and counts as checked in.
            self.tap.sink.closed(id(record), reason, keeps_slot=reason in {"error", "stale"})
        except Exception as error:  # noqa: BLE001
            self.tap.sink.broke("close event", error)

    def _on_detach(self, connection: object, record: Any) -> None:
        if not self._is_stopped:
            self._detached[id(connection)] = id(record)
            self.tap.sink.detached(id(record), keeps_slot=True)

    def _on_close_detached(self, connection: object) -> None:
        number = self._detached.pop(id(connection), None)
        if number is not None and not self._is_stopped:
            self.tap.sink.closed(number, "detached")


def _why_closed() -> str:
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_CLOSER_DEPTH):
        if frame is None:
            break
        reason = _CLOSERS.get(frame.f_code.co_name)
        if reason is not None:
            return reason
        frame = frame.f_back
    return "idle"


def _checked_out(pool: Pool) -> Iterator[tuple[Any, Any]]:
    """Records that are out and their fairies, from the finalizers that guard each fairy."""
    for info in list(weakref.finalize._registry.values()):  # type: ignore[attr-defined]
        if info.func is _finalize_fairy and info.args[2] is pool:
            fairy = info.weakref()
            if fairy is not None and fairy.dbapi_connection is not None:
                yield info.args[1], fairy


def _idle(pool: Pool) -> list[Any]:
    """Records that wait in the pool, by the kind of pool."""
    if isinstance(pool, QueuePool):
        queue: Any = pool._pool
        if isinstance(pool, AsyncAdaptedQueuePool):
            inner = vars(queue).get("_queue")
            return list(inner._queue) if inner is not None else []
        return list(queue.queue)
    if isinstance(pool, StaticPool):
        return [record] if (record := vars(pool).get("connection")) is not None else []
    if isinstance(pool, SingletonThreadPool):
        return list(pool._all_conns)
    return [pool._conn] if isinstance(pool, AssertionPool) and pool._conn is not None else []


def _backend_pid(record: Any) -> int | None:
    """The server's process behind a connection, where the driver knows it without asking."""
    driver = record.driver_connection
    for name in ("get_server_pid", "get_backend_pid", "thread_id"):
        ask = getattr(driver, name, None)
        if callable(ask):
            pid = ask()
            return pid if isinstance(pid, int) else None
    pid = getattr(getattr(driver, "info", None), "backend_pid", None)
    return pid if isinstance(pid, int) else None


def _place(engine: object, pool: Pool) -> tuple[str, str]:
    """The database's kind and its `host:port/database`, never user, password or query."""
    name = getattr(pool._dialect, "name", "")
    backend = _BACKENDS.get(name, name)
    if not isinstance(engine, Engine):
        return backend, ""
    url = engine.url
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return backend, f"{host}/{url.database}" if url.database and host else url.database or host


def _settings(pool: Pool) -> dict[str, object]:
    settings: dict[str, object] = {"poolclass": pool.__class__.__name__}
    if isinstance(pool, QueuePool):
        settings |= {
            "pool_size": pool.size(),
            "max_overflow": pool._max_overflow,
            "pool_timeout": pool._timeout,
            "pool_use_lifo": pool._pool.use_lifo,
        }
    elif isinstance(pool, SingletonThreadPool):
        settings["pool_size"] = pool.size
    return settings | {
        "pool_recycle": pool._recycle,
        "pool_pre_ping": pool._pre_ping,
        "pool_reset_on_return": pool._reset_on_return.name.removeprefix("reset_"),
    }
