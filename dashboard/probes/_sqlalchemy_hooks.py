"""The methods of a watched SQLAlchemy pool's swapped class.

`_connect_live` and `_return_live` are what a checkout pays for; `make bench` counts them.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import Pool, SingletonThreadPool, StaticPool
from sqlalchemy.pool.base import _ConnectionFairy

from ..model.claim import CONNECTION, GOT, LOST, PHASES, REASON, REF, RETURNED, Claim, new_claim
from ..model.origin import SETTING
from ..model.ports import Live
from ._sqlalchemy_static import connect_static, return_static
from ._walks import getcurrent
from .frames import NOWHERE, getframe
from .owners import NOBODY, of_task, per_thread, running_loop, tasks

if TYPE_CHECKING:
    from .sqlalchemy import Probe


def overrides(probe: "Probe", pool: Pool) -> dict[str, Any]:
    """The methods of the swapped class; each calls the library's own with the same arguments."""
    kind = pool.__class__
    live = probe.tap.sink.live
    methods: dict[str, Any] = {
        "_invoke_creator": _invoke_creator(probe),
        "dispose": _dispose(probe, kind),
        "recreate": _recreate(probe, kind),
        "_close_connection": _close_connection(probe, kind),
    }
    if pool._pre_ping:
        methods["_do_get"] = _do_get(probe, kind)
    if isinstance(pool, StaticPool):
        methods["connect"] = connect_static(probe, kind, asked)
        return methods | {"_do_return_conn": return_static(probe, kind)}
    if live is not None and not isinstance(pool, SingletonThreadPool):
        methods["connect"] = _connect_live(probe, kind, live)
        return methods | _return_live(probe, kind, live)
    methods["connect"] = _connect(probe, kind)
    return methods | {"_do_return_conn": _do_return_conn(probe, kind)}


def _connect_live(probe: "Probe", kind: type[Pool], live: Live) -> Callable[[Pool], Any]:  # noqa: PLR0915
    """`connect` that writes the sink's tables itself: here every instruction is paid for."""
    is_plain = _passes_on(kind.connect, Pool.connect, "_checkout")
    checkout: Callable[[Pool], Any] = _ConnectionFairy._checkout if is_plain else kind.connect
    locator, sink = probe.tap.locator, probe.tap.sink
    now, pending, holders, connections = sink.now, live.pending, live.open, live.connections
    setting, opened, picked = SETTING.get, probe.opened, probe.picked
    ref_at, connection_at, got_at = REF, CONNECTION, GOT
    greenlet: Any = getcurrent

    def connect(self: Pool) -> Any:
        try:
            # That no task runs anywhere is known for 10; asking for the running loop takes 460.
            owner = of_task() if tasks else per_thread.owner
            base, out, depth, sites = locator.last
            frame = getframe(depth)
            code = frame.f_code
            if base is None:
                site = sites.get(id(code) + frame.f_lasti)
            elif code is base and frame.f_back is None:
                frame = out(greenlet())
                code = frame.f_code
                site = sites.get(id(code) + frame.f_lasti)
            else:
                site = None
            del frame
            if site is None or site.code is not code:
                site = locator.search()
            claim = [now(), site, owner, setting(), None, None, None, None, None, None, None, None]
        except Exception as error:
            claim = _slow_claim(probe, error)
        number = id(claim)
        pending[number] = claim
        try:
            fairy: Any = checkout(self)
        except BaseException as error:
            probe.failed(claim, error)
            raise
        try:
            record = fairy._connection_record
            claim[ref_at] = record.fairy_ref
            del pending[number]
            number = record._pool_dashboard
            if opened or picked:
                claim[PHASES] = probe.phases_of(number)
            facts = connections[number]
            facts.uses += 1
            claim[connection_at] = facts
            claim[got_at] = now()
            holders[number] = claim
        except (AttributeError, KeyError):  # A connection that was not met before.
            _got(probe, claim, fairy, self)
        except Exception as error:
            probe.broke("connect", error)
        return fairy

    return connect


def _return_live(probe: "Probe", kind: type[Pool], live: Live) -> dict[str, Any]:
    """The way back of `_connect_live`."""
    plain = kind._do_return_conn
    holders, rows, end, now = live.open, live.rows, live.rows.extend, probe.tap.sink.now
    full, returned_at, ref_at = live.full, RETURNED, REF

    def _do_return_conn(self: Pool, record: Any) -> None:
        try:
            claim = holders.pop(record._pool_dashboard, None)
        except AttributeError:
            claim = holders.pop(id(record), None)
        if claim is None:  # Of a cleared pool, or of a checkout that fails half-way.
            must_settle = probe.returning(self, record)
        else:
            try:
                claim[returned_at] = now()
                fairy = claim[ref_at]
                if fairy() is None:
                    claim[REASON] = LOST
                end(claim)
                if len(rows) >= full:
                    live.look()
            except Exception as error:
                probe.broke("return", error)
            must_settle = record.dbapi_connection is None and probe.emptied(self, record)
        plain(self, record)
        if must_settle:
            probe.settle(self, record)

    is_plain = _passes_on(kind._return_conn, Pool._return_conn, "_do_return_conn")
    names = ["_do_return_conn", "_return_conn"] if is_plain else ["_do_return_conn"]
    return dict.fromkeys(names, _do_return_conn)


