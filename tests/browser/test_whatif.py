"""Another limit to each host, chosen in a browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.advised import Banking


@pytest.fixture
def reading() -> Banking:
    """An aiohttp pool in place of the others."""
    return Banking()


def test_other_limit_to_each_host_keeps_the_size(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/bank?predict=1")
    page.locator("[data-slider]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-setting]")).to_have_text("limit=30, limit_per_host=4")
    page.get_by_label("limit_per_host").fill("10")
    page.get_by_role("button", name="Predict with it").click()
    expect(page.locator("[data-setting]")).to_have_text("limit=30, limit_per_host=10")
    expect(page.locator("[data-outcome]")).to_contain_text(
        "30 connections, at most 10 to each host"
    )
    expect(page.locator("#whatif")).to_contain_text("As it is: 20 connections, at most 4")
    expect(page.get_by_label("limit_per_host")).to_have_value("10")
