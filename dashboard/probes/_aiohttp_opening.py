"""aiohttp sessions from plain settings: a TCPConnector's options and the session's time-outs."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import BaseConnector, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from ._kinds_of_options import kind_of
from ._opening import Ping

#: What the default of an option does not tell.
_KINDS: Final = {
    "keepalive_timeout": "seconds",
    "ttl_dns_cache": "seconds",
    "happy_eyeballs_delay": "seconds",
    "ssl_shutdown_timeout": "seconds",
    "ssl": "flag or object",
    "resolver": "object",
    "ssl_context": "object",
    "socket_factory": "object",
    "interleave": "whole",
    "local_addr": "list",
    "family": "whole",
    "fingerprint": "text",
}
_OURS: Final = {"self", "loop", "fingerprint"}
_TIMES: Final = tuple(inspect.signature(ClientTimeout).parameters)


def options(url: str) -> Mapping[str, str]:
    """Of `TCPConnector` and `ClientTimeout`."""
    _address(url)
    parameters = inspect.signature(TCPConnector.__init__).parameters
    found = {name: _KINDS.get(name) or kind_of(each.default) for name, each in parameters.items()}
    found |= dict.fromkeys(_TIMES, "seconds")
    return {name: kind for name, kind in found.items() if name not in _OURS}


def _address(url: str) -> URL:
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("is no address that aiohttp takes: https://host/path")
    return address


def open_pool(url: str, options: Mapping[str, Any]) -> ClientSession:
    """A session for that one host, with a connector of its own."""
    times = {name: value for name, value in options.items() if name in _TIMES}
    given = {name: value for name, value in options.items() if name not in _TIMES}
    if "local_addr" in given:
        given["local_addr"] = tuple(given["local_addr"])
    session: dict[str, Any] = {"timeout": ClientTimeout(**times)} if times else {}
    try:
        connector = TCPConnector(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot be opened: {error}") from error
    return ClientSession(_address(url).origin(), connector=connector, **session)


async def start(pool: Any) -> None:
    """A session has nothing to open first."""


def ping(pool: Any, url: str) -> Ping:
    """`HEAD`; an answer that blames the server counts as none."""
    if not isinstance(pool, ClientSession):
        raise ValueError(f"has a probe, which needs a ClientSession, not a {type(pool).__name__}")  # noqa: TRY004
    if not url and pool._base_url is None:
        raise ValueError("has a probe, which needs a ClientSession with a base_url")

    async def ask() -> None:
        async with pool.head(url or "/", allow_redirects=False) as answer:
            if answer.status >= 500:
                raise ConnectionError(f"the server answered {answer.status}")

    return ask


async def close(pool: Any) -> None:
    """Close the session, and with it its connector."""
    if isinstance(pool, BaseConnector | ClientSession):
        await pool.close()