def _passes_on(method: Any, plain: Any, name: str) -> bool:
    """Whether a method is the library's own and only calls `name`: if we do, that saves 600."""
    return method is plain and plain.__code__.co_names[-1] == name


def _slow_claim(probe: "Probe", error: Exception) -> Claim:
    """For a stack that is shorter than the last one, or when the quick way failed."""
    sink = probe.tap.sink
    try:
        if isinstance(error, (ValueError, AttributeError)):
            owner = of_task() if running_loop() else per_thread.owner
            return new_claim(sink.now(), probe.tap.locator.search(2), owner, SETTING.get())
        probe.broke("origin", error)
        return new_claim(sink.now(), NOWHERE, NOBODY, None)
    except Exception as worse:
        probe.broke("origin", worse)
        return new_claim(time.monotonic(), NOWHERE, NOBODY, None)


def _got(probe: "Probe", claim: Claim, fairy: Any, pool: Pool) -> None:
    try:
        record = fairy._connection_record
        probe.got(claim, record, pool)
        # What `id()` gives, at a fifth of the price, and found in tables by identity: 800 a pair.
        record._pool_dashboard = id(record)
    except Exception as error:
        probe.broke("connect", error)


def asked(probe: "Probe") -> Claim:
    try:
        return probe.tap.asked(1)
    except Exception as error:
        probe.broke("origin", error)
        return new_claim(time.monotonic(), NOWHERE, NOBODY, None)


def _connect(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    """`connect` for any sink."""
    plain = kind.connect
    is_per_thread = issubclass(kind, SingletonThreadPool)

    def connect(self: Pool) -> Any:
        if is_per_thread and _has_one(self):
            return plain(self)
        claim = asked(probe)
        try:
            fairy: Any = plain(self)
        except BaseException as error:
            probe.failed(claim, error)
            raise
        _got(probe, claim, fairy, self)
        return fairy

    return connect


def _has_one(pool: Any) -> bool:
    """SingletonThreadPool gives a thread the fairy that it already has: one checkout, not two."""
    current = getattr(pool._fairy, "current", None)
    return current is not None and current() is not None


def _do_return_conn(probe: "Probe", kind: type[Pool]) -> Callable[[Pool, Any], None]:
    plain = kind._do_return_conn

    def _do_return_conn(self: Pool, record: Any) -> None:
        must_settle = probe.returning(self, record)
        plain(self, record)
        if must_settle:
            probe.settle(self, record)

    return _do_return_conn


def _do_get(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    plain = kind._do_get

    def _do_get(self: Pool) -> Any:
        record: Any = plain(self)
        try:
            if record.dbapi_connection is not None and not record.fresh:
                probe.picked[id(record)] = probe.tap.sink.now()
        except Exception as error:
            probe.broke("pre-ping", error)
        return record

    return _do_get


def _invoke_creator(probe: "Probe") -> property:
    """Connecting is timed where the pool keeps its creator; a property outranks the instance."""
    name = "_invoke_creator"

    def read(self: Pool) -> Callable[[Any], Any]:
        if name not in vars(self):
            raise AttributeError(name)
        creator = vars(self)[name]

        def create(record: Any) -> Any:
            began = probe.opening(record)
            connection = creator(record)
            probe.has_opened(record, began)
            return connection

        return create

    def write(self: Pool, creator: Callable[[Any], Any]) -> None:
        vars(self)[name] = creator

    def delete(self: Pool) -> None:
        del vars(self)[name]

    return property(read, write, delete)


def _close_connection(probe: "Probe", kind: type[Pool]) -> Callable[..., None]:
    plain = kind._close_connection

    def _close_connection(self: Pool, connection: Any, **how: bool) -> None:
        probe.events.was_stranded(connection)
        plain(self, connection, **how)

    return _close_connection


def _dispose(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], None]:
    plain = kind.dispose

    def dispose(self: Pool) -> None:
        plain(self)
        probe.was_disposed(self)

    return dispose


def _recreate(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Pool]:
    plain = kind.recreate

    def recreate(self: Pool) -> Pool:
        pool = plain(self)
        probe.move_to(pool)
        return pool

    return recreate
