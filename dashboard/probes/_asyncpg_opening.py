"""asyncpg pools from plain settings; read in 0.30 to 0.32."""

import inspect
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import Pool

from ._kinds_of_options import kind_of
from ._opening import Ping

#: What the default of an option does not tell.
_KINDS: Final = {
    "init_size": "whole",
    "max_inactive_connection_lifetime": "seconds",
    "max_cached_statement_lifetime": "seconds",
    "timeout": "seconds",
    "command_timeout": "seconds",
    "server_settings": "table",
    "direct_tls": "flag",
    "user": "text",
    "password": "text",
    "database": "text",
    "connect": "object",
    "setup": "object",
    "init": "object",
    "reset": "object",
    "connection_class": "object",
    "record_class": "object",
}
_OURS: Final = {"dsn", "loop", "connect_kwargs"}
_SCHEMES: Final = ("postgresql", "postgres")


def options(url: str) -> Mapping[str, str]:
    """Of `create_pool` and `connect`."""
    _check(url)
    found: dict[str, str] = {}
    for function in (asyncpg.create_pool, asyncpg.connect):
        for name, parameter in inspect.signature(function).parameters.items():
            found.setdefault(name, _KINDS.get(name) or kind_of(parameter.default))
    return {name: kind for name, kind in found.items() if name not in _OURS}


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        has_more = parts.netloc.count("@") > 1 or "@" in parts.path
    except ValueError:
        raise ValueError("is no address") from None  # Its own words may repeat a part of it.
    if parts.scheme not in _SCHEMES:
        raise ValueError(
            "does not begin with postgresql://, as asyncpg wants it, without a +driver"
        )
    if has_more:
        raise ValueError("has an @ too many: in a user or a password it is written %40")


def open_pool(url: str, options: Mapping[str, Any]) -> Pool:
    """A pool that is not initialised; `start` does it."""
    try:
        return asyncpg.create_pool(url, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot be opened: {error}") from error


async def start(pool: Any) -> None:
    """Open `min_size` connections."""
    if not pool._initialized:
        await pool


def ping(pool: Any, url: str) -> Ping:
    """`SELECT 1`."""

    async def ask() -> None:
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT 1")

    return ask


async def close(pool: Any) -> None:
    """Wait for what is out, then close; cancelled, it cuts every connection."""
    if pool._initialized:
        await pool.close()
