"""From the list to an incident by key, and its evidence to the clipboard."""

import re
from dataclasses import replace

from playwright.sync_api import Page, expect

from dashboard.model.snapshot import StackFrame
from tests.web.moments import incident
from tests.web.readings import AT, checkout, pool

from .conftest import ChangingReading, copied

ORDERS = "orders-20261122-090320"


def test_keys_lead_to_an_incident(live: Page) -> None:
    live.keyboard.press("g")
    live.keyboard.press("i")
    live.wait_for_url(re.compile("/incidents$"))
    expect(live.locator("h1")).to_have_text("2 incidents, 1 going on")
    live.keyboard.press("j")
    live.keyboard.press("j")
    live.keyboard.press("Enter")
    live.wait_for_url(re.compile(f"/incidents/{ORDERS}$"))
    expect(live.locator(".nav [aria-current]")).to_contain_text("Incidents")


def test_incident_is_copied_as_markdown(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/incidents/{ORDERS}")
    for summary in page.locator("summary:visible").all():
        summary.click()
    page.locator("[data-copy-from]").click()
    expect(page.locator("#say")).to_have_text("Copied.")
    assert f"{address}/incidents/{ORDERS}`" in copied(page, f"# Incident `{ORDERS}`\n")


def test_long_names_do_not_widen_the_page(
    page: Page, address: str, reading: ChangingReading
) -> None:
    frames = (StackFrame("shop/reports.py", 17, "generated_" * 16, is_library=False),)
    held = replace(checkout(2.0), stack=frames, now=frames)
    kept = incident(pool("long", used=1, maximum=1, open=(held,)), AT)
    reading.moments = [kept]
    page.set_viewport_size({"width": 768, "height": 900})
    page.goto(f"{address}/incidents/{kept.id}")
    expect(page.locator("#holders .site").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 768
