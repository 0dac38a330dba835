"""Which request checks out: method and route template, never the path's values."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from dashboard import Dashboard

from .given import ask

Seen = Callable[[], str]


@pytest.fixture
def seen(dash: Dashboard, engine: Engine) -> Seen:
    """Checks out and says which request the snapshot names."""
    dash.watch(engine, name="orders")

    def check_out() -> str:
        with engine.connect():
            (checkout,) = dash.snapshot().pools["orders"].open
        return str(checkout.request)

    return check_out


def app_of(*routes: Any) -> ASGIApp:
    return Starlette(routes=list(routes), middleware=[Middleware(Dashboard.middleware)])


def answering(seen: Seen) -> Callable[[Request], Any]:
    async def endpoint(_: Request) -> Response:
        return PlainTextResponse(seen())

    return endpoint


def test_route_template_is_the_name(seen: Seen) -> None:
    app = app_of(Route("/orders/{id:int}", answering(seen), methods=["GET", "POST"]))
    assert ask(app, "/orders/4711").text == "GET /orders/{id:int}"
    assert ask(app, "/orders/4711", "POST").text == "POST /orders/{id:int}"


def test_without_middleware_there_is_none(seen: Seen) -> None:
    app = Starlette(routes=[Route("/orders/{id}", answering(seen))])
    assert ask(app, "/orders/4711").text == "None"


def test_sync_endpoint_in_a_thread(seen: Seen) -> None:
    app = app_of(Route("/orders/{id}", lambda _: PlainTextResponse(seen())))
    assert ask(app, "/orders/4711").text == "GET /orders/{id}"


def test_mount_is_part_of_it(seen: Seen) -> None:
    inner = Starlette(routes=[Route("/orders/{id}", answering(seen))])
    app = app_of(Mount("/shop", routes=[Mount("/v1", inner)]))
    assert ask(app, "/shop/v1/orders/4711").text == "GET /shop/v1/orders/{id}"


def test_mount_with_values_is_left_out(seen: Seen) -> None:
    inner = Starlette(routes=[Route("/orders/{id}", answering(seen))])
    app = app_of(Mount("/{tenant}", inner))
    assert ask(app, "/acme/orders/4711").text == "GET /orders/{id}"


def test_mounted_app_without_routes(seen: Seen) -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(seen())(scope, receive, send)

    assert ask(app_of(Mount("/files", inner)), "/files/secret.txt").text == "GET /files"


def test_root_path_is_not_part_of_it(seen: Seen) -> None:
    app = app_of(Route("/orders/{id}", answering(seen)))

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/proxy"}, receive, send)

    assert ask(behind, "/orders/4711").text == "GET /orders/{id}"


def fastapi(seen: Seen) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Dashboard.middleware)
    router = APIRouter(prefix="/v1")

    @router.get("/orders/{id}")
    async def later(id: int) -> str:  # noqa: A002 -- as users write it
        return seen()

    @router.get("/sync/{id}")
    def at_once(id: int) -> str:  # noqa: A002
        return seen()

    @app.get("/plain/{id}")
    async def plain(id: int) -> str:  # noqa: A002
        return seen()

    app.include_router(router, prefix="/shop")
    return app


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/plain/4711", "GET /plain/{id}"),
        ("/shop/v1/orders/4711", "GET /shop/v1/orders/{id}"),
        ("/shop/v1/sync/4711", "GET /shop/v1/sync/{id}"),
    ],
)
def test_fastapi_names_the_whole_template(seen: Seen, path: str, name: str) -> None:
    assert ask(fastapi(seen), path).json() == name


def test_background_task_has_the_request(seen: Seen) -> None:
    found: list[str] = []

    async def endpoint(_: Request) -> Response:
        return PlainTextResponse("ok", background=BackgroundTask(lambda: found.append(seen())))

    ask(app_of(Route("/orders/{id}", endpoint)), "/orders/4711")
    assert found == ["GET /orders/{id}"]


def test_streamed_bodies_have_the_request(seen: Seen) -> None:
    async def later() -> AsyncIterator[str]:
        yield seen()

    def at_once() -> Iterator[str]:
        yield seen()

    async def stream(_: Request) -> Response:
        return StreamingResponse(later())

    async def sync(_: Request) -> Response:
        return StreamingResponse(at_once())

    app = app_of(Route("/later/{id}", stream), Route("/sync/{id}", sync))
    assert ask(app, "/later/4711").text == "GET /later/{id}"
    assert ask(app, "/sync/4711").text == "GET /sync/{id}"


def test_request_without_route(seen: Seen) -> None:
    async def missing(_: Request, __: Exception) -> Response:
        return PlainTextResponse(seen(), 404)

    app = Starlette(
        middleware=[Middleware(Dashboard.middleware)], exception_handlers={404: missing}
    )
    assert ask(app, "/secret/4711").text == "GET (no route)"


def test_websocket_is_named(seen: Seen) -> None:
    found: list[str] = []

    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        found.append(seen())
        await socket.close()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "websocket", "path": "/live/4711", "headers": [], "query_string": b""}
    app = app_of(WebSocketRoute("/live/{id}", endpoint))
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]  # a coroutine it is
    assert found == ["WEBSOCKET /live/{id}"]


def test_task_outlives_its_request(dash: Dashboard, seen: Seen) -> None:
    found: list[str] = []

    async def late(done: asyncio.Event) -> None:
        await done.wait()
        found.append(seen())

    async def inside() -> None:
        done = asyncio.Event()
        middleware = Dashboard.middleware(starting(done))
        await middleware(scope(), nothing, ignore)
        done.set()
        await asyncio.gather(*tasks)

    tasks: list[asyncio.Task[None]] = []

    def starting(done: asyncio.Event) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["route"] = Route("/orders/{id}", answering(seen))
            tasks.append(asyncio.create_task(late(done)))

        return app

    asyncio.run(inside())
    assert found == ["GET /orders/{id}"]


def scope() -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/orders/4711", "headers": []}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def ignore(_: Message) -> None:
    pass


class Marked(dict[str, Any]):
    """A scope that can be watched for its end."""


def test_scope_ends_with_the_request(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    held = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        held.append(engine.connect())

    marked = Marked(scope())
    asyncio.run(Dashboard.middleware(app)(marked, nothing, ignore))
    ref = weakref.ref(marked)
    del marked
    gc.collect()
    assert ref() is None
    (checkout,) = dash.snapshot().pools["orders"].open
    assert str(checkout.request) == "GET (no route)"
    held.pop().close()


def test_lifespan_passes_untouched() -> None:
    passed: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope)

    given = {"type": "lifespan"}
    asyncio.run(Dashboard.middleware(app)(given, nothing, ignore))
    assert passed[0] is given


def test_error_of_the_host_passes() -> None:
    error = ValueError("the host's")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(ValueError, match="the host's") as raised:
        asyncio.run(Dashboard.middleware(app)(scope(), nothing, ignore))
    assert raised.value is error
