"""A real browser and the token in the address: cookies obey rules that no other client has."""

import pytest
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from dashboard.web.access import Access
from dashboard.web.site import build

from .crowded import TOKEN
from .given import orders
from .sites import Serve


@pytest.mark.parametrize("prefix", ["", "/ops/pools"])
def test_address_with_token_opens(page: Page, serve_app: Serve, prefix: str) -> None:
    site = build(orders(), Access(token=TOKEN))
    base = serve_app(Starlette(routes=[Mount(prefix, site)])) + prefix
    refused = page.goto(f"{base}/api/pools")
    assert refused is not None
    assert refused.status == 401
    page.goto(f"{base}/api/pools?token={TOKEN}")
    assert page.url == f"{base}/api/pools"
    assert '"name":"orders"' in page.content()
    assert page.evaluate("document.cookie") == ""


def test_link_on_another_site_opens(page: Page, serve_app: Serve) -> None:
    base = serve_app(build(orders(), Access(token=TOKEN)))

    async def elsewhere(_: Request) -> HTMLResponse:
        return HTMLResponse(
            f'<a id="first" href="{base}/leaks?token={TOKEN}">with the token</a>'
            f'<a id="later" href="{base}/leaks?range=5m">without</a>'
        )

    other = serve_app(Starlette(routes=[Route("/", elsewhere)])).replace("127.0.0.1", "localhost")
    page.goto(other)
    page.click("#later")
    page.wait_for_url(f"{base}/leaks?range=5m&token=")
    assert page.title() == "A token is needed"
    page.goto(other)
    page.click("#first")
    page.wait_for_url(f"{base}/leaks")
    assert page.title() != "A token is needed"
    page.goto(other)
    page.click("#later")
    page.wait_for_url(f"{base}/leaks?range=5m")
    page.wait_for_function("document.title != 'A token is needed'")
    assert page.url == f"{base}/leaks?range=5m"
