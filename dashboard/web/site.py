"""The ASGI application: access first, then the routes, and the same headers on every answer."""

import logging
import re
from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ..model.errors import DashboardError
from ..model.ports import Reading
from . import api, metrics, pages, report, static
from .access import Access, Entry, Refusal
from .aside import aside
from .shapes import json_response, text
from .stream import Streams

_log = logging.getLogger(__name__)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "
)
_HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
_ANCESTOR: Final = re.compile(r"'self'|https?://(?:\*\.)?[A-Za-z0-9.\[\]:-]+")
_TITLES: Final = {
    400: "That cannot be answered",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "This address cannot do that",
}
_WRONG: Final = "The dashboard failed; the application it watches goes on. Its log says why."


def build(
    reading: Reading,
    access: Access,
    *,
    streams: Streams | None = None,
    frame_ancestors: Iterable[str] = (),
) -> "Site":
    """Everything that a browser, a script or Prometheus can ask for, relative to any mount.

    `frame_ancestors` names the origins that may show it in a frame: `'self'`,
    `https://ops.example.com`; none by default.
    """
    return Site(reading, access, streams or Streams(reading), _ancestors(frame_ancestors))


class Site:
    """An ASGI application that needs no lifespan; `close` ends its streams from any thread."""

    def __init__(self, reading: Reading, access: Access, streams: Streams, ancestors: str) -> None:
        self.access = access
        self.streams = streams
        self._reading = reading
        self._policy = _POLICY + ancestors
        routes = [
            *streams.routes(),
            *api.routes(reading),
            *metrics.routes(reading),
            *report.routes(reading),
            *static.routes(),
            *(_page(route) for route in pages.routes(reading)),
        ]
        self._begins = [route.path.split("/", 2)[1:2] for route in routes]
        self._app = Starlette(
            routes=routes,
            exception_handlers={HTTPException: self._refused, Exception: _failed},
        )
        # Starlette would redirect to a URL that it makes from the Host header.
        self._app.router.redirect_slashes = False

    def close(self) -> None:
        """Ends every open stream within a second."""
        self.streams.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers HTTP; refuses a WebSocket."""
        if scope["type"] == "http":
            await self._answer(self._once(scope), receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    def _once(self, scope: Scope) -> Scope:
        """The prefix once: `uvicorn --root-path` adds it also where a proxy has left it in.

        Not where it begins like an address of ours, such as `/pools`.
        """
        below, root = _path(scope), scope.get("root_path", "")
        is_ours = root.split("/", 2)[1:2] in self._begins
        if is_ours or below == scope["path"] or not below.startswith(f"{root}/"):
            return scope
        return {**scope, "path": below}

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An error of ours ends here: the host's error handlers and its clients never see it."""
        is_started = False

        async def protected(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                self._protect(message)
            await send(message)

        try:
            answer = await self._gate(scope)
            await (answer or self._app)(scope, receive, protected)
        except Exception:  # noqa: BLE001 - the host's servers and handlers are not ours to trouble
            _log.exception("the dashboard failed at %r", scope["path"])
            if not is_started:
                answer = await _failed(Request(scope))
                await answer(scope, receive, protected)

    def _protect(self, message: Message) -> None:
        headers = MutableHeaders(raw=message.setdefault("headers", []))
        headers["content-security-policy"] = self._policy
        for name, value in _HEADERS:
            headers[name] = value
        headers.setdefault("cache-control", "no-store")

    async def _gate(self, scope: Scope) -> Response | None:
        """What is answered without looking up a route; None when the request may go on."""
        path = _path(scope)
        if path == "/healthz" and scope["method"] in {"GET", "HEAD"}:
            return PlainTextResponse("ok")
        answer = await self.refuse(scope)
        if answer is not None:
            return answer
        if not path:
            location = quote(scope["root_path"].rsplit("/", 1)[-1]) + "/"
            return Response(status_code=307, headers={"location": location})
        return None

    async def refuse(self, scope: Scope) -> Response | None:
        """What somebody who may not look is told, or how to come in; None for those who may."""
        decision = await self.access.decide(scope)
        if isinstance(decision, Refusal):
            return _refusal(Request(scope), decision)
        return _entrance(decision) if isinstance(decision, Entry) else None

    async def _refused(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise TypeError(error)
        title, detail = _TITLES.get(error.status_code, "That did not work"), error.detail
        if error.status_code == 404 and detail == "Not Found":
            known = await aside(api.known_pools, self._reading)
            detail = f"No page has the address {_path(request.scope)[:200]!r}. {known}"
        elif error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "GET")
            detail = f"{request.method[:20]} is not possible here, only {allowed}."
        headers = tuple((error.headers or {}).items())
        return _refusal(request, Refusal(error.status_code, title, detail, headers))


def _refusal(request: Request, refusal: Refusal) -> Response:
    if _is_for_programs(request.scope):
        body = {"status": refusal.status, "title": refusal.title, "detail": text(refusal.detail)}
        response = json_response(body, refusal.status)
    else:
        detail = text(refusal.detail)
        response = pages.error_page(request, refusal.status, refusal.title, detail)
    response.headers.update(dict(refusal.headers))
    return response


async def _failed(request: Request, _: Exception | None = None) -> Response:
    """No traceback, path or version. Async, or Starlette would run it in the host's threads."""
    if _is_for_programs(request.scope):
        body = {"status": 500, "title": "Internal error", "detail": _WRONG}
        return json_response(body, 500)
    try:
        return pages.error_page(request, 500, "Internal error", _WRONG)
    except Exception:  # noqa: BLE001 - logged by the caller with what came first
        return PlainTextResponse(_WRONG, 500)


def _entrance(entry: Entry) -> Response:
    """On to the clean address; the cookie is set on the way."""
    cookie = {"set-cookie": entry.cookie} if entry.cookie else {}
    if not entry.is_from_elsewhere:
        return Response(status_code=303, headers={"location": entry.location, **cookie})
    # After a link on another site, browsers keep a strict cookie back for all redirects; a page
    # of our own that moves on does get it.
    link = f'<!doctype html><title>Pools</title><a href="{escape(entry.location)}">Continue</a>'
    return HTMLResponse(link, headers={"refresh": f"0; url={entry.location}", **cookie})


def _page(route: Route) -> Route:
    """A page's route that refuses an unknown range."""

    async def endpoint(request: Request) -> Response:
        api.range_of(request)
        response: Response = await route.endpoint(request)
        return response

    return Route(route.path, endpoint, methods=route.methods, name=route.name)


def _ancestors(origins: Iterable[str]) -> str:
    if isinstance(origins, str):
        raise DashboardError(f"frame_ancestors takes a list: [{origins!r}], not {origins!r}")
    origins = tuple(origins)
    for origin in origins:
        if not _ANCESTOR.fullmatch(origin):
            raise DashboardError(
                f"frame_ancestors takes origins like https://ops.example.com, not {origin!r}"
            )
    return " ".join(origins) or "'none'"


def _path(scope: Scope) -> str:
    """The path below the mount, from the ASGI scope alone."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if path == root or path.startswith(root + "/") else path


def _is_for_programs(scope: Scope) -> bool:
    return _path(scope).startswith(("/api/", "/readyz"))
