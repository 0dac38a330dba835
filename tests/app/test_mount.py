"""A dashboard inside a host application: any prefix, closed unless opened."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import Dashboard

from .conftest import Dash
from .given import TOKEN, ask

Serve = Callable[[ASGIApp], str]
PAGES = ["/", "/pools/orders", "/leaks", "/events", "/api/pools", "/api/pools/orders"]
PAGES += ["/api/suspects", "/api/advice", "/api/incidents", "/metrics", "/report.md", "/readyz"]


def in_starlette(dash: Dashboard, prefix: str) -> ASGIApp:
    return Starlette(routes=[Mount(prefix, dash)])


def in_fastapi(dash: Dashboard, prefix: str) -> ASGIApp:
    app = FastAPI()
    app.mount(prefix, dash)
    return app


def alone(dash: Dashboard, prefix: str) -> ASGIApp:
    """Under a proxy that says the prefix in root_path, as `uvicorn --root-path` does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await dash({**scope, "root_path": prefix}, receive, send)

    return app


@pytest.mark.parametrize("host", [in_starlette, in_fastapi, alone])
@pytest.mark.parametrize("prefix", ["/pools", "/a/b"])
def test_every_page_answers_below(
    make_dash: Dash,
    engine: Engine,
    serve_app: Serve,
    host: Callable[[Dashboard, str], ASGIApp],
    prefix: str,
) -> None:
    dash = make_dash(allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    with httpx.Client(base_url=serve_app(host(dash, prefix)) + prefix) as client:
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        page = client.get("/").text
        assert client.get("/api/pools").json()[0]["name"] == "orders"
        assert client.get("/pools/nothing").status_code == 404
        assert "orders" in page
        links = [part.partition('"')[0] for part in page.split('href="')[1:]]
        inside = [link for link in links if "://" not in link and not link.startswith("#")]
        assert inside
        for link in inside:
            address = httpx.URL(str(client.base_url)).join(link)
            assert client.get(address, follow_redirects=True).status_code == 200, link


def test_prefix_without_slash_redirects(make_dash: Dash, serve_app: Serve) -> None:
    dash = make_dash(allow_unauthenticated=True)
    base = serve_app(in_starlette(dash, "/pools"))
    answer = httpx.get(f"{base}/pools", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/pools/")


def test_host_behind_root_path(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash(allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    app = FastAPI()
    app.mount("/pools", dash)

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        path = "/shop" + scope["path"]  # As uvicorn --root-path does.
        await app({**scope, "root_path": "/shop", "path": path}, receive, send)

    assert ask(behind, "/pools/api/pools").json()[0]["name"] == "orders"
    assert ask(behind, "/pools/").status_code == 200
    assert ask(behind, "/pools/pools/orders").status_code == 200


def test_host_without_lifespan(make_dash: Dash) -> None:
    dash = make_dash(allow_unauthenticated=True)
    assert ask(in_fastapi(dash, "/pools"), "/pools/api/pools").json() == []


@pytest.mark.parametrize("page", [*PAGES, "/api/stream", "/static/app.css", "/nowhere"])
def test_closed_by_default(dash: Dashboard, engine: Engine, page: str) -> None:
    dash.watch(engine, name="canary")
    for method in ("GET", "HEAD", "POST"):
        answer = ask(dash, page, method)
        assert answer.status_code == 401
        assert "canary" not in answer.text


def test_closed_page_says_how_to_open(dash: Dashboard) -> None:
    answer = ask(dash, "/")
    for word in ("auth=", "token=", "POOL_DASHBOARD_TOKEN", "allow_unauthenticated=True"):
        assert word in answer.text


def test_health_is_always_open(dash: Dashboard) -> None:
    answer = ask(dash, "/healthz", host="anything.test")
    assert (answer.status_code, answer.text) == (200, "ok")


def opens(dash: Dashboard, **headers: str) -> int:
    return ask(dash, "/api/pools", **headers).status_code


def test_token_opens(make_dash: Dash) -> None:
    dash = make_dash(token=TOKEN)
    assert opens(dash, authorization=f"Bearer {TOKEN}") == 200
    assert opens(dash) == 401
    assert opens(dash, authorization="Bearer " + "x" * 32) == 401


def test_environment_token_opens(make_dash: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_TOKEN", TOKEN)
    dash = make_dash()
    monkeypatch.delenv("POOL_DASHBOARD_TOKEN")
    assert opens(dash, authorization=f"Bearer {TOKEN}") == 200
    assert opens(dash) == 401


def test_given_token_outranks_environment(make_dash: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_TOKEN", TOKEN[::-1])
    dash = make_dash(token=TOKEN)
    assert opens(dash, authorization=f"Bearer {TOKEN}") == 200
    assert opens(dash, authorization=f"Bearer {TOKEN[::-1]}") == 401


def test_spelled_out_opening_ignores_environment(
    make_dash: Dash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_TOKEN", TOKEN)
    assert opens(make_dash(allow_unauthenticated=True)) == 200


def is_ann(request: Request) -> bool:
    return request.headers.get("x-user") == "ann"


async def is_ann_later(request: Request) -> bool:
    return is_ann(request)


@pytest.mark.parametrize("auth", [is_ann, is_ann_later])
def test_auth_decides(make_dash: Dash, auth: Callable[[Request], Any]) -> None:
    dash = make_dash(auth=auth)
    assert opens(dash, x_user="ann") == 200
    assert opens(dash, x_user="bob") == 401


@pytest.mark.parametrize("answer", [1, "yes", None])
def test_auth_that_is_not_true_is_closed(make_dash: Dash, answer: object) -> None:
    assert opens(make_dash(auth=lambda _: answer)) == 503


def test_auth_that_raises_is_closed(make_dash: Dash) -> None:
    def broken(_: Request) -> bool:
        raise RuntimeError

    assert opens(make_dash(auth=broken)) == 503


def test_allowed_hosts_hold_when_mounted(make_dash: Dash) -> None:
    dash = make_dash(allow_unauthenticated=True, allowed_hosts=["pools.test"])
    assert opens(dash, host="pools.test") == 200
    assert opens(dash, host="evil.test") == 400


def test_frame_ancestors_are_in_the_policy(make_dash: Dash) -> None:
    policy = "content-security-policy"
    dash = make_dash(allow_unauthenticated=True, frame_ancestors=["https://ops.test"])
    assert "frame-ancestors https://ops.test" in ask(dash, "/").headers[policy]
    dash = make_dash(allow_unauthenticated=True)
    assert "frame-ancestors 'none'" in ask(dash, "/").headers[policy]


def test_pool_watched_later_appears(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash(allow_unauthenticated=True)
    assert ask(dash, "/api/pools").json() == []
    watch = dash.watch(engine, name="orders")
    assert [pool["name"] for pool in ask(dash, "/api/pools").json()] == ["orders"]
    watch.stop()
    assert ask(dash, "/api/pools").json() == []
