"""The dashboard in a service behind TLS and a prefix, in a real browser, the stream included."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from dashboard import Dashboard
from tests.house.browser import collect_faults, settle
from tests.house.servers import running
from tests.practice.proxy import https, proxy

PREFIX = "/tools"
MOUNT = "/ops/pools"
TOKEN = "a-reading-token-of-this-test"


async def log_in(_: Request) -> Response:
    """The host's own login, reduced to its cookie."""
    answer = RedirectResponse(f"{PREFIX}{MOUNT}/", 303)
    answer.set_cookie("session", "ann", httponly=True, secure=True, samesite="lax", path=PREFIX)
    return answer


async def form(_: Request) -> Response:
    """A form, as a person meets it."""
    return HTMLResponse(
        f'<form method="post" action="{PREFIX}/login"><button>Log in</button></form>'
    )


@contextmanager
def service(dash: Dashboard, folder: Path) -> Iterator[str]:
    """The address of the service's dashboard as a browser sees it."""
    app = Starlette(
        routes=[
            Route("/login", form, methods=["GET"]),
            Route("/login", log_in, methods=["POST"]),
            Mount(MOUNT, dash),
        ]
    )
    behind = {"root_path": PREFIX, "proxy_headers": True, "forwarded_allow_ips": "127.0.0.1"}
    with ExitStack() as stack:
        stack.callback(dash.stop)
        port = stack.enter_context(running(app, **behind))
        outside = stack.enter_context(https(proxy(f"http://127.0.0.1:{port}", PREFIX), folder))
        yield f"{outside}{PREFIX}"


@pytest.fixture
def secure_page(browser: Browser) -> Iterator[Page]:
    """A page that takes the test's certificate; faults in it fail the test."""
    context = browser.new_context(ignore_https_errors=True)
    faults = collect_faults(context)
    yield context.new_page()
    settle(context)
    context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def engine() -> Iterator[QueuePool]:
    """A pool with something to see."""
    made = create_engine("sqlite://", poolclass=QueuePool, pool_size=3)
    yield made.pool  # type: ignore[misc]
    made.dispose()


def shows_live_checkouts(page: Page, pool: QueuePool) -> None:
    """What the pool does while the page is open arrives through the stream."""
    expect(page.locator("#live-word")).to_have_text("Live")
    held = [pool.connect(), pool.connect()]
    cell = page.locator('tr[data-pool="orders"] [data-cell="used"]')
    expect(cell).to_have_text("2")
    for each in held:
        each.close()
    expect(cell).to_have_text("0")


def test_host_login_opens_the_dashboard(
    secure_page: Page, engine: QueuePool, tmp_path: Path
) -> None:
    dash = Dashboard(auth=lambda request: request.cookies.get("session") == "ann")
    dash.watch(engine, name="orders")
    with service(dash, tmp_path) as base:
        refused = secure_page.goto(f"{base}{MOUNT}/")
        assert refused is not None
        assert refused.status in {401, 403}
        secure_page.goto(f"{base}/login")
        secure_page.get_by_role("button", name="Log in").click()
        secure_page.wait_for_url(f"{base}{MOUNT}/")
        shows_live_checkouts(secure_page, engine)
        secure_page.locator('tr[data-pool="orders"] a').first.click()
        secure_page.wait_for_url(f"{base}{MOUNT}/pools/orders*")
        expect(secure_page.locator("#live-word")).to_have_text("Live")


def test_login_that_ends_closes_the_dashboard(
    secure_page: Page, engine: QueuePool, tmp_path: Path
) -> None:
    dash = Dashboard(auth=lambda request: request.cookies.get("session") == "ann")
    dash.watch(engine, name="orders")
    with service(dash, tmp_path) as base:
        secure_page.goto(f"{base}/login")
        secure_page.get_by_role("button", name="Log in").click()
        secure_page.wait_for_url(f"{base}{MOUNT}/")
        secure_page.context.clear_cookies()
        again = secure_page.reload()
        assert again is not None
        assert again.status in {401, 403}


def test_token_becomes_a_cookie_of_the_prefix(
    secure_page: Page, engine: QueuePool, tmp_path: Path
) -> None:
    dash = Dashboard(token=TOKEN)
    dash.watch(engine, name="orders")
    with service(dash, tmp_path) as base:
        secure_page.goto(f"{base}{MOUNT}/?token={TOKEN}")
        secure_page.wait_for_url(f"{base}{MOUNT}/")
        (cookie,) = secure_page.context.cookies()
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
            True,
            True,
            "Strict",
            f"{PREFIX}{MOUNT}",
        )
        assert TOKEN not in cookie["value"]
        shows_live_checkouts(secure_page, engine)
