"""The methods of a watched SQLAlchemy pool's swapped class.

`_connect_live` and `_return_live` are what a checkout pays for; `make bench` counts them.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exc
from sqlalchemy.pool import Pool, SingletonThreadPool, StaticPool

from ..model.claim import CONNECTION, GOT, LOST, PHASES, REASON, REF, RETURNED, Claim, new_claim
from ..model.origin import SETTING
from ..model.ports import Live
from .frames import NOWHERE, getframe
from .owners import NOBODY, of_task, per_thread, running_loop
from .swap import swap
from .tap import Tap

if TYPE_CHECKING:
    from .sqlalchemy import Probe

_CANCELLED: Final = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)


def overrides(probe: "Probe", pool: Pool) -> dict[str, Any]:
    """The methods of the swapped class; each calls the library's own with the same arguments."""
    kind = type(pool)
    live = probe.tap.sink.live
    methods: dict[str, Any] = {
        "_invoke_creator": _invoke_creator(probe),
        "dispose": _dispose(probe, kind),
        "recreate": _recreate(probe, kind),
    }
    if pool._pre_ping:
        methods["_do_get"] = _do_get(probe, kind)
    if isinstance(pool, StaticPool):
        return methods | {"connect": _connect_static(probe, kind)}
    if isinstance(pool, SingletonThreadPool):
        methods["connect"] = _connect_thread(probe, kind)
    elif live is not None:
        methods["connect"] = _connect_live(probe, kind, live)
        return methods | {"_do_return_conn": _return_live(probe, kind, live)}
    else:
        methods["connect"] = _connect(probe, kind)
    return methods | {"_do_return_conn": _do_return_conn(probe, kind)}


def _connect_live(probe: "Probe", kind: type[Pool], live: Live) -> Callable[[Pool], Any]:
    """`connect` that writes the sink's tables itself: here every instruction is paid for.

    Callables are read into locals first: a call through an attribute is looked up as a method.
    """
    plain = kind.connect
    locator, sink = probe.tap.locator, probe.tap.sink
    now, pending, holders, connections = sink.now, live.pending, live.open, live.connections
    setting, opened, picked = SETTING.get, probe.opened, probe.picked

    def connect(self: Pool) -> Any:
        try:
            owner = of_task() if running_loop() else per_thread.owner
            frame = getframe(locator.depth)
            code = frame.f_code
            site = locator.sites.get(id(code) + frame.f_lasti)
            if site is None or site.code is not code:
                site = locator.search()
            claim = [now(), site, owner, setting(), None, None, None, None, None, None, None]
        except ValueError:  # A shorter stack than the last one.
            claim = new_claim(now(), locator.search(), owner, setting())
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            sink.broke("origin", error)
            claim = new_claim(now(), NOWHERE, NOBODY, None)
        number = id(claim)
        pending[number] = claim
        try:
            fairy: Any = plain(self)
        except BaseException as error:
            sink.failed(claim, _why_failed(error), type(error).__name__)
            raise
        try:
            record = fairy._connection_record
            claim[REF] = record.fairy_ref
            del pending[number]
            number = id(record)
            if opened or picked:
                claim[PHASES] = probe.phases_of(number)
            facts = connections[number]
            facts.uses += 1
            claim[CONNECTION] = facts
            claim[GOT] = now()
            holders[number] = claim
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            sink.broke("connect", error)
        return fairy

    return connect


def _return_live(probe: "Probe", kind: type[Pool], live: Live) -> Callable[[Pool, Any], None]:
    """The way back of `_connect_live`."""
    plain = kind._do_return_conn
    holders, end, now = live.open, live.ended.append, probe.tap.sink.now

    def _do_return_conn(self: Pool, record: Any) -> None:
        claim = holders.pop(id(record), None)
        if claim is None:  # Of a cleared pool, or of a checkout that fails half-way.
            _return(probe, plain, self, record)
            return
        claim[RETURNED] = at = now()
        fairy = claim[REF]
        if fairy() is None:
            claim[REASON] = LOST
        end(claim)
        if at >= live.look_at:
            live.look(at)
        plain(self, record)
        if record.dbapi_connection is None:
            probe.settle(self, record)

    return _do_return_conn


