"""What a SQLAlchemy pool says of itself: options, limits, records, and the database's address."""

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.pool import (
    AssertionPool,
    AsyncAdaptedQueuePool,
    Pool,
    QueuePool,
    SingletonThreadPool,
    StaticPool,
    base,
)

#: Which of the library's functions is closing a connection, and what that means.
_CLOSERS: Final = {
    "invalidate": "error",
    "get_connection": "stale",
    "dispose": "pool_closed",
    "_do_return_conn": "idle",
    "_cleanup": "idle",
}
_CLOSER_DEPTH: Final = 12
_DETACH_DEPTH: Final = 5
_BACKENDS: Final = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "sqlite": "SQLite",
    "oracle": "Oracle",
    "mssql": "SQL Server",
}
#: Arguments of a driver's `connect()` that are shown: numbers, never secrets.
_TIMEOUTS: Final = (
    "connect_timeout",
    "timeout",
    "command_timeout",
    "read_timeout",
    "write_timeout",
    "login_timeout",
    "tcp_user_timeout",
)


#: Drivers whose connections know the server's process, by their import names.
_DRIVERS: Final = frozenset(
    {"aiomysql", "asyncmy", "asyncpg", "mariadb", "MySQLdb", "psycopg", "psycopg2", "pymysql"}
)


def why_closed() -> tuple[str, str]:
    """The reason, by who called the library's function that called the listener; and the error.

    The error is the name of the exception for which the library invalidates a connection.
    """
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_CLOSER_DEPTH):
        if frame is None:
            break
        reason = _CLOSERS.get(frame.f_code.co_name)
        if reason is not None:
            return reason, _error_in(frame) if reason == "error" else ""
        frame = frame.f_back
    return "idle", ""


def _error_in(frame: FrameType) -> str:
    """The name of the driver's exception that `invalidate(e)` was given; empty for none."""
    error = frame.f_locals.get("e")
    if not isinstance(error, BaseException):
        return ""
    return type(getattr(error, "orig", None) or error).__name__


def is_detaching() -> bool:
    """Whether a record is returned because its connection leaves the pool for good."""
    frame: FrameType | None = sys._getframe(3)
    for _ in range(_DETACH_DEPTH):
        if frame is None or frame.f_code.co_name == "detach":
            break
        frame = frame.f_back
    else:
        return False
    return frame is not None


def checked_out(pool: Pool) -> Iterator[tuple[Any, Any]]:
    """Records that are out and their fairies, from what guards each fairy against being lost."""
    for record, ref in _guarded(pool):
        fairy: Any = ref()
        if fairy is not None and fairy.dbapi_connection is not None:
            yield record, fairy


def _guarded(pool: Pool) -> list[tuple[Any, Callable[[], object]]]:
    records = vars(base).get("_strong_ref_connection_records")  # 2.0
    if records is not None:
        pairs = [(record, ref) for ref, record in [*records.items()]]
        return [each for each in pairs if pool_of_record(each[0]) is pool]
    finalizers = [*weakref.finalize._registry.values()]  # type: ignore[attr-defined]
    guards = [each for each in finalizers if each.func is base._finalize_fairy]
    return [(each.args[1], each.weakref) for each in guards if each.args[2] is pool]


def pool_of_record(record: Any) -> object:
    """The pool that a record belongs to."""
    return getattr(record, "_ConnectionRecord__pool", None)


def kept(pool: Pool) -> list[Any]:
    """Records that the pool keeps: a queue's are idle, of the other kinds some may be out."""
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


def loops(pool: Pool | None) -> tuple[Any, ...]:
    """Event loops that the connections in an async pool belong to, as far as drivers say."""
    if not isinstance(pool, AsyncAdaptedQueuePool):
        return ()
    found = {id(loop): loop for record in kept(pool) if (loop := _loop_of(record))}
    return tuple(found.values())


def _loop_of(record: Any) -> Any:
    return getattr(getattr(record, "driver_connection", None), "_loop", None)


def loop_of(record: Any) -> "weakref.ref[Any] | None":
    """The event loop that a connection belongs to, None where its driver does not say."""
    loop = _loop_of(record)
    return None if loop is None else weakref.ref(loop)


def backend_pid(record: Any) -> int | None:
    """The server's process behind a connection, where the driver knows it without asking."""
    try:
        driver = record.driver_connection
        if type(driver).__module__.partition(".")[0] not in _DRIVERS:
            return None  # Calling what looks like it on anything else could do anything.
        for name in ("get_server_pid", "get_backend_pid", "thread_id"):
            ask: Callable[[], object] | None = getattr(driver, name, None)
            if callable(ask):
                pid = ask()
                return pid if isinstance(pid, int) else None
        pid = getattr(getattr(driver, "info", None), "backend_pid", None)
    except Exception:
        return None
    return pid if isinstance(pid, int) else None


