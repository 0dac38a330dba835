"""axe-core finds nothing, on every page, in both themes, wide and narrow."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import rest

AXE = (Path(__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Pages, and what of them axe looks at where the rest is a page of this list already.
PAGES = {
    "/": "",
    "/pools/orders?predict=1": "",
    "/pools/orders": "#whatif",
    "/pools/warehouse": ".ph, .hero, #lanes",
    "/leaks": "",
    "/events": "",
    "/events?claim=1": "#claim",
    "/events?claim=99": "#claim",
    "/incidents": "",
    "/incidents/orders-20261122-090320": "",
    "/incidents/gone": "#main",
    "/pools/nope": "#main",
    "/advice": "",
    "/advice?pool=orders&max_connections=40&workers=3": "#budget, #whatif, #list",
    "/?at=1795338140": "",
    "/pools/orders?at=1795338140": "",
}
#: What depends on the theme, or on the width.
THEMED = ["color-contrast"]
SIZED = ["color-contrast", "target-size"]


SMALL = """(controls) => [...document.querySelectorAll(controls)]
  .filter((each) => each.checkVisibility())
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, place]) => place.height < 24 || place.width < 24)
  .map(([each]) => each.outerHTML.slice(0, 100))"""


#: Pixels beyond the window, once what is drawn by script has followed it.
SPILLED = """async () => {
  const spilled = () => Math.max(0, document.documentElement.scrollWidth - innerWidth);
  for (let n = 0; n < 500 && spilled(); n += 1) await new Promise((done) => setTimeout(done, 10));
  return spilled();
}"""


def violations(page: Page, part: str, rules: list[str] | None = None) -> list[str]:
    """One phrase for each rule that is broken; all rules unless some are named."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
    within = {"include": [[each.strip()] for each in part.split(",")]} if part else {}
    found = page.evaluate(
        "([within, only]) => axe.run(within.include ? within : document, "
        "{runOnly: only, resultTypes: ['violations']})",
        [within, only],
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found["violations"]]


@pytest.mark.parametrize(("path", "part"), PAGES.items())
def test_page_is_for_all_eyes_widths_and_fingers(
    page: Page, address: str, path: str, part: str
) -> None:
    page.goto(address + path)
    for summary in page.locator(".advs summary:visible").all()[:2]:
        summary.click()
    rest(page)
    page.evaluate(AXE)
    runs: tuple[tuple[Literal["light", "dark"], int, list[str] | None], ...] = (
        ("light", 1440, None),
        ("dark", 1440, THEMED),
        ("dark", 390, None),
        ("light", 390, SIZED),
    )
    for scheme, width, rules in runs:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        assert (scheme, width, violations(page, part, rules)) == (scheme, width, [])
    for width in (320, 390, 768, 1024, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        assert (width, page.evaluate(SPILLED)) == (width, 0)
        assert page.evaluate(SMALL, "button, .btn, .seg a, .nav a, summary, select, input") == []


def test_page_is_complete_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")
    expect(page.locator(".live:visible")).to_have_text(["Reload"])
    expect(page.locator("tr[data-pool]")).to_have_count(4)
    page.goto(f"{address}/advice?pool=orders&size=30")
    expect(page.locator("text=30 connections and 10 overflow")).to_be_visible()
    expect(page.locator("[data-slider]")).to_be_hidden()
    page.locator("#rows-whatif summary").click()
    page.locator("#rows-whatif tbody a").first.click()
    expect(page.locator("text=15 connections and 10 overflow")).to_be_visible()
    page.goto(f"{address}/pools/orders?at=1795338140")
    expect(page.locator("text=Back to live")).to_be_visible()
    page.goto(f"{address}/events?q=nobody")
    expect(page.locator("text=No kept event matches this filter")).to_be_visible()
    context.close()
