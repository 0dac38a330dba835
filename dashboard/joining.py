"""Joins what the server says of its backends with the connections that pools have."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from .backends import Backends
from .model.backends import Activity, Backend
from .model.claim import Connection
from .model.snapshot import Checkout, PoolSnapshot, Snapshot
from .probes import Probe
from .recorder.pool import PoolRecord

#: A backend that the server has for so many seconds after the pool closed it is a ghost.
HAUNTING: Final = 30.0
#: Seconds by which our age of a connection and the server's may differ.
_SLACK: Final = 5.0
_POSTGRESQL: Final = "postgresql"
_HIDDEN: Final = (
    "the server's view (backends=): its role may not see these sessions, grant it pg_monitor"
)

Record = tuple[Probe, PoolRecord]


class Joined:
    """One look at the server, beside the pools as they are."""

    def __init__(self, backends: Backends | None, records: Iterable[Record], now: float) -> None:
        """`now` by the records' clock; without `backends` there is nothing to join."""
        self.activity: Activity | None = None if backends is None else backends.look()
        self._now = now
        self._records = [
            record for probe, record in records if probe.backend.lower().startswith(_POSTGRESQL)
        ]
        self._ago = (self.activity.asked_ago or 0.0) if self.activity is not None else 0.0
        self.backends: dict[int, Backend] = dict(self._matched())

    def _connections(self) -> Iterable[Connection]:
        for record in self._records:
            yield from list(record.ledger.connections.values())

    def _matched(self) -> Iterable[tuple[int, Backend]]:
        """By pid, unless the server's is younger: then it is another server's, or pid."""
        seen: Mapping[int, Backend] = {} if self.activity is None else self.activity.backends
        for connection in self._connections() if seen else ():
            backend = seen.get(connection.backend_pid or 0)
            if backend is not None and backend.state and self._is_as_old(backend, connection.born):
                yield backend.pid, backend

    def _is_as_old(self, backend: Backend, since: float) -> bool:
        age = None if backend.age is None else backend.age + self._ago
        return age is None or age >= self._now - since - _SLACK

    def ghosts(self) -> dict[str, list[Backend]]:
        """Backends that the server has long after their pool closed them, by pool."""
        if self.activity is None or not self.activity.backends:
            return {}
        found: dict[str, list[Backend]] = {}
        known = {connection.backend_pid for connection in self._connections()}
        for record in self._records:
            for pid, closed_at in list(record.ledger.former):
                backend = self.activity.backends.get(pid)
                if backend is None or pid in known or self._now - closed_at < HAUNTING:
                    continue
                # A younger one got its number later.
                if (backend.age or 0.0) + self._ago > self._now - closed_at:
                    found.setdefault(record.name, []).append(backend)
        return found

    def into(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the server's word beside each checkout."""
        if self.activity is None:
            return snapshot
        pools = {name: self.into_pool(pool) for name, pool in snapshot.pools.items()}
        return replace(snapshot, pools=pools, server=self._told(self.activity))

    def _told(self, activity: Activity) -> Activity:
        """With the pools that have connections to this server, and how many."""
        found, ours = set[str](), set[int]()
        for record in self._records:
            for connection in list(record.ledger.connections.values()):
                backend = activity.backends.get(connection.backend_pid or 0)
                if backend is not None and self._is_as_old(backend, connection.born):
                    found.add(record.name)
                    ours.add(backend.pid)
        return replace(activity, pools=frozenset(found), ours=len(ours))

    def into_pool(self, pool: PoolSnapshot) -> PoolSnapshot:
        """One pool with it."""
        if self.activity is None or not pool.backend.lower().startswith(_POSTGRESQL):
            return pool
        joined = tuple(
            replace(checkout, backend=self.backends.get(checkout.backend_pid or 0))
            for checkout in pool.open
        )
        missing = _missing(self.activity, joined)
        return replace(pool, open=joined, limited=(*pool.limited, *missing))


def _missing(activity: Activity, checkouts: Iterable[Checkout]) -> tuple[str, ...]:
    """Why there is no word of the server beside what is out."""
    if activity.error:
        return (f"the server's view (backends=): {activity.error}",)
    hidden = (activity.backends.get(each.backend_pid or 0) for each in checkouts)
    if any(backend is not None and not backend.state for backend in hidden):
        return (_HIDDEN,)
    return ()
