"""The demo's own page: the faults, each with a switch."""

import time

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from ..web.hosts import LOOPBACK, host_of, is_foreign
from ..web.places import STATIC, TEMPLATES
from .faults import Faults
from .load import OPERATIONS, Visitors

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Not no-referrer: with that a browser sends `Origin: null` from our own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Page:
    """`/demo`, its forms and its style sheets; the shop answers below `/demo/shop`."""

    def __init__(self, title: str, faults: Faults, visitors: Visitors, shop: ASGIApp) -> None:
        """`shop` is the app that the visitors meet, open to a load generator of your own."""
        self._title = title
        self._faults = faults
        self._visitors = visitors
        self._start = time.monotonic()
        templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
        templates.filters["duration"] = duration
        templates.filters["code"] = code
        self._template = templates.get_template("demo.html")
        routes = [
            Route("/demo", self.show),
            Route("/demo/faults/{name}/{state}", self.switch, methods=["POST"]),
            Mount("/demo/static", StaticFiles(directory=STATIC)),
            Mount("/demo/shop", shop),
        ]
        self.app = guarded(Starlette(routes=routes))

    async def show(self, request: Request) -> Response:
        """The faults, the visitors and what became of them."""
        now = time.monotonic()
        body = self._template.render(
            title=self._title,
            faults=list(self._faults),
            operations=[(each, self._visitors.tallies[each.name]) for each in OPERATIONS],
            now=now,
            up=now - self._start,
            switched=request.query_params.get("switched", ""),
        )
        return HTMLResponse(body, headers=_HEADERS)

    async def switch(self, request: Request) -> Response:
        """Switch one fault, then show the page again."""
        fault = self._faults.get(request.path_params["name"])
        state = request.path_params["state"]
        if fault is None or state not in ("on", "off"):
            return _refuse("no such fault", 404)
        if state == "on":
            fault.on()
        else:
            await fault.off()
        return RedirectResponse(f"/demo?switched={fault.name}#{fault.name}", 303)


def guarded(app: ASGIApp) -> ASGIApp:
    """Answer only to this machine's names, and change things only for our own pages."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if host_of(scope) not in LOOPBACK:
                await _refuse("this name is not the demo's", 421)(scope, receive, send)
                return
            # A client that is no browser says neither origin nor site, and may.
            if scope["method"] not in ("GET", "HEAD") and is_foreign(scope):
                await _refuse("only the demo's own page may do this", 403)(scope, receive, send)
                return
        await app(scope, receive, send)

    return guard


def routed(demo: ASGIApp, others: ASGIApp) -> ASGIApp:
    """`/demo` and what is below it to the demo, everything else to the dashboard."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_ours = path == "/demo" or path.startswith("/demo/")
        await (demo if is_ours else others)(scope, receive, send)

    return route


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h 5 min`."""
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def code(words: str) -> Markup:
    """Sets what stands in backquotes as code."""
    parts = enumerate(words.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in parts
    )


def _refuse(reason: str, status: int) -> Response:
    return PlainTextResponse(f"{reason}\n", status, headers=_HEADERS)