def own_counts(pool: Pool | None) -> tuple[int, int] | None:
    """`checkedout()` and `checkedin()`; only queue pools count."""
    if not isinstance(pool, QueuePool):
        return None
    queue: Any = pool._pool
    if isinstance(pool, AsyncAdaptedQueuePool) and "_queue" not in vars(queue):
        return 0, 0  # Reading it would create it, bound to the reader's event loop.
    return pool.checkedout(), pool.checkedin()


def limits(pool: Pool | None) -> tuple[int | None, int | None, int | None]:
    """Size, max and idle_min; a QueuePool opens lazily, so idle_min is None."""
    if isinstance(pool, QueuePool):
        size, overflow = pool.size() or None, pool._max_overflow
        return size, (None if size is None or overflow == -1 else size + overflow), None
    if isinstance(pool, SingletonThreadPool):
        return pool.size, None, None
    if isinstance(pool, StaticPool):
        return 1, None, None
    return (1, 1, None) if isinstance(pool, AssertionPool) else (None, None, None)


def settings(pool: Pool) -> dict[str, object]:
    """Options of `create_engine`, as they are in force."""
    found: dict[str, object] = {"poolclass": pool.__class__.__name__}
    if isinstance(pool, QueuePool):
        found |= {
            "pool_size": pool.size(),
            "max_overflow": pool._max_overflow,
            "pool_timeout": pool._timeout,
            "pool_use_lifo": pool._pool.use_lifo,
        }
    elif isinstance(pool, SingletonThreadPool):
        found["pool_size"] = pool.size
    reset = pool._reset_on_return
    found |= {
        "pool_recycle": pool._recycle,
        "pool_pre_ping": pool._pre_ping,
        "pool_reset_on_return": reset.name.removeprefix("reset_") if reset else None,
    }
    arguments = _arguments(pool, "cparams", {})
    given = {name: _number(arguments.get(name)) for name in _TIMEOUTS}
    timeouts = {name: value for name, value in given.items() if value is not None}
    return found | ({"connect_args": timeouts} if timeouts else {})


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return float(value) if isinstance(value, str) and value.isdecimal() else None


def _arguments(pool: Pool, name: str, missing: Any) -> Any:
    """What `create_engine` will call the driver with: a variable that its creator encloses."""
    creator: Any = pool._creator
    if getattr(creator, "__module__", "") != "sqlalchemy.engine.create":
        return missing
    cells = dict(zip(creator.__code__.co_freevars, creator.__closure__ or (), strict=True))
    return cells[name].cell_contents if name in cells else missing


def place(engine: object, pool: Pool) -> tuple[str, str]:
    """The database's kind and its `host:port/database`, never user, password or query."""
    name = getattr(pool._dialect, "name", "")
    backend = _BACKENDS.get(name, name if name != "default" else "")
    if isinstance(engine, Engine):
        url = engine.url
        hosts = url.host or url.query.get("host", ())
        address = _address(hosts, url.port, url.database)
    else:
        given: Mapping[str, Any] = _arguments(pool, "cparams", {})
        database = given.get("dbname") or given.get("database") or given.get("db")
        if name == "sqlite":
            database = next(iter(_arguments(pool, "cargs_tup", ())), None)
        address = _address(given.get("host", ()), given.get("port"), database)
    return backend, ":memory:" if name == "sqlite" and not address else address


def _address(hosts: object, port: object, database: object) -> str:
    each = (hosts,) if isinstance(hosts, str) else hosts if isinstance(hosts, tuple | list) else ()
    host = ",".join(_bracketed(_bare(str(one))) for one in each)
    if host and isinstance(port, int):
        host = f"{host}:{port}"
    name = _bare(database) if isinstance(database, str) else ""
    return f"{host}/{name}" if host and name else name or host


def _bracketed(host: str) -> str:
    """An IPv6 address stands in brackets, or its end would read as a port."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith(("[", "/")) else host


def _bare(part: str) -> str:
    """A password with an unquoted `@` or `?` must not slip in with the host or database."""
    return part.rpartition("@")[2].partition("?")[0].partition(";")[0]


def unmark(records: Mapping[int, Any]) -> None:
    """Take the number that a checkout left on each record."""
    for record in list(records.values()):
        vars(record).pop("_pool_dashboard", None)
