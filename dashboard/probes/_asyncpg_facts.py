"""What can be read of an asyncpg pool: where it connects to, its options, who refers to what."""

import asyncio
import inspect
import os
import sys
import weakref
from collections.abc import Mapping, Sequence
from itertools import starmap, zip_longest
from operator import le
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionHolder, PoolConnectionProxy

from ..model.claim import Connection

if TYPE_CHECKING:
    from .asyncpg import Probe

#: Options of `asyncpg.connect` that hold no secret.
_OPTIONS: Final = (
    "timeout",
    "command_timeout",
    "statement_cache_size",
    "max_cached_statement_lifetime",
    "max_cacheable_statement_size",
)
_CANCELLED: Final = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
_CALLBACKS: Final = ("init", "setup", "reset")


def settings_of(pool: Any) -> dict[str, object]:
    """Options of `create_pool` and `connect` as they are in force; functions by their name."""
    settings: dict[str, object] = {"min_size": pool._minsize, "max_size": pool._maxsize}
    if hasattr(pool, "_initsize"):
        settings["init_size"] = pool._initsize
    settings["max_queries"] = pool._max_queries
    settings["max_inactive_connection_lifetime"] = pool._max_inactive_connection_lifetime
    parameters = inspect.signature(asyncpg.connect).parameters
    for name in _OPTIONS:
        value = pool._connect_kwargs.get(name, parameters[name].default)
        settings[name] = value if isinstance(value, int | float | None) else str(type(value))
    for name in _CALLBACKS:
        settings[name] = _name_of(getattr(pool, f"_{name}", None))
    connect = getattr(pool, "_connect", asyncpg.connect)
    if connect is not asyncpg.connect:
        settings["connect"] = _name_of(connect)
    return settings


def _name_of(function: object) -> str | None:
    if function is None:
        return None
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def address_of(args: Sequence[Any], given: Mapping[str, Any]) -> str:
    """`host:port/database` from what `connect()` is called with; never a user or a password."""
    dsn = args[0] if args else given.get("dsn")
    try:
        parts = urlsplit(dsn if isinstance(dsn, str) else "")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    except ValueError:
        return ""
    if parts.scheme not in {"", "postgres", "postgresql"}:
        return ""
    if not parts.scheme:  # Not a DSN that asyncpg takes: it may hold anything.
        parts, query = urlsplit(""), {}
    named = given.get("host") or parts.netloc.rpartition("@")[2] or query.get("host")
    port = given.get("port") or query.get("port") or os.environ.get("PGPORT") or "5432"
    hosts = _each(named or os.environ.get("PGHOST") or "localhost")
    ports = _each(port)
    ports *= len(hosts) if len(ports) == 1 else 1
    database = given.get("database") or unquote(parts.path.removeprefix("/"))
    database = database or query.get("dbname") or query.get("database")
    database = database or os.environ.get("PGDATABASE")
    places = ",".join(starmap(_with_port, zip_longest(hosts, ports[: len(hosts)], fillvalue="")))
    return f"{places}/{database}" if database else places


def _each(value: object) -> list[str]:
    """One or several, as a list or parted by commas."""
    many = value if isinstance(value, list | tuple) else str(value).split(",")
    return [str(each) for each in many]


def _with_port(host: str, port: str) -> str:
    name = unquote(host)
    has_port = not name.startswith("/") and (name.endswith("]") or ":" in name)
    if has_port and not name.endswith("]"):
        return name
    return f"{name}:{port}" if port else name


def facts_of(connection: Any, now: float, create_time: float | None = None) -> Connection:
    """A connection as the sink wants it; it knows its backend without asking."""
    pid = connection.get_server_pid()
    facts = Connection(now, create_time=create_time, backend_pid=pid)
    facts.loop = weakref.ref(connection._loop)
    return facts


def host_of(connection: Any) -> str:
    """Which of several hosts it leads to."""
    place = connection._addr
    return place if isinstance(place, str) else f"{place[0]}:{place[1]}"


def is_background(pool: Any) -> bool:
    """Whether the running task opens connections that nobody asked for."""
    keeper = getattr(pool, "_maintenance_task", None)
    return pool._initializing or (keeper is not None and asyncio.current_task() is keeper)


def why_failed(pool: Any, error: BaseException, began: float, timeout: Any) -> str:
    """Why `acquire(timeout=…)`, begun at `began` of the loop's clock, gave no connection."""
    if isinstance(error, _CANCELLED):
        return "cancelled"
    if isinstance(error, asyncpg.InterfaceError):
        is_shut = pool.is_closing() or not pool._initialized
        return "pool_closed" if is_shut else "connection_error"
    # Connecting may time out as well, by a limit of its own.
    is_late = timeout is not None and pool._loop.time() - began >= timeout
    return "timeout" if is_late and isinstance(error, TimeoutError) else "connection_error"


class Reach:
    """Tells whether the application can still reach the connection that a holder has given out.

    The library's own references to the proxy and to the connection are known by number. None
    more, and nobody is left who could return it. Answers None for that, as a weak reference does.
    """

    __slots__ = ("_place", "_probe")

    def __init__(self, probe: "Probe", place: int) -> None:
        """The holder at `place` of the pool that `probe` watches."""
        self._probe = probe
        self._place = place

    def holder(self, pool: Any) -> Any:
        """The one it is about."""
        return pool._holders[self._place]

    def __call__(self) -> object | None:
        """Two counts and three look-ups; may be called in any thread."""
        pool = self._probe.pool
        if _BARE is None or pool is None:
            return self
        holder = self.holder(pool)
        # On its way back, whoever has forgotten it.
        if id(holder) in self._probe.releasing:
            return self
        try:
            is_lost = all(map(le, _references(holder), _BARE)) and not _has_listeners(holder)
        except AttributeError:  # It came back just now.
            is_lost = False
        return None if is_lost else self


def _references(holder: Any) -> tuple[int, int, int]:
    """References to a holder's proxy, its transaction (0 for none) and its connection.

    In this order: who has one can get at the next, never at the one before. So what was counted
    and had no reference cannot have gained one while the next is counted.
    """
    count = sys.getrefcount
    proxies = count(holder._proxy)
    if holder._con._top_xact is None:
        return proxies, 0, count(holder._con)
    # A transaction that was never ended refers to its connection, which refers to it.
    return proxies, count(holder._con._top_xact), count(holder._con) - 1


def _has_listeners(holder: Any) -> bool:
    """Whether the server's word would hand the connection to somebody."""
    connection = holder._con
    return bool(
        connection._listeners or connection._log_listeners or connection._termination_listeners
    )


def _bare() -> tuple[int, int, int] | None:
    """The counts of a connection that is out and that nobody but asyncpg refers to."""
    is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()
    if sys.implementation.name != "cpython" or is_free:
        return None
    kind: Any = asyncpg.Connection
    try:
        connection = kind.__new__(kind)
        connection._aborted, connection._proxy, connection._top_xact = True, None, object()
        holder: Any = PoolConnectionHolder.__new__(PoolConnectionHolder)
        holder._con = connection
        holder._proxy = proxy = PoolConnectionProxy(holder, connection)
        held = _references(holder)
        del proxy, connection
        alone = _references(holder)
    except Exception:  # Another version: it is not told, then.
        return None
    # The transaction above is none and refers to nothing.
    bare = (alone[0], alone[1], alone[2] + 1)
    return bare if held == (bare[0] + 1, bare[1], bare[2]) else None


_BARE: Final = _bare()
