"""Streams by tab: nine share one, a hidden one has none, a thawed or reconnected one no doubles."""

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard.web.site import Site
from tests.web.hosting import await_start, hosting
from tests.web.listening import eventually

from .conftest import ChangingReading, checked_out

KEYS = "all => all.map((row) => row.innerText)"
SHOW = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def alone(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser without shared workers, gone before its server."""
    del site
    context = browser.new_context()
    context.add_init_script("delete globalThis.SharedWorker")
    yield context
    context.close()


def is_live(page: Page) -> None:
    expect(page.locator("#live-word")).to_have_text("Live")


def test_nine_tabs_share_one_stream(browser: Browser, address: str, site: Site) -> None:
    context = browser.new_context()
    pages = [context.new_page() for _ in range(9)]
    for page in pages:
        page.goto(f"{address}/leaks")
    for page in pages:
        is_live(page)
    eventually(lambda: site.streams.count == 1)
    for page in pages:
        page.close()
    eventually(lambda: site.streams.count == 0)
    context.close()


def test_hidden_tab_closes_its_stream_and_catches_up(
    address: str, site: Site, alone: BrowserContext, reading: ChangingReading
) -> None:
    page = alone.new_page()
    page.goto(f"{address}/")
    is_live(page)
    eventually(lambda: site.streams.count == 1)
    page.evaluate(SHOW, "hidden")
    eventually(lambda: site.streams.count == 0)
    reading.change("sessions", used=9)
    reading.happen(checked_out(70))
    page.evaluate(SHOW, "visible")
    expect(page.locator('tr[data-pool="sessions"] [data-cell="used"]')).to_have_text("9")
    expect(page.locator("#feed tbody tr")).to_have_count(4)
    rows = page.eval_on_selector_all("#feed tbody tr", KEYS)
    assert len(set(rows)) == 4


def test_thawed_tab_shows_the_newest_and_no_doubles(
    page: Page, address: str, reading: ChangingReading
) -> None:
    page.goto(f"{address}/")
    is_live(page)
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = page.context.new_page()
    other.goto(f"{address}/")
    for number in range(40):
        reading.happen(checked_out(100 + number))
    reading.change("sessions", used=13)
    cell = 'tr[data-pool="sessions"] [data-cell="used"]'
    expect(other.locator(cell)).to_have_text("13")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    page.bring_to_front()
    expect(page.locator(cell)).to_have_text("13")
    claims = "all => all.map((link) => link.href)"
    expect(page.locator("#feed tbody tr")).to_have_count(16)
    links = page.eval_on_selector_all("#feed .e-site a", claims)
    assert len(set(links)) == len(links)
    is_live(page)


def test_restarted_server_is_found_again_without_doubles(browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = browser.new_context()
    page = context.new_page()
    with hosting(app="alone", port=port) as (base, process):
        await_start(base, process, "/healthz")
        page.goto(f"{base}/")
        is_live(page)
        before = page.eval_on_selector_all("#feed tbody tr", KEYS)
    with hosting(app="alone", port=port) as (base, process):
        await_start(base, process, "/healthz")
        with page.expect_response(lambda answer: "part=findings" in answer.url, timeout=60_000):
            pass
        is_live(page)
        assert page.eval_on_selector_all("#feed tbody tr", KEYS) == before
    assert len(set(before)) == 3
    context.close()
