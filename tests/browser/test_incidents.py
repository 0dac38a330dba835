"""From the list to an incident by key, and its evidence to the clipboard."""

import re

from playwright.sync_api import Page, expect

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
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"# Incident `{ORDERS}`\n")
    assert f"{address}/incidents/{ORDERS}`" in copied
