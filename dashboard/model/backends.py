"""What the database server says of its own backends: asked only with `backends=`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One row of `pg_stat_activity`; times are float seconds, up to when the server was asked.

    `state` is PostgreSQL's (`active`, `idle`, `idle in transaction` …), `since` how long it has
    been in it; `wait` what it waits for (`Lock: transactionid`), `age` of the connection. `query`
    is empty unless it was allowed, and then without literals.
    """

    pid: int
    state: str
    since: float | None = None
    wait: str = ""
    in_transaction: float | None = None
    age: float | None = None
    application: str = ""
    database: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One look at the server. `reserved` connections are kept for superusers and such.

    `asked_ago` seconds lie between the look and now. `error` says why there is no look; what is
    older then stays. `server` is its `host:port`; `pools` have connections there, `ours` in all.
    """

    backends: Mapping[int, Backend] = field(default_factory=dict)
    max_connections: int | None = None
    reserved: int = 0
    asked_ago: float | None = None
    error: str = ""
    server: str = ""
    pools: frozenset[str] = frozenset()
    ours: int = 0

    @property
    def used(self) -> int:
        """Clients' connections that the server has, the dashboard's own not counted."""
        return len(self.backends)


NO_ACTIVITY = Activity()
