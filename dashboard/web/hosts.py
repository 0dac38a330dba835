"""Which Host and Origin headers are our own: names compared whole, never by prefix or pattern."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from ..model.errors import DashboardError

#: What a browser on this machine calls it.
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LABELS: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
_NAME: Final = re.compile(rf"\[[0-9a-f:.]+\]|{_LABELS}")
_HEADER: Final = re.compile(rf"(?P<name>\[[0-9a-f:.]+\]|{_LABELS})(?::[0-9]{{1,5}})?")
#: No domain name is longer, and no honest header either.
_LONGEST: Final = 270


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header that came exactly once."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def host_of(scope: Scope) -> str | None:
    """The name in the Host header without its port; None if missing, sent twice or malformed."""
    text = header(scope, b"host")
    if text is None or len(text) > _LONGEST:
        return None
    match = _HEADER.fullmatch(text.lower())
    return match["name"] if match else None


def is_foreign(scope: Scope) -> bool:
    """Whether a browser says that another site's page sent this request."""
    if (header(scope, b"sec-fetch-site") or "none") not in {"same-origin", "none"}:
        return True
    if not any(key == b"origin" for key, _ in scope["headers"]):
        return False
    scheme, _, authority = (header(scope, b"origin") or "").lower().partition("://")
    # Behind a proxy that ends TLS we see http where the browser says https; never the reverse.
    is_downgrade = scheme == "http" and scope.get("scheme") == "https"
    return is_downgrade or not authority or authority != (header(scope, b"host") or "").lower()


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names we answer to; `has_addresses` adds every IP address, which nobody can rebind."""

    names: frozenset[str]
    domains: tuple[str, ...] = ()
    is_any: bool = False
    has_addresses: bool = False

    def allow(self, name: str | None) -> bool:
        """Whether a request for this Host is ours."""
        if self.is_any:
            return True
        if name is None:
            return False
        if name in self.names or name.endswith(self.domains):
            return True
        return self.has_addresses and _address(name) is not None


def parse(allowed: Iterable[str], *, is_local: bool = False, has_addresses: bool = False) -> Hosts:
    """Checks `allowed_hosts`: names, IP addresses, `*.example.com`, or `*` for any."""
    if isinstance(allowed, str):
        raise DashboardError(f"allowed_hosts takes a list of names: [{allowed!r}], not {allowed!r}")
    names, domains = set(LOOPBACK if is_local else ()), []
    is_any = False
    for given in allowed:
        name = _checked(given)
        if name == "*":
            is_any = True
        elif name.startswith("*."):
            domains.append(name[1:])
        else:
            names.add(name)
    return Hosts(frozenset(names), tuple(domains), is_any, has_addresses)


def is_loopback(host: str) -> bool:
    """Whether a listener on `host` can be reached from this machine only."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def is_wildcard(host: str) -> bool:
    """Whether a listener on `host` answers on every address of the machine."""
    address = _address(host)
    return not host or (address is not None and address.is_unspecified)


def bracketed(host: str) -> str:
    """`::1` as it stands in a Host header."""
    address = _address(host)
    return f"[{address}]" if address is not None and address.version == 6 else host.lower()


def _checked(given: object) -> str:
    if not isinstance(given, str):
        raise DashboardError(f"allowed_hosts takes names as strings, not {type(given).__name__}")
    name = bracketed(given.strip())
    if name == "*" or _NAME.fullmatch(name.removeprefix("*.")):
        return name
    raise DashboardError(
        f"allowed_hosts takes names without scheme, port, path or final dot, not {given!r}; "
        "for example 'pools.example.com', '*.example.com', '10.0.0.5'"
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
