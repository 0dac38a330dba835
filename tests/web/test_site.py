"""The application as a whole: the same protection on every answer."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import Message

from dashboard.model.errors import DashboardError
from dashboard.web.access import Access
from dashboard.web.site import build

from .given import orders
from .listening import eventually
from .sites import ADDRESSES, Serve, opened

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def test_every_address_has_its_status(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    statuses = {path: client.get(base + path).status_code for path in ADDRESSES}
    assert statuses == ADDRESSES


def test_every_answer_is_protected(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    for path in [*ADDRESSES, "/healthz"]:
        for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
            answer = client.request(method, base + path, headers={"origin": base})
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert answer.headers["cache-control"] == "no-store"
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_head_has_no_body(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    for path, status in ADDRESSES.items():
        answer = client.head(base + path)
        assert (answer.status_code, answer.content) == (status, b"")


def test_other_methods_are_refused(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    answer = client.post(base + "/leaks")
    assert answer.status_code == 405
    assert sorted(answer.headers["allow"].split(", ")) == ["GET", "HEAD"]
    assert "POST is not possible here" in answer.text
    assert client.put(base + "/api/pools").json()["status"] == 405


def test_pool_names_the_known_ones(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    answer = client.get(base + "/api/pools/order")
    assert answer.json() == {
        "status": 404,
        "title": "There is nothing here",
        "detail": "No pool is called 'order'. Watched pools: 'orders', 'reports'.",
    }
    for path in ("/pools/order", "/nowhere"):
        page = client.get(base + path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "reports" in page.text


def test_wrong_option_says_what_to_do(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(opened())
    detail = "range takes one of 5m, 15m, 1h, 6h, not 'banana'."
    assert client.get(base + "/api/pools/orders?range=banana").json()["detail"] == detail
    page = client.get(base + "/pools/orders?range=banana")
    assert page.status_code == 400
    assert "range takes one of 5m, 15m, 1h, 6h, not" in page.text


def test_failure_shows_no_inside(
    serve_app: Serve, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    given = orders()
    given.error = RuntimeError("password hunter2 in /srv/app.py")
    base = serve_app(opened(given))
    for path in ("/", "/api/pools", "/metrics", "/report.md", "/readyz"):
        answer = client.get(base + path)
        assert answer.status_code == 500
        for inside in ("hunter2", "Traceback", ".py", "RuntimeError", "tarlette/"):
            assert inside not in answer.text
    # The log is written once the answer has left.
    eventually(lambda: caplog.text.count("the dashboard failed at") == 5)
    given.error = None
    assert client.get(base + "/").status_code == 200


def test_failure_does_not_reach_the_host(serve_app: Serve, client: httpx.Client) -> None:
    given = orders()
    given.error = RuntimeError("inside")
    seen: list[Exception] = []

    async def note(_: Request, error: Exception) -> PlainTextResponse:
        seen.append(error)
        return PlainTextResponse("the host's page", 500)

    host = Starlette(
        routes=[Mount("/pools", opened(given))], exception_handlers={RuntimeError: note}
    )
    assert client.get(serve_app(host) + "/pools/api/pools").json()["status"] == 500
    assert seen == []


def test_frames_are_opened_by_an_option(serve_app: Serve, client: httpx.Client) -> None:
    access = Access(allow_unauthenticated=True)
    site = build(orders(), access, frame_ancestors=["'self'", "https://ops.example.com"])
    policy = client.get(serve_app(site) + "/leaks").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://ops.example.com")


@pytest.mark.parametrize(
    "origin", ["ops.example.com", "https://a; script-src *", "*", "https://a b"]
)
def test_wrong_frame_ancestor_is_refused(origin: str) -> None:
    with pytest.raises(DashboardError, match="frame_ancestors takes origins"):
        build(orders(), Access(allow_unauthenticated=True), frame_ancestors=[origin])


async def test_websocket_is_closed_politely() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await opened()({"type": "websocket", "path": "/api/stream", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_lifespan_is_answered_if_asked() -> None:
    asked = iter(("lifespan.startup", "lifespan.shutdown"))
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": next(asked)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await opened()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_answers_while_the_hosts_threads_are_all_taken() -> None:
    """Forty plain functions that wait for a connection are the moment to look."""
    from anyio import to_thread

    limiter = to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    async with limiter, asyncio.timeout(60):
        transport = httpx.ASGITransport(opened())
        async with httpx.AsyncClient(transport=transport, base_url="http://a.example") as client:
            for path in ("/", "/pools/orders", "/api/pools", "/metrics", "/report.md", "/readyz"):
                assert (await client.get(path)).status_code == 200
