"""Who gets in, over real sockets."""

import logging
import socket
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dashboard.web.access import Access
from dashboard.web.site import build

from .crowded import TOKEN
from .given import orders
from .sites import ADDRESSES, Serve


def test_nothing_answers_without_the_token(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(build(orders(), Access(token=TOKEN)))
    for path in [*ADDRESSES, "/static/css/app.css", "/api/stream", "/docs", "/openapi.json"]:
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            answer = client.request(method, base + path)
            assert (method, path, answer.status_code) == (method, path, 401)
            assert "orders" not in answer.text
    assert client.get(base + "/api/pools", headers={"authorization": f"Bearer {TOKEN}"}).json()


def test_route_added_later_is_closed(serve_app: Serve, client: httpx.Client) -> None:
    site = build(orders(), Access(token=TOKEN))
    site._app.router.routes.append(Route("/late", lambda _: PlainTextResponse("secret")))
    base = serve_app(site)
    assert client.get(base + "/late").status_code == 401
    assert client.get(base + "/late", headers={"host": "a/healthz?"}).status_code == 401
    assert client.get(base + "//healthz").status_code == 401
    assert client.get(base + "/healthz/").status_code == 401
    assert client.get(base + "/pools/healthz").status_code == 401


def test_health_needs_nothing_and_says_nothing(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(build(orders(), Access(token=TOKEN, served_on="127.0.0.1")))
    for headers in ({}, {"host": "10.0.0.5:8765"}, {"host": "evil.com"}):
        answer = client.get(base + "/healthz", headers=headers)
        assert (answer.status_code, answer.text) == (200, "ok")


def test_wrong_host_is_refused_on_every_address(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(build(orders(), Access(served_on="127.0.0.1")))
    for path in ADDRESSES:
        answer = client.get(base + path, headers={"host": "evil.com"})
        assert answer.status_code == 400
        assert "allowed_hosts=" in answer.text


def test_two_host_headers_are_refused(serve_app: Serve) -> None:
    base = serve_app(build(orders(), Access(served_on="127.0.0.1")))
    head = (
        b"GET /api/pools HTTP/1.1\r\nhost: localhost\r\nhost: evil.com\r\nconnection: close\r\n\r\n"
    )
    assert _raw(base, head).startswith(b"HTTP/1.1 400")


def _raw(base: str, request: bytes) -> bytes:
    address = urlsplit(base)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_closed_mount_says_what_to_pass(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(Starlette(routes=[Mount("/pools", build(orders(), Access()))]))
    answer = client.get(base + "/pools/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="pool dashboard"'
    assert "allow_unauthenticated=True" in answer.text
    assert client.get(base + "/pools/api/pools").json()["title"] == "This dashboard is closed"


def test_url_token_opens_and_leaves_no_trace(serve_app: Serve, client: httpx.Client) -> None:
    site = build(orders(), Access(token=TOKEN))
    base = serve_app(Starlette(routes=[Mount("/pools", site)]))
    log = logging.getLogger("uvicorn.access")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    answer = client.get(f"{base}/pools/leaks?range=5m&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/pools/leaks?range=5m")
    assert client.get(base + answer.headers["location"]).status_code == 200
    assert client.get(base + "/pools/api/suspects").status_code == 200
    log.removeHandler(handler)
    paths = [line.split('"')[1] for line in lines]
    assert paths == [
        "GET /pools/leaks?range=5m HTTP/1.1",
        "GET /pools/leaks?range=5m HTTP/1.1",
        "GET /pools/api/suspects HTTP/1.1",
    ]


def test_link_from_another_site_gets_in(serve_app: Serve, client: httpx.Client) -> None:
    base = serve_app(build(orders(), Access(token=TOKEN)))
    answer = client.get(f"{base}/?token={TOKEN}", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/")
    assert client.get(base + "/leaks").status_code == 200
