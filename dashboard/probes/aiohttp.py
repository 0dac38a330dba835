"""aiohttp connectors, with the sessions on them: one claim for each connection of a request.

A redirect or a retry asks again; a websocket holds its connection until it is closed.
"""

import weakref
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import BaseConnector, ClientSession, ClientTimeout, TCPConnector

from ..model.errors import DashboardError
from ..model.ports import Sink
from ._aiohttp_hooks import overrides
from ._aiohttp_slots import Slots, connections, is_busy, place
from .swap import restore, swap
from .tap import Tap

LIBRARY: Final = "aiohttp"

#: What a connector must have for its checkouts to be seen, and what else tells more.
_NEEDED: Final = {
    "connect": "checkouts",
    "_release": "returns",
    "_close": "closing of the pool",
    "_get": "keep-alive connections that were closed",
    "_cleanup": "keep-alive connections that expired",
    "_create_connection": "time to connect",
}


def pool_of(target: object) -> BaseConnector | None:
    """The connector of a session, or a connector; None for anything else.

    A session that was closed has let go of its connector, so that there is nothing to watch.
    """
    if isinstance(target, ClientSession):
        if target.connector is None:
            msg = "the ClientSession is closed, it has no connector; watch it while it is open"
            raise DashboardError(msg)
        return target.connector
    return target if isinstance(target, BaseConnector) else None


def attach(target: object, sink: Sink) -> "Probe":
    """Watch the connector behind `target`, live or fresh."""
    connector = pool_of(target)
    if connector is None:
        raise DashboardError(f"no connector behind {type(target).__qualname__}")
    return Probe(connector, sink, target if isinstance(target, ClientSession) else None)


class Probe:
    """One watched connector."""

    library = LIBRARY
    backend = "HTTP"

    def __init__(self, connector: BaseConnector, sink: Sink, session: ClientSession | None) -> None:
        """Hook `connector`; `session` names the host and has the time-outs."""
        self.tap = Tap(sink)
        kind = type(connector)
        self.kind = kind.__name__
        self.limited = _missing(connector)
        self.address = ""
        self._timeout: ClientTimeout | None = None
        if session is not None:
            self.meet(session)
        self._connector = weakref.ref(connector)
        self._slots = Slots(self.tap)
        swap(connector, self, **overrides(self._slots, kind))
        self.adopt(sink)
        self._slots.has_strangers = is_busy(connector)

    @property
    def is_gone(self) -> bool:
        """Whether the connector was collected."""
        return self._connector() is None

    @property
    def was_dropped(self) -> bool:
        """Whether it was collected while it was open: the library closes it then."""
        return self._slots.was_dropped

    @property
    def cut_at(self) -> float | None:
        """When closing took back what was out (`time.monotonic()`); None while it is open."""
        return self._slots.cut_at

    def point_at(self, sink: Sink) -> None:
        """From here on everything goes to `sink`."""
        self.tap.sink = sink

    def adopt(self, sink: Sink) -> None:
        """Tell `sink` of every connection that there is."""
        connector = self._connector()
        if connector is None:
            return
        self._slots.introduce_all(connector, sink)
        if connector.closed:
            sink.pool_closed()

    def detach(self) -> None:
        """Put the class back."""
        self._slots.stop()
        connector = self._connector()
        if connector is not None:
            restore(connector)
            for protocol, _ in connections(connector):
                self._slots.uses.leave(protocol)

    def settings(self) -> Mapping[str, object]:
        """Options of the connector and time-outs of the session, as they are in force."""
        connector = self._connector()
        if connector is None:
            return {}
        settings: dict[str, object] = {
            "limit": connector.limit,
            "limit_per_host": connector.limit_per_host,
            "keepalive_timeout": connector._keepalive_timeout,
            "force_close": connector.force_close,
            "enable_cleanup_closed": not connector._cleanup_closed_disabled,
        }
        if isinstance(connector, TCPConnector):
            settings["use_dns_cache"] = connector.use_dns_cache
            settings["ttl_dns_cache"] = connector._cached_hosts._ttl
        if self._timeout is not None:
            for name in ("total", "connect", "sock_connect", "sock_read"):
                settings[name] = getattr(self._timeout, name)
        return settings

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """`limit` twice, None for 0; nothing is kept open beyond its keep-alive time."""
        connector = self._connector()
        limit = (connector.limit or None) if connector is not None else None
        return limit, limit, None

    def own_counts(self) -> tuple[int, int] | None:
        """Slots taken, also by who is connecting, and keep-alive connections."""
        connector = self._connector()
        if connector is None:
            return None
        return len(connector._acquired), sum(map(len, list(connector._conns.values())))

    @property
    def sees_statements(self) -> bool:
        """Whether it can be told when an answer begins and when somebody reads it."""
        return self._slots.uses.is_seeing

    def in_use_by(self, lease: int) -> str:
        """`a response` that somebody awaits, or `a websocket`."""
        return self._slots.uses.kept_by(lease)

    def meet(self, session: ClientSession) -> None:
        """The connector was there before its session."""
        if session._base_url is not None:
            self.address = place(session._base_url.host, session._base_url.port)
        self._timeout = session.timeout

    def loops(self) -> tuple[Any, ...]:
        """The event loop that the connector belongs to."""
        connector = self._connector()
        return () if connector is None else (connector._loop,)

    def wanted(self) -> list[str]:
        """The hosts of those who wait or connect, in the order in which they asked."""
        return self._slots.wanted()

    def hosts(self) -> list[tuple[str, int, int, int]]:
        """Each host as `name:port`: connections in use, idle, and callers without one."""
        connector = self._connector()
        if connector is None:
            return []
        return self._slots.hosts(connector)


def _missing(connector: BaseConnector) -> tuple[str, ...]:
    """What cannot be seen: this version has no such method, or another party put its own before."""
    own = vars(connector)
    return tuple(
        what for name, what in _NEEDED.items() if name in own or not hasattr(connector, name)
    )
