"""The same site under any prefix."""

from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from .sites import ADDRESSES, Serve, opened


@pytest.mark.parametrize("prefix", ["/pools", "/a/b", "/ünï code", "/api"])
def test_works_under_any_mount(serve_app: Serve, client: httpx.Client, prefix: str) -> None:
    starlette: ASGIApp = Starlette(routes=[Mount(prefix, opened())])
    fastapi = FastAPI()
    fastapi.mount(prefix, opened())
    for host in (starlette, fastapi):
        base = serve_app(host) + quote(prefix)
        statuses = {path: client.get(base + path).status_code for path in ADDRESSES}
        assert statuses == ADDRESSES
        assert client.get(base + "/healthz").text == "ok"
        assert client.get(base, follow_redirects=True).status_code == 200


def test_works_behind_root_path(serve_app: Serve, client: httpx.Client) -> None:
    site = opened()

    async def with_root(scope: Scope, receive: Receive, send: Send) -> None:
        await site(
            {**scope, "root_path": "/proxied", "path": "/proxied" + scope["path"]}, receive, send
        )

    async def without_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        await site({**scope, "root_path": "/proxied"}, receive, send)

    for app in (with_root, without_prefix):
        base = serve_app(app)
        assert {path: client.get(base + path).status_code for path in ADDRESSES} == ADDRESSES
        assert 'href="/proxied/' in client.get(base + "/leaks").text


def test_mount_without_slash_leads_to_it(serve_app: Serve, client: httpx.Client) -> None:
    site = opened()

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        await site({**scope, "root_path": "/a/b", "path": "/a/b"}, receive, send)

    answer = client.get(serve_app(bare) + "/")
    assert (answer.status_code, answer.headers["location"]) == (307, "b/")
