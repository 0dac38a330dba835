"""Pure ASGI middleware that tells checkouts which HTTP request is running."""

import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .model.origin import SETTING, HttpRequest, Setting

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_NO_ROUTE = "(no route)"


class RequestMiddleware:
    """Names the request of each checkout by method and route template, never by its path."""

    def __init__(self, app: _App) -> None:
        """`app` is the application around which it stands."""
        self.app = app

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Passes everything through untouched."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        setting = _Running(scope)
        token = SETTING.set(setting)
        try:
            await self.app(scope, receive, send)
        finally:
            setting.end()
            # A server may end a request in another context than the one in which it began.
            with contextlib.suppress(ValueError):
                SETTING.reset(token)


class _Running(Setting):
    """The route is known only once the router has looked; the scope is let go with the request."""

    __slots__ = ("_root", "_scope")

    def __init__(self, scope: _Scope) -> None:
        super().__init__()
        self._scope: _Scope | None = scope
        self._root = scope.get("root_path", "")

    @property
    def request(self) -> HttpRequest | None:
        scope = self._scope
        return self._request if scope is None else _request_of(scope, self._root)

    def end(self) -> None:
        """The request is over: keep its name, not its scope."""
        if self._scope is not None:
            self._request = _request_of(self._scope, self._root)
            self._scope = None


def _request_of(scope: _Scope, root: str) -> HttpRequest:
    method = str(scope.get("method", "WEBSOCKET"))
    return HttpRequest(method, _template(scope, root) or _NO_ROUTE)


def _template(scope: _Scope, root: str) -> str:
    """The whole template, as far as it holds no values; `root` is the path of the application.

    Starlette 1.10 keeps the innermost route only and the paths of its mounts in `root_path`,
    which has the values of their parameters too.
    """
    route = _included(scope) or scope.get("route")
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return ""
    mounts: str = scope.get("root_path", "").removeprefix(root)
    given = set(scope.get("path_params") or ())
    if not mounts or given - set(getattr(route, "param_convertors", ())):
        return path
    return mounts if hasattr(route, "routes") else mounts + path


def _included(scope: _Scope) -> Any:
    """What `include_router` made of a route: FastAPI 0.165 keeps the prefix here only."""
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    if getattr(context, "original_route", None) is not scope.get("route"):
        return None
    return context if getattr(context, "path", None) else None
