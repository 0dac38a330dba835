"""axe-core finds nothing, on every page, in both themes, wide and narrow."""

from pathlib import Path

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
    "/pools/nope",
]


def violations(page: Page) -> list[str]:
    """One phrase for each rule that is broken."""
    page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found["violations"]]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(browser: Browser, address: str, path: str) -> None:
    for scheme in ("light", "dark"):
        for width in (1440, 390):
            context = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
            )
            page = context.new_page()
            page.goto(address + path)
            found = violations(page)
            context.close()
            assert (scheme, width, found) == (scheme, width, [])


@pytest.mark.parametrize("path", PAGES)
def test_nothing_scrolls_sideways(page: Page, address: str, path: str) -> None:
    for width in (320, 390, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


@pytest.mark.parametrize("path", PAGES)
def test_targets_are_large_enough(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address + path)
    small = page.evaluate(
        """(controls) => [...document.querySelectorAll(controls)]
        .filter((each) => each.checkVisibility())
        .map((each) => [each, each.getBoundingClientRect()])
        .filter(([, place]) => place.height < 24 || place.width < 24)
        .map(([each]) => each.outerHTML.slice(0, 100))""",
        "button, .btn, .seg a, .nav a, summary, select, input",
    )
    assert small == []


def test_page_is_complete_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")
    assert page.locator(".live:visible").all_inner_texts() == ["Reload"]
    assert page.locator("tr[data-pool]").count() == 4
    page.goto(f"{address}/events?q=nobody")
    assert page.locator("text=No kept event matches this filter").is_visible()
    context.close()
