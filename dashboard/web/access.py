"""Who may look: decided for each request on the ASGI scope, before any route is looked up.

A dashboard that a host application mounts is closed unless it is given `auth`, a token, or
`allow_unauthenticated=True`. One that we serve ourselves is open on loopback; anywhere else it
needs a token or `auth`.
"""

import inspect
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from ..model.errors import DashboardError
from . import hosts
from .aside import aside
from .tokens import SESSION_LIFE, Failures, LaunchCodes, Sessions, Token

#: Called with the request; True lets it in.
Auth = Callable[[Request], bool | Awaitable[bool]]

_log = logging.getLogger(__name__)
_SAFE: Final = frozenset({"GET", "HEAD"})
_CHALLENGE: Final = (("www-authenticate", 'Bearer realm="pool dashboard"'),)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead of the page."""

    status: int
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A token in the URL was right: go on to `location`, which does not have it, with a cookie."""

    location: str
    cookie: str
    is_from_elsewhere: bool


_CLOSED: Final = Refusal(
    401,
    "This dashboard is closed",
    "Open it with one of these: Dashboard(auth=...), a function of the request that returns True "
    "for those who may look; Dashboard(token=...) or POOL_DASHBOARD_TOKEN; or, for everybody, "
    "Dashboard(allow_unauthenticated=True).",
    _CHALLENGE,
)
_NEEDS_TOKEN: Final = Refusal(
    401,
    "A token is needed",
    "Open the address once with ?token= and the token behind it, or send the header "
    "Authorization: Bearer with the token.",
    _CHALLENGE,
)
_NOT_YOU: Final = Refusal(
    401,
    "You may not look at this dashboard",
    "The application's auth= function refused this request. Sign in to the application first.",
    _CHALLENGE,
)
_AUTH_FAILED: Final = Refusal(
    503,
    "Access cannot be checked",
    "The application's auth= function failed, so the dashboard stays closed. "
    "The application's log says why.",
)
_WRONG_TOKEN: Final = Refusal(
    401,
    "The token is wrong or used up",
    "A token in the address must be the whole token; a launch code works once, within a minute.",
    _CHALLENGE,
)
_FOREIGN: Final = Refusal(
    403, "Another site's page sent this", "Only the dashboard's own pages may do this."
)


