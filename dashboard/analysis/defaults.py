"""What an option is when nobody sets it: SQLAlchemy 2.1, asyncpg 0.32, aiohttp 3.14."""

from collections.abc import Mapping
from typing import Final

from ..model.snapshot import PoolSnapshot

_OPTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "sqlalchemy": {
        "pool_size": 5,
        "max_overflow": 10,
        "pool_timeout": 30.0,
        "pool_recycle": -1,
        "pool_pre_ping": False,
    },
    "asyncpg": {
        "min_size": 10,
        "max_size": 10,
        "max_inactive_connection_lifetime": 300.0,
        "statement_cache_size": 100,
    },
    "aiohttp": {
        "limit": 100,
        "limit_per_host": 0,
        "keepalive_timeout": 15.0,
        "force_close": False,
        "use_dns_cache": True,
        "ttl_dns_cache": 10,
    },
}
_KINDS: Final = {"sqlalchemy": "QueuePool", "asyncpg": "Pool", "aiohttp": "TCPConnector"}
_BACKENDS: Final = {"asyncpg": "PostgreSQL", "aiohttp": "HTTP"}
#: Pools of SQLAlchemy that have neither a size nor an overflow.
_QUEUES: Final = ("", "QueuePool", "AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool")


def pool_of(
    name: str,
    library: str,
    kind: str,
    settings: Mapping[str, object],
    address: str = "",
    backend: str = "",
) -> PoolSnapshot:
    """A pool of which nothing but its settings is known, as a snapshot without traffic."""
    is_queue = library != "sqlalchemy" or kind in _QUEUES
    options = {**(_OPTIONS.get(library, {}) if is_queue else {}), **settings}
    size, most = _limits(library, options)
    return PoolSnapshot(
        name=name,
        library=library,
        kind=kind or _KINDS.get(library, ""),
        config=options,
        backend=backend or _BACKENDS.get(library, ""),
        address=address,
        size=size,
        max=most,
    )


def _limits(library: str, options: Mapping[str, object]) -> tuple[int | None, int | None]:
    """Size and capacity; None for no bound."""
    if library == "sqlalchemy":
        size, overflow = _whole(options.get("pool_size")), _whole(options.get("max_overflow"))
        if not size:
            return None, None
        return size, None if overflow is None or overflow < 0 else size + overflow
    size = _whole(options.get("max_size" if library == "asyncpg" else "limit")) or None
    return size, size


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
