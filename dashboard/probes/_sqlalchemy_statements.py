"""Statements on a watched SQLAlchemy pool: told by the dialect, by the class of that one object.

Read in 2.0 and 2.1: all that a Connection executes goes through its dialect's `do_execute`,
`do_executemany` or `do_execute_no_params`, once for each batch, and a pool knows the dialect of its
engine. Listening to the engine would tell the same, but an engine that has listeners takes another
way: 17,000 instructions more for a checkout without a statement, 160,000 for one with a statement.
"""

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import Pool, StaticPool

from ..model.claim import Use
from ._sqlalchemy_events import guarded
from ._sqlalchemy_uses import by_cursors, by_driver
from ._using import begins, ends, is_running, is_unprepared
from .swap import probe_of, restore, swap

if TYPE_CHECKING:
    from .sqlalchemy import Probe

_ALL: Final = ("do_execute", "do_executemany", "do_execute_no_params")
_WORDS: Final = ("self", "cursor", "statement", "parameters", "context")
#: A fairy's lease in its pool; AttributeError for what has none.
_Leases = Callable[[Any], int]


class Statements:
    """What is executed on the connections of one pool."""

    def __init__(self, probe: "Probe") -> None:
        """Nothing is told before `follow`."""
        self._probe = probe
        #: Statements that failed because another connection had prepared them.
        self.unprepared = 0
        self._dialects: list[weakref.ref[Any]] = []
        #: Executions whose cursor the server keeps open, by lease.
        self.streams: dict[int, list[weakref.ref[Any]]] = {}

    @property
    def is_seeing(self) -> bool:
        """Whether statements are told; a pool that no engine has executes none."""
        return any(probe_of(each()) is self._probe for each in self._dialects)

    def broke(self, where: str, error: BaseException) -> None:
        """The probe counts."""
        self._probe.broke(where, error)

    @guarded("statements")
    def follow(self, pool: Pool) -> None:
        """Tell what is executed on a pool's connections, if an engine has it by now.

        A dialect that serves two watched pools tells only the first.
        """
        dialect = pool._dialect
        if not isinstance(dialect, DefaultDialect):
            return
        other = probe_of(dialect)
        if other is None or (other is not self._probe and other.is_gone):
            swap(dialect, self._probe, **self._overrides(pool, dialect.__class__))
            self._dialects.append(weakref.ref(dialect))

    def stop(self) -> None:
        """Put the classes back."""
        for each in self._dialects:
            dialect = each()
            if probe_of(dialect) is self._probe:
                restore(dialect)

    @guarded("stream")
    def keep(self, lease: int, context: Any) -> None:
        """The server keeps a cursor open for this execution."""
        kept = [each for each in self.streams.get(lease, ()) if each() is not None]
        self.streams[lease] = [*kept, weakref.ref(context)]

    def kept_by(self, lease: int) -> str:
        """What keeps the connection of a lease in use, asked when somebody looks."""
        streams = self.streams.get(lease)
        if streams is not None:
            kept = by_cursors(streams)
            if kept:
                return kept
            self.streams.pop(lease, None)
        probe = self._probe
        if is_running(probe.tap.sink, lease):
            return ""
        records = probe.records
        # The lease of a StaticPool is a fairy, and all of them share one record.
        record = records.get(abs(lease)) or next(iter(records.values()), None)
        return by_driver(record.driver_connection) if record is not None else ""

    def _overrides(self, pool: Pool, kind: type[Any]) -> dict[str, Any]:
        leases = id if isinstance(pool, StaticPool) else _leases(self._probe.late)
        methods = {name: _execute(self, self._probe, getattr(kind, name), leases) for name in _ALL}
        if _words(kind.do_execute) == _WORDS:
            methods["do_execute"] = _execute_one(self, self._probe, kind.do_execute, leases)
        # Not `do_rollback`: the pool calls that for each connection that comes back.
        return methods | {"do_commit": _commit(self._probe, kind.do_commit, leases)}


def _leases(late: set[int]) -> _Leases:
    def lease_of(fairy: Any) -> int:
        record = fairy._connection_record
        try:
            number: int = record._pool_dashboard
        except AttributeError:  # It was out before the watch began.
            number = id(record)
        return -number if number in late else number

    return lease_of


def _words(method: Any) -> tuple[str, ...]:
    """The names of its arguments; none where nobody knows them."""
    code = getattr(method, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code is not None else ()


def _execute_one(statements: Statements, probe: "Probe", plain: Any, leases: _Leases) -> Any:
    """Nearly every statement: with words of its own, for packing and unpacking takes 2,000."""
    tap = probe.tap

    def do_execute(
        self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None
    ) -> Any:
        lease: int | None = None
        use: Use | None = None
        try:
            lease = leases(context.root_connection._dbapi_connection)
            use = begins(tap.sink, lease)
            if context._is_server_side:
                statements.keep(lease, context)
        except AttributeError:  # Executed by somebody else than a Connection.
            pass
        except Exception as error:
            probe.broke("statement", error)
        try:
            return plain(self, cursor, statement, parameters, context)
        except Exception as error:
            statements.unprepared += is_unprepared(error)
            raise
        finally:
            if lease is not None:
                ends(tap.sink, lease, use)

    return do_execute


def _execute(statements: Statements, probe: "Probe", plain: Any, leases: _Leases) -> Any:
    """Whatever words a method has."""
    tap = probe.tap

    def do_execute(self: Any, *args: Any, **given: Any) -> Any:
        lease: int | None = None
        use: Use | None = None
        try:
            context = given["context"] if "context" in given else args[-1]
            lease = leases(context.root_connection._dbapi_connection)
            use = begins(tap.sink, lease)
            if context._is_server_side:
                statements.keep(lease, context)
        except (AttributeError, IndexError):
            pass
        except Exception as error:
            probe.broke("statement", error)
        try:
            return plain(self, *args, **given)
        except Exception as error:
            statements.unprepared += is_unprepared(error)
            raise
        finally:
            if lease is not None:
                ends(tap.sink, lease, use)

    return do_execute


def _commit(probe: "Probe", plain: Any, leases: _Leases) -> Any:
    tap = probe.tap

    def do_commit(self: Any, dbapi_connection: Any) -> None:
        lease: int | None = None
        use: Use | None = None
        with suppress(AttributeError):  # Of a connection that is none of a pool.
            lease = leases(dbapi_connection)
            use = begins(tap.sink, lease, counts=False)
        try:
            plain(self, dbapi_connection)
        finally:
            if lease is not None:
                ends(tap.sink, lease, use)

    return do_commit