class Access:
    """The policy of one site; `served_on` is our own listener's address, None when mounted."""

    def __init__(
        self,
        *,
        auth: Auth | None = None,
        token: str | None = None,
        allow_unauthenticated: bool = False,
        allowed_hosts: Iterable[str] | None = None,
        served_on: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if auth is not None and not callable(auth):
            raise DashboardError(f"auth takes a function of the request, not {auth!r}")
        if allow_unauthenticated and (auth is not None or token is not None):
            raise DashboardError(
                "allow_unauthenticated=True opens what auth and token close; leave one of them out"
            )
        self._auth = auth
        self._token = Token(token) if token is not None else None
        self._is_open = allow_unauthenticated
        self._hosts = hosts.parse(allowed_hosts) if allowed_hosts is not None else None
        self._codes = LaunchCodes(clock)
        self._failures = Failures(clock)
        self._sessions = Sessions(self._token.key if self._token else secrets.token_bytes(32), wall)
        self._is_broken = False
        if served_on is not None:
            self._serve_on(served_on, allowed_hosts or ())
        elif allow_unauthenticated:
            _log.warning(
                "allow_unauthenticated=True: whoever reaches the application sees the dashboard"
            )

    def _serve_on(self, address: str, allowed: Iterable[str]) -> None:
        is_wildcard = hosts.is_wildcard(address)
        if not hosts.is_loopback(address):
            if self._token is None and self._auth is None:
                raise DashboardError(
                    f"serving on {address or 'every address'} shows the dashboard to the network: "
                    "pass token=... or set POOL_DASHBOARD_TOKEN"
                )
        elif self._token is None and self._auth is None:
            self._is_open = True
        own = () if is_wildcard else (address,)
        self._hosts = hosts.parse((*allowed, *own), is_local=True, has_addresses=is_wildcard)

    def launch_code(self) -> str:
        """For `?token=` in a URL that is opened at once: works once, within a minute."""
        return self._codes.issue()

    async def decide(self, scope: Scope) -> Refusal | Entry | None:
        """None lets the request in. Takes a token out of the scope's query before a log sees it."""
        if self._hosts is not None and not self._hosts.allow(hosts.host_of(scope)):
            return _wrong_host(scope)
        if scope["method"] not in _SAFE and hosts.is_foreign(scope):
            return _FOREIGN
        given, rest = self._url_token(scope)
        if given is not None:
            scope["query_string"] = rest
            if self._buys_entry(given):
                return self._entry(scope, self._sessions.issue())
        if self._is_open:
            return None
        if self._has_session(scope):
            return self._entry(scope) if given is not None else None
        return await self._check(scope, given)

    async def _check(self, scope: Scope, given: str | None) -> Refusal | None:
        bearer = _bearer(scope)
        if self._token is not None and bearer is not None and self._token.matches(bearer):
            return None
        refusal = _NEEDS_TOKEN if self._token is not None else _CLOSED
        if self._auth is not None:
            answer = await self._ask(self._auth, scope)
            if answer is None or answer is _AUTH_FAILED:
                return answer
            refusal = answer
        if given or (bearer is not None and self._token is not None):
            return self._wrong_token(scope)
        if given is None and self._token is not None and _may_come_by_link(scope):
            return replace(refusal, headers=(*refusal.headers, _once_more(scope)))
        return refusal

    async def _ask(self, auth: Auth, scope: Scope) -> Refusal | None:
        """What the host's function says; whatever it does that is not True keeps us closed."""
        request = Request(scope)
        answer: object
        try:
            if inspect.iscoroutinefunction(auth) or inspect.iscoroutinefunction(
                getattr(auth, "__call__", None)  # noqa: B004 - an object whose __call__ is async
            ):
                answer = auth(request)
            else:
                answer = await aside(auth, request)
            if inspect.isawaitable(answer):
                answer = await answer
            if not isinstance(answer, bool):
                kind = type(answer).__name__
                raise TypeError(f"auth= returned {kind}; return True or False")  # noqa: TRY301
        except HTTPException as error:
            return _NOT_YOU if error.status_code in {401, 403} else self._broke(error)
        except Exception as error:  # noqa: BLE001 - a broken lock stays locked
            return self._broke(error)
        self._is_broken = False
        return None if answer else _NOT_YOU

    def _broke(self, error: Exception) -> Refusal:
        """Logs the first of a row: a dashboard asks twice a second."""
        if not self._is_broken:
            _log.error("auth= failed, the dashboard stays closed", exc_info=error)
        self._is_broken = True
        return _AUTH_FAILED

    def _wrong_token(self, scope: Scope) -> Refusal:
        client = scope.get("client")
        wait = self._failures.note(client[0] if client else "")
        if not wait:
            return _WRONG_TOKEN
        seconds = str(int(wait) + 1)
        detail = f"This address sent too many wrong tokens. Try again in {seconds} s."
        return Refusal(429, "Too many wrong tokens", detail, (("retry-after", seconds),))

    def _url_token(self, scope: Scope) -> tuple[str | None, bytes]:
        query: bytes = scope["query_string"]
        if scope["method"] != "GET" or b"token=" not in query:
            return None, query
        if self._token is None and not len(self._codes):
            return None, query  # The parameter is the host's own.
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        rest = urlencode([pair for pair in pairs if pair[0] != "token"]).encode()
        return next((value for key, value in pairs if key == "token"), None), rest

    def _buys_entry(self, given: str) -> bool:
        if self._codes.redeem(given):
            return True
        return self._token is not None and self._token.matches(given)

    def _has_session(self, scope: Scope) -> bool:
        plain, prefixed = self._sessions.cookie, f"__Host-{self._sessions.cookie}"
        cookies = Request(scope).cookies
        value = cookies.get(prefixed) or cookies.get(plain)
        return value is not None and self._sessions.accepts(value)

    def _entry(self, scope: Scope, session: str = "") -> Entry:
        root = "/" + quote(scope.get("root_path", "").strip("/"))
        path = "/" + quote(_whole_path(scope).lstrip("/\\"))
        query = scope["query_string"].decode("latin-1")
        location = f"{path}?{query}" if query else path
        is_from_elsewhere = _may_come_by_link(scope)
        if not session:
            return Entry(location, "", is_from_elsewhere)
        name, secure = self._sessions.cookie, ""
        if scope.get("scheme") == "https":
            secure = "; Secure"
            name = f"__Host-{name}" if root == "/" else name
        lasts = f"Path={root}; Max-Age={SESSION_LIFE}; HttpOnly; SameSite=Strict{secure}"
        return Entry(location, f"{name}={session}; {lasts}", is_from_elsewhere)


def _whole_path(scope: Scope) -> str:
    """The path as the browser knows it; some servers leave the prefix out of `path`."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path if path == root or path.startswith(root + "/") else root + path


def _once_more(scope: Scope) -> tuple[str, str]:
    """Browsers keep a strict cookie back after a link on another site, also when reloading.

    A page of our own that asks again does send it; the empty token ends the round.
    """
    query = scope["query_string"].decode("latin-1")
    return "refresh", f"0; url=?{quote(query, safe='=&%+')}{'&' if query else ''}token="


def _may_come_by_link(scope: Scope) -> bool:
    """Whether another site's page may have led here; over plain http browsers do not say."""
    said = hosts.header(scope, b"sec-fetch-site")
    if said is None:
        return "text/html" in (hosts.header(scope, b"accept") or "")
    return said not in {"same-origin", "none"}


def _bearer(scope: Scope) -> str | None:
    scheme, _, value = (hosts.header(scope, b"authorization") or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _wrong_host(scope: Scope) -> Refusal:
    name = hosts.host_of(scope)
    if name is None:
        return Refusal(400, "Bad Host header", "One Host header with a plain name is needed.")
    return Refusal(
        400,
        "Unknown Host",
        f"This dashboard does not answer to {name}. If the name is yours, pass "
        f"allowed_hosts=[{name!r}] to Dashboard(...).",
    )
