"""The Advice page and the slider: keys, copies, and nothing that moves while it is read."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.advised import advice
from tests.web.test_before_and_after import COMPARED

from .conftest import ChangingReading, copied, refresh, rest


@pytest.fixture
def listed(page: Page, address: str) -> Page:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/advice?pool=orders")
    expect(page.locator("#live-word")).to_have_text("Live")
    return page


def test_first_screen_is_the_answer(listed: Page) -> None:
    expect(listed.locator("h1")).to_have_text("2 changes worth making")
    expect(listed.locator(".advs details[open]")).to_have_count(1)
    place = listed.locator("#g-remarks").bounding_box()
    assert place is not None
    assert place["y"] < 1000


def test_keys_open_and_close_an_advice(listed: Page) -> None:
    listed.keyboard.press("j")
    listed.keyboard.press("j")
    listed.keyboard.press("Enter")
    expect(listed.locator(".advs details[open]")).to_have_count(2)
    listed.keyboard.press("g")
    listed.keyboard.press("p")
    listed.wait_for_url(re.compile("/a/b/$"))


def test_refresh_keeps_what_is_open_and_focused(listed: Page, reading: ChangingReading) -> None:
    second = listed.locator(".advs > li").nth(1)
    second.locator("> details > summary").click()
    listed.locator(".advs > li").first.locator("> details > summary").click()
    second.locator("> details > summary").focus()
    top = listed.evaluate("scrollY")
    reading.advices = [advice(severity="critical", rule="R03", title="a new one"), *reading.advices]
    refresh(listed, "list")
    expect(listed.locator("h1")).to_have_text("3 changes worth making")
    opened = listed.locator(".advs details[open] b")
    expect(opened.filter(has_text="orders is too small")).to_have_count(1)
    expect(opened.filter(has_text="rollup does not return its connections")).to_have_count(0)
    expect(listed.locator(":focus b")).to_have_text("orders is too small")
    assert listed.evaluate("scrollY") == top


def test_list_that_fails_says_so_and_heals(listed: Page, reading: ChangingReading) -> None:
    rest(listed)
    sound = reading.advices
    reading.advices = None  # type: ignore[assignment]
    refresh(listed, "list")
    expect(listed.locator("#list .failed")).to_contain_text("Internal error")
    expect(listed.locator("#list .advs").first).to_be_visible()
    expect(listed.locator("[data-slider]")).to_be_visible()
    reading.advices = sound
    listed.locator("[data-retry]").click()
    expect(listed.locator("#list .failed")).to_have_count(0)
    expect(listed.locator("h1")).to_have_text("2 changes worth making")


def test_list_waits_while_an_explanation_is_open(listed: Page) -> None:
    listed.locator(".advs .why").first.click()
    expect(listed.locator(".advs .pop").first).to_be_visible()
    listed.evaluate(
        """async () => {
          const { base } = document.documentElement.dataset;
          const { refresh } = await import(`${base}/static/js/fragments.js`);
          const list = document.getElementById("list");
          list.dataset.every = "0";
          list.addEventListener("refresh", () => { window.refreshed = true; });
          refresh();
        }"""
    )
    assert listed.evaluate("window.refreshed") is None
    listed.keyboard.press("Escape")
    listed.mouse.move(2, 2)
    listed.wait_for_function("() => window.refreshed")


def test_comparison_stays_as_it_was_left(listed: Page, reading: ChangingReading) -> None:
    reading.compared = [COMPARED]
    refresh(listed, "list")
    turn = listed.locator(".turns details")
    expect(turn.locator("summary")).to_contain_text("deploy 1.4.2")
    row = turn.get_by_role("row", name="Wait p95")
    expect(row).to_contain_text("12-40 ms")
    was_open = turn.get_attribute("open") is not None
    turn.locator("summary").click()
    refresh(listed, "list")
    left = listed.locator(f".turns details{':not([open])' if was_open else '[open]'}")
    expect(left).to_have_count(1)


def test_slider_tells_the_size_and_survives_a_refresh(listed: Page) -> None:
    slider = listed.locator("[data-slider]")
    expect(listed.locator("[data-outcome]")).to_contain_text("20 connections and 10 overflow")
    slider.focus()
    listed.keyboard.press("ArrowRight")
    expect(listed.locator("[data-outcome]")).to_contain_text("30 connections and 10 overflow")
    expect(listed.locator("[data-setting]")).to_have_text("pool_size=30, max_overflow=10")
    refresh(listed, "list")
    expect(slider).to_have_value("2")
    expect(slider).to_be_focused()
    for field in listed.locator("#whatif .plot .field").all():
        field.hover()
    expect(listed.locator(".tip")).to_contain_text("connections")


def test_change_and_setting_are_copied(listed: Page) -> None:
    listed.context.grant_permissions(["clipboard-read", "clipboard-write"])
    listed.locator(".advs [data-copy]").first.click()
    expect(listed.locator("#say")).to_have_text("Copied.")
    assert copied(listed, "-    pool_size") == "-    pool_size=20,\n+    pool_size=30,"
    listed.locator("#whatif [data-copy]").click()
    copied(listed, "pool_size=20")
    listed.keyboard.press("c")
    assert "## Advice (3)" in copied(listed, "# Pool report")


def test_budget_and_pool_are_asked_in_the_address(listed: Page) -> None:
    listed.locator("[name=max_connections]").fill("40")
    listed.locator("[name=deadline]").fill("2.5")
    listed.locator("[name=deadline]").press("Enter")
    listed.wait_for_url(re.compile("(?=.*max_connections=40)(?=.*deadline=2.5)(?=.*pool=orders)"))
    expect(listed.locator("#budget")).to_contain_text("40")
    listed.locator("#whatif select[name=pool]").select_option("sessions")
    listed.locator("#whatif form button").click()
    listed.wait_for_url(re.compile("(?=.*pool=sessions)(?=.*max_connections=40)"))
    listed.go_back()
    listed.wait_for_url(re.compile("pool=orders"))


def test_prediction_of_a_pool_stays_through_refreshes(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders")
    expect(page.locator("#advice-link")).to_contain_text("2 changes worth making")
    page.locator("text=Predict other sizes").click()
    page.locator("[data-slider]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-outcome]")).to_contain_text("15 connections")
    refresh(page, "trend")
    expect(page.locator("[data-slider]")).to_have_value("0")
    expect(page.locator("[data-slider]")).to_be_focused()
