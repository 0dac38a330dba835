"""axe-core finds nothing, on every page, in both themes, wide and narrow."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

AXE = (Path(__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "/",
    "/pools/orders",
    "/pools/warehouse",
    "/leaks",
    "/events",
    "/events?claim=1",
    "/events?claim=99",
    "/incidents",
    "/incidents/orders-20261122-090320",
    "/incidents/gone",
    "/pools/nope",
    "/advice",
    "/advice?pool=orders&max_connections=40&workers=3",
    "/pools/orders?predict=1",
    "/?at=1795338140",
    "/pools/orders?at=1795338140",
]


SMALL = """(controls) => [...document.querySelectorAll(controls)]
  .filter((each) => each.checkVisibility())
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, place]) => place.height < 24 || place.width < 24)
  .map(([each]) => each.outerHTML.slice(0, 100))"""


def violations(page: Page) -> list[str]:
    """One phrase for each rule that is broken."""
    page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found["violations"]]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    for summary in page.locator(".advs summary:visible").all()[:2]:
        summary.click()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert (scheme, width, violations(page)) == (scheme, width, [])


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_every_width_and_finger(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    for width in (320, 390, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        assert page.evaluate(SMALL, "button, .btn, .seg a, .nav a, summary, select, input") == []


def test_page_is_complete_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")
    assert page.locator(".live:visible").all_inner_texts() == ["Reload"]
    assert page.locator("tr[data-pool]").count() == 4
    page.goto(f"{address}/advice?pool=orders&size=30")
    assert page.locator("text=30 connections and 10 overflow").is_visible()
    assert page.locator("[data-slider]").is_hidden()
    page.locator("#rows-whatif summary").click()
    page.locator("#rows-whatif tbody a").first.click()
    assert page.locator("text=15 connections and 10 overflow").is_visible()
    page.goto(f"{address}/pools/orders?at=1795338140")
    assert page.locator("text=Back to live").is_visible()
    page.goto(f"{address}/events?q=nobody")
    assert page.locator("text=No kept event matches this filter").is_visible()
    context.close()
