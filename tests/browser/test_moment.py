"""A moment in the address: a copied link shows a colleague the same, and nothing moves."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from .conftest import ChangingReading, checked_out, copied, refresh


def moment(page: Page) -> datetime:
    found = re.search(r"[?&]at=([^&#]+)", page.url)
    assert found is not None
    return datetime.fromisoformat(found[1])


@pytest.mark.parametrize("path", ["/", "/pools/orders?range=5m", "/events?pool=orders"])
def test_copied_link_holds_the_moment(page: Page, address: str, path: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address + path)
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator("[data-copy-link]").click()
    expect(page.locator("#say")).to_have_text("Copied.")
    page.goto(copied(page, address + path))
    expect(page.locator("#frozen")).to_contain_text("Frozen at")
    assert moment(page) == datetime(2026, 11, 22, 9, 3, 20, tzinfo=UTC)
    assert path.partition("?")[2] in page.url
    page.locator("text=Back to live").click()
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page).to_have_url(re.compile(re.escape(address + path) + r"\??$"))
    page.go_back()
    expect(page.locator("#frozen")).to_be_visible()


def test_frozen_page_stands_still(page: Page, address: str, reading: ChangingReading) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/pools/orders?at=1795338140")
    other = page.context.new_page()
    other.goto(f"{address}/pools/orders")
    expect(other.locator("#live-word")).to_have_text("Live")
    before = page.content()
    asked.clear()
    reading.change("orders", used=3)
    reading.happen(checked_out(7))
    expect(other.locator('.figs [data-cell="used"]')).to_have_text("3")
    refresh(other, "now")
    assert (page.content(), asked) == (before, [])
    assert "data-every" not in before


def test_click_on_a_chart_goes_to_its_moment(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders")
    field = page.locator('.plot[data-plot="connections"] .field')
    box = field.bounding_box()
    assert box is not None
    field.hover(position={"x": box["width"] - 2, "y": 40})
    expect(page.locator(".tip")).to_contain_text("Click to freeze this moment")
    field.click(position={"x": box["width"] - 2, "y": 40})
    expect(page.locator("#frozen")).to_be_visible()
    # The wave of the reading ends at 9:03:20.
    assert moment(page) == datetime(2026, 11, 22, 9, 3, 20, tzinfo=UTC)


def test_range_keeps_the_moment(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders?at=1795338140")
    page.keyboard.press("3")
    expect(page).to_have_url(re.compile("range=1h"))
    expect(page.locator(".seg [aria-current]")).to_have_text("1 h")
    assert moment(page).timestamp() == 1795338140
    page.keyboard.press("Space")
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page).to_have_url(re.compile(r"\?range=1h$"))


def test_times_in_the_table_lead_to_their_moment(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders")
    page.locator("#rows-connections summary").click()
    page.locator("#rows-connections tbody a").first.click()
    page.wait_for_url(re.compile("[?&]at="))
    assert moment(page) == datetime(2026, 11, 22, 9, 3, 20, tzinfo=UTC)
