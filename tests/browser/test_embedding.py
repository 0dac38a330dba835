"""In a frame of the host's page under the host's own policy, and behind a proxy's prefix."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.access import Access
from dashboard.web.site import build

from .conftest import MOUNT, ChangingReading

PATHS = ["/", "/pools/orders?predict=1", "/advice?pool=orders", "/incidents"]


async def frame(request: Request) -> HTMLResponse:
    """The host's page; what it frames is in its address."""
    path = request.query_params["path"]
    return HTMLResponse(f'<title>Ops</title><h1>Ops</h1><iframe src="{path}"></iframe>')


class Strict(BaseHTTPMiddleware):
    """The host's policy, beside ours on every answer."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Two policies hold at once."""
        answer = await call_next(request)
        answer.headers.append("content-security-policy", "default-src 'self'; object-src 'none'")
        return answer


@pytest.mark.parametrize("path", PATHS)
def test_framed_page_lives_under_the_policy_of_its_host(
    page: Page, serve_app: Callable[[ASGIApp], str], reading: ChangingReading, path: str
) -> None:
    site = build(reading, Access(allow_unauthenticated=True), frame_ancestors=["'self'"])
    routes = [Route("/ops", frame), Mount(MOUNT, site)]
    host = Starlette(routes=routes, middleware=[Middleware(Strict)])
    page.goto(f"{serve_app(host)}/ops?path={MOUNT}{path}".replace("&", "%26"))
    inside = page.frame_locator("iframe")
    expect(inside.locator("#live-word")).to_have_text("Live")
    expect(inside.locator("h1")).not_to_be_empty()
    links = inside.locator("a[href^='/']").evaluate_all(
        "all => all.map((each) => each.getAttribute('href'))"
    )
    assert [each for each in links if not each.startswith(MOUNT)] == []
    inside.locator("#theme").click()
    site.close()


@pytest.mark.parametrize("path", PATHS)
def test_page_lives_behind_a_prefix_that_a_proxy_takes_off(
    page: Page, serve_app: Callable[[ASGIApp], str], reading: ChangingReading, path: str
) -> None:
    site = build(reading, Access(allow_unauthenticated=True))

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith(MOUNT), f"{scope['path']} is not below {MOUNT}"
            scope = {**scope, "root_path": MOUNT}
        await site(scope, receive, send)

    page.goto(serve_app(proxied) + MOUNT + path)
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator(".nav a[data-go=i]").click()
    expect(page.locator("h1")).to_contain_text("incident")
    site.close()
