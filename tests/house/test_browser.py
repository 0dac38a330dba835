"""Pages run in a real browser and tell what went wrong in them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.house import browser as house


def _app(body: str) -> Starlette:
    async def answer(_: Request) -> HTMLResponse:
        policy = {"Content-Security-Policy": "default-src 'none'; script-src 'nonce-good'"}
        return HTMLResponse(f"<!doctype html><title>It</title><body>{body}", headers=policy)

    return Starlette(routes=[Route("/", answer)])


def test_page_shows_title(page: Page, serve_app: Callable[[ASGIApp], str]) -> None:
    page.goto(serve_app(_app("<p>fine")))
    assert page.title() == "It"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>document.title = 'inline'</script>", "script-src-elem forbids inline"),
        ("<p style='color: red'>", "style-src-attr forbids inline"),
        ("<script nonce=good>throw new Error('boom')</script>", "page error: boom"),
    ],
    ids=["inline script", "inline style", "page error"],
)
def test_page_fault_is_collected(
    browser: Browser, serve_app: Callable[[ASGIApp], str], body: str, fault: str
) -> None:
    with browser.new_context() as context:
        faults = house.collect_faults(context)
        context.new_page().goto(serve_app(_app(body)))
        house.settle(context)
        assert [text for text in faults if fault in text] == faults != []
