"""Opt-in: what the PostgreSQL server says of its own backends.

One short-lived connection for each look, at most one every two seconds and only while somebody
reads; it belongs to no pool, sets `application_name` to `pool-dashboard` and cannot wait for long.
"""

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from .analysis.servers import place_of
from .literals import strip_literals
from .model.backends import Activity, Backend
from .model.errors import DashboardError
from .probes.owners import running_loop

#: Seconds between two looks, and those that a look may take.
PAUSE: Final = 2.0
_LONGEST: Final = 3.0
#: Seconds that the first reader waits for the first look, unless it is an event loop.
_FIRST: Final = 1.0
_APPLICATION: Final = "pool-dashboard"

#: Of a session that its role may not see there is the pid alone: an empty state.
_ACTIVITY: Final = """
select pid, coalesce(state, '') as state,
       extract(epoch from clock_timestamp() - state_change)::float8 as since,
       coalesce(wait_event_type || ': ' || wait_event, '') as wait,
       extract(epoch from clock_timestamp() - xact_start)::float8 as in_transaction,
       extract(epoch from clock_timestamp() - backend_start)::float8 as age,
       coalesce(application_name, '') as application, coalesce(datname, '') as database,
       case when $1 then left(coalesce(query, ''), 2000) else '' end as query
from pg_stat_activity
where coalesce(backend_type, case when datid is not null then 'client backend' end)
      = 'client backend' and coalesce(application_name, '') <> $2
"""
_LIMITS: Final = """
select current_setting('max_connections')::int as most,
       current_setting('superuser_reserved_connections')::int
       + coalesce(current_setting('reserved_connections', true)::int, 0) as reserved
"""
Rows = tuple[Iterable[Mapping[str, Any]], Mapping[str, Any]]


class Backends:
    """Looks at one server; for any thread."""

    def __init__(self, dsn: object, *, show_queries: bool = False) -> None:
        """`dsn` as asyncpg and libpq take it, or a SQLAlchemy URL. Nothing is opened yet."""
        plain = _plain(dsn)
        self._ask = _driver(plain)
        self._server = _place(plain)
        self._show_queries = show_queries
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._activity = Activity()
        self._began = self._asked = float("-inf")

    def look(self) -> Activity:
        """The last look; a new one begins beside it if this one is old. Never raises."""
        if self._pid != os.getpid():
            self._after_fork()
        now = time.monotonic()
        if now - self._began >= PAUSE:
            self._begin(now)
        thread = self._thread
        is_first = self._asked < 0 and not self._activity.error
        # An event loop is never kept waiting: it gets its first answer the next time.
        if is_first and thread is not None and running_loop() is None:
            thread.join(_FIRST)
        seen = self._activity
        if self._asked < 0:
            return seen
        return replace(seen, asked_ago=max(0.0, time.monotonic() - self._asked))

    def _begin(self, now: float) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is not None and self._thread.is_alive():
                return
            self._began = now
            self._thread = threading.Thread(target=self._run, name=_APPLICATION, daemon=True)
            self._thread.start()
        except RuntimeError as error:  # The interpreter is ending.
            self._activity = replace(self._activity, error=f"{error}")
        finally:
            self._starting.release()

    def _run(self) -> None:
        try:
            rows, limits = self._ask(self._show_queries)
            found = {row["pid"]: _backend(row) for row in rows}
            self._activity = Activity(
                backends=found,
                max_connections=limits["most"],
                reserved=limits["reserved"],
                server=self._server,
            )
            self._asked = time.monotonic()
        except Exception as error:  # noqa: BLE001 -- shown; a server that is away is no failure of ours
            # The message may quote the DSN.
            self._activity = replace(
                self._activity, error=f"the server did not answer: {type(error).__name__}"
            )

    def _after_fork(self) -> None:
        """The thread, and whoever held the lock, stayed in the parent."""
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._thread = None
        self._began = float("-inf")

    def stop(self) -> None:
        """Wait for a look that is under way."""
        thread = self._thread
        if thread is not None:
            thread.join(_LONGEST)


def _backend(row: Mapping[str, Any]) -> Backend:
    fields = dict(row)
    return Backend(**fields | {"query": strip_literals(fields["query"])})


def _plain(dsn: object) -> str:
    """A DSN without SQLAlchemy's driver; it is never repeated in a message."""
    if not isinstance(dsn, str) or not re.match(r"postgres(ql)?(\+\w+)?://", dsn):
        raise DashboardError(
            "backends takes the DSN of a PostgreSQL server, such as postgresql://user@host/database"
        )
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", dsn)


def _place(dsn: str) -> str:
    """`host:port`, as budgets spell it; nothing of the user's."""
    return place_of(dsn.partition("://")[2].partition("/")[0].rpartition("@")[2], "5432")


def _driver(dsn: str) -> Callable[[bool], Rows]:
    try:
        import asyncpg  # noqa: F401
    except ModuleNotFoundError:
        pass
    else:
        return lambda show: asyncio.run(_by_asyncpg(dsn, show=show))
    try:
        import psycopg  # noqa: F401
    except ModuleNotFoundError as missing:
        raise DashboardError(
            "backends needs a driver: pip install 'pool-dashboard[asyncpg]', or psycopg"
        ) from missing
    return lambda show: _by_psycopg(dsn, show=show)


async def _by_asyncpg(dsn: str, *, show: bool) -> Rows:
    import asyncpg

    async with asyncio.timeout(_LONGEST):
        connection = await asyncpg.connect(
            dsn,
            statement_cache_size=0,
            server_settings={"application_name": _APPLICATION, "statement_timeout": "2000"},
        )
        try:
            rows = await connection.fetch(_ACTIVITY, show, _APPLICATION)
            limits = await connection.fetchrow(_LIMITS)
        finally:
            await connection.close(timeout=1)
    return rows, limits


def _by_psycopg(dsn: str, *, show: bool) -> Rows:
    import psycopg
    from psycopg.rows import dict_row

    activity = _ACTIVITY.replace("$1", "%s").replace("$2", "%s")
    with psycopg.connect(
        dsn,
        connect_timeout=round(_LONGEST),
        options="-c statement_timeout=2000",
        application_name=_APPLICATION,
        autocommit=True,
        row_factory=dict_row,
    ) as connection:
        rows = connection.execute(activity, (show, _APPLICATION)).fetchall()
        (limits,) = connection.execute(_LIMITS).fetchall()
    return rows, limits