def _connect(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    """`connect` for any sink."""
    plain = kind.connect
    tap = probe.tap

    def take(claim: Claim, fairy: Any) -> None:
        record = fairy._connection_record
        number = id(record)
        claim[REF] = record.fairy_ref
        claim[PHASES] = probe.phases_of(number)
        tap.sink.got(claim, number, number)

    return _connect_taking(tap, plain, take)


def _return(probe: "Probe", plain: Callable[[Pool, Any], None], pool: Pool, record: Any) -> None:
    is_current = probe.tap.sink.returned(id(record))
    plain(pool, record)
    if record.dbapi_connection is None or not is_current:
        probe.settle(pool, record)


def _connect_taking(
    tap: Tap, plain: Callable[[Pool], Any], take: Callable[[Claim, Any], None]
) -> Callable[[Pool], Any]:
    def connect(self: Pool) -> Any:
        claim = tap.asked()
        try:
            fairy: Any = plain(self)
        except BaseException as error:
            tap.sink.failed(claim, _why_failed(error), type(error).__name__)
            raise
        try:
            take(claim, fairy)
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            tap.sink.broke("connect", error)
        return fairy

    return connect


def _connect_thread(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    """SingletonThreadPool gives a thread the fairy that it already has: one checkout, not two."""
    tap = probe.tap

    def take(claim: Claim, fairy: Any) -> None:
        if fairy._counter > 1:
            tap.sink.withdrawn(claim)
            return
        number = id(fairy._connection_record)
        claim[REF] = fairy._connection_record.fairy_ref
        claim[PHASES] = probe.phases_of(number)
        tap.sink.got(claim, number, number)

    return _connect_taking(tap, kind.connect, take)


def _connect_static(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    """StaticPool: many fairies of one record, of which the pool sees only the last return."""
    tap = probe.tap
    out: set[int] = set()

    def give_back(lease: int) -> None:
        if lease in out:
            out.discard(lease)
            tap.sink.returned(lease)

    def take(claim: Claim, fairy: Any) -> None:
        lease = id(fairy)
        claim[REF] = weakref.ref(fairy, lambda _: give_back(lease))
        plain = type(fairy)._checkin

        def _checkin(fairy: Any, transaction_was_reset: bool = False) -> None:  # noqa: FBT001, FBT002
            plain(fairy, transaction_was_reset)
            give_back(lease)

        swap(fairy, probe, _checkin=_checkin)
        out.add(lease)
        claim[PHASES] = probe.phases_of(id(fairy._connection_record))
        tap.sink.got(claim, lease, id(fairy._connection_record))

    return _connect_taking(tap, kind.connect, take)


def _do_return_conn(probe: "Probe", kind: type[Pool]) -> Callable[[Pool, Any], None]:
    plain = kind._do_return_conn

    def _do_return_conn(self: Pool, record: Any) -> None:
        _return(probe, plain, self, record)

    return _do_return_conn


def _do_get(probe: "Probe", kind: type[Pool]) -> Callable[[Pool], Any]:
    plain = kind._do_get
    picked, now = probe.picked, probe.tap.sink.now

    def _do_get(self: Pool) -> Any:
        record = plain(self)
        picked[id(record)] = now()
        return record

    return _do_get


def _invoke_creator(probe: "Probe") -> property:
    """Connecting is timed where the pool keeps its creator; a property outranks the instance."""
    tap = probe.tap

    def read(self: Pool) -> Callable[[Any], Any]:
        creator = vars(self)["_invoke_creator"]

        def create(record: Any) -> Any:
            tap.sink.creating(id(record))
            began = tap.sink.now()
            connection = creator(record)
            probe.opened[id(record)] = tap.sink.now() - began
            return connection

        return create

    def write(self: Pool, creator: Callable[[Any], Any]) -> None:
        vars(self)["_invoke_creator"] = creator

    return property(read, write)


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


def _why_failed(error: BaseException) -> str:
    if isinstance(error, exc.TimeoutError | AssertionError):
        return "timeout"  # AssertionPool does not wait: its limit is reached at once.
    return "cancelled" if isinstance(error, _CANCELLED) else "connection_error"
