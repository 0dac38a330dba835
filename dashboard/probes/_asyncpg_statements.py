"""Statements on a watched asyncpg pool: by the class of each connection's protocol.

Read in 0.30 to 0.32: whatever a connection, a prepared statement, a cursor, a transaction or a COPY
has to ask the server is one call of a coroutine of the protocol, which nobody else calls. The
library's own query loggers see neither cursors nor COPY, and nothing while it runs.
"""

from contextlib import suppress
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from ._classes import Classes
from ._using import begins, ends, is_running, is_unprepared

if TYPE_CHECKING:
    from .asyncpg import Probe

#: Statements, and what takes the server's time without being one.
_COUNTED: Final = ("query", "bind_execute", "bind_execute_many", "bind", "copy_in", "copy_out")
_REST: Final = ("prepare", "execute", "close_portal")
_COPIES: Final = ("copy_in", "copy_out")
_BIND_EXECUTE: Final = ["state", "args", "portal_name", "limit", "return_extra", "timeout"]
#: Set on a protocol: the lease of its holder, its portals, whether it copies.
_LEASE: Final = "_pool_dashboard_lease"
_PORTALS: Final = "_pool_dashboard_portals"
_COPYING: Final = "_pool_dashboard_copying"


class Statements:
    """What is executed on the connections of one pool."""

    def __init__(self, probe: "Probe") -> None:
        """Nothing is told before `follow`."""
        self._probe = probe
        #: Statements that failed because another connection had prepared them.
        self.unprepared = 0
        self._classes = Classes(probe, partial(_overrides, self, probe))

    @property
    def is_seeing(self) -> bool:
        """Whether statements can be told."""
        return self._classes.is_able

    def follow(self, connection: Any) -> None:
        """Tell what is executed on a connection from here on."""
        if connection._protocol is not None:
            self._classes.give(connection._protocol)

    def stop(self, pool: Any) -> None:
        """Put the classes back."""
        for holder in pool._holders:
            protocol = getattr(holder._con, "_protocol", None)
            self._classes.take_back(protocol, _LEASE, _PORTALS, _COPYING)

    def lease_in_use(self, protocol: Any) -> int:
        """Which holder's it is, for as long as somebody has that; 0 for the pool's own calls."""
        try:
            lease: int = protocol._pool_dashboard_lease
        except AttributeError:
            lease = self._find(protocol)
        if lease in self._probe.releasing:  # The pool resets what it got back.
            vars(protocol).pop(_PORTALS, None)
            return 0
        return lease

    def _find(self, protocol: Any) -> int:
        """The holder whose it is: for good, once that has its connection."""
        with suppress(Exception):
            for holder in self._probe.pool._holders:
                if getattr(holder._con, "_protocol", None) is protocol:
                    setattr(protocol, _LEASE, id(holder))
                    return id(holder)
        return 0

    def kept_by(self, holder: Any) -> str:
        """What keeps a holder's connection in use, asked when somebody looks."""
        connection = holder._con
        if connection._listeners or connection._log_listeners:
            return "listeners"
        protocol = connection._protocol
        noted = vars(protocol)
        if noted.get(_COPYING):
            return "a COPY"
        if protocol.is_in_transaction() and any(
            state.refs for state in [*noted.get(_PORTALS, {}).values()]
        ):
            return "a cursor"
        is_unseen = not is_running(self._probe.tap.sink, id(holder))
        return "a statement" if is_unseen and connection._stmt_exclusive_section._acquired else ""


def _overrides(statements: Statements, probe: "Probe", kind: Any) -> dict[str, Any]:
    methods = {name: getattr(kind, name) for name in (*_COUNTED, *_REST) if hasattr(kind, name)}
    return {name: _told(statements, probe, plain, name) for name, plain in methods.items()}


def _told(statements: Statements, probe: "Probe", plain: Any, name: str) -> Any:
    """Around one of the protocol's coroutines."""
    if name == "query":
        return _query(statements, probe, plain)
    if name == "bind_execute" and _words(plain) == _BIND_EXECUTE:
        return _bind_execute(statements, probe, plain)
    tap, counts, note, is_copy = probe.tap, name in _COUNTED, _NOTES.get(name), name in _COPIES

    async def call(self: Any, *args: Any, **given: Any) -> Any:
        lease = statements.lease_in_use(self)
        use = begins(tap.sink, lease, counts=counts) if lease else None
        if note is not None:
            with suppress(AttributeError, IndexError):  # Another version's words.
                note(vars(self), args, given)
        try:
            return await plain(self, *args, **given)
        except Exception as error:
            statements.unprepared += is_unprepared(error)
            raise
        finally:
            if lease:
                ends(tap.sink, lease, use)
            if is_copy:
                vars(self).pop(_COPYING, None)

    return call


def _words(plain: Any) -> list[str]:
    """The names of a method's arguments; none where nobody knows them."""
    with suppress(TypeError, ValueError):
        return [*signature(plain).parameters][1:]
    return []


def _query(statements: Statements, probe: "Probe", plain: Any) -> Any:
    """Of simple queries every second one is the pool's, which gets no coroutine around it."""
    tap = probe.tap

    async def told(self: Any, lease: int, args: Any, given: Any) -> Any:
        use = begins(tap.sink, lease)
        try:
            return await plain(self, *args, **given)
        finally:
            ends(tap.sink, lease, use)

    def query(self: Any, *args: Any, **given: Any) -> Any:
        lease = statements.lease_in_use(self)
        return told(self, lease, args, given) if lease else plain(self, *args, **given)

    return query


def _bind_execute(statements: Statements, probe: "Probe", plain: Any) -> Any:
    """Nearly every statement: with words of its own, for packing and unpacking takes 5,000."""
    tap = probe.tap

    async def bind_execute(
        self: Any,
        state: Any,
        args: Any,
        portal_name: Any,
        limit: Any,
        return_extra: Any,
        timeout: Any,  # noqa: ASYNC109 -- the library's
    ) -> Any:
        lease = statements.lease_in_use(self)
        use = begins(tap.sink, lease) if lease else None
        if portal_name:
            _opens(vars(self), (state, args, portal_name), {})
        try:
            return await plain(self, state, args, portal_name, limit, return_extra, timeout)
        except Exception as error:
            statements.unprepared += is_unprepared(error)
            raise
        finally:
            if lease:
                ends(tap.sink, lease, use)

    return bind_execute


def _opens(own: dict[str, Any], args: tuple[Any, ...], given: dict[str, Any]) -> None:
    """A portal that has a name is a cursor's: it stays open, at the longest until the commit."""
    state = given.get("state") or args[0]
    name = given["portal_name"] if "portal_name" in given else args[2]
    if name:
        own.setdefault(_PORTALS, {})[name] = state


def _closes(own: dict[str, Any], args: tuple[Any, ...], given: dict[str, Any]) -> None:
    own.get(_PORTALS, {}).pop(given["portal_name"] if "portal_name" in given else args[0], None)


def _copies(own: dict[str, Any], args: tuple[Any, ...], given: dict[str, Any]) -> None:
    own[_COPYING] = True


_NOTES: Final = {
    "bind": _opens,
    "bind_execute": _opens,
    "close_portal": _closes,
    "copy_in": _copies,
    "copy_out": _copies,
}
