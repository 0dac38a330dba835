"""The same keys on every page, all of them on the list, none while somebody types."""

import re

import pytest
from playwright.sync_api import Page, expect

PAGES = {
    "p": "/",
    "l": "/leaks",
    "a": "/advice",
    "i": "/incidents",
    "e": "/events",
}


def test_letters_lead_from_every_page_to_the_next(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders?at=1795338140")
    for letter in (*PAGES, "l", "i", "a", "p"):
        with page.expect_navigation():
            page.keyboard.type(f"g{letter}")
        page.wait_for_url(re.compile(f"/a/b{PAGES[letter]}(\\?.*)?$"))


@pytest.mark.parametrize("path", [*PAGES.values(), "/pools/orders"])
def test_rows_move_and_pages_pause(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    expect(page.locator("#live-word")).to_have_text("Live")
    page.keyboard.press("j")
    page.wait_for_function("() => document.activeElement !== document.body")
    first = page.locator(":focus").inner_text()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(":focus")).to_have_text(first, use_inner_text=True)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator("#live-word")).to_have_text("Paused")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_list_names_every_key(page: Page, address: str) -> None:
    page.goto(f"{address}/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    listed = set(page.locator("#keys kbd").all_inner_texts())
    keys = {"j", "k", "Enter", "g", *PAGES, "1", "4", "Space", "/", "c", "t", "?", "Esc"}
    assert keys <= listed


def test_typing_is_left_alone(page: Page, address: str) -> None:
    page.goto(f"{address}/events")
    page.keyboard.press("/")
    page.keyboard.type("gatt?")
    expect(page.locator("[name=q]")).to_have_value("gatt?")
    expect(page.locator("#keys")).to_be_hidden()
