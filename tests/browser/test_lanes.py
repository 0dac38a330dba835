"""Lanes, heatmaps and the course of one checkout, by mouse and by key."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ChangingReading, in_view, refresh, rest


def cursors(page: Page) -> list[str]:
    """Where the cursors stand that are shown."""
    found: list[str] = page.eval_on_selector_all(
        ".plot .cursor:not([hidden])", "all => all.map((line) => line.style.left)"
    )
    return found


def point(page: Page, chart: str, across: float, down: float) -> None:
    """The pointer rests at these shares of a chart's field."""
    box = in_view(page.locator(f"{chart} .field").first).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def test_bar_under_the_pointer_says_who_held(pool_page: Page) -> None:
    point(pool_page, ".lanes", 0.5, 0.01)
    expect(pool_page.locator(".tip")).to_have_text(
        re.compile("place_order.*held 4 min 37 s and counting.*waited 0.4 ms.*worker-3.*slot 1")
    )
    assert pool_page.locator("#pointed").get_attribute("width") == "100%"
    point(pool_page, ".lanes", 0.999, 0.99)
    expect(pool_page.locator(".tip")).to_be_hidden()


def test_click_on_a_bar_opens_its_checkout(pool_page: Page) -> None:
    point(pool_page, ".lanes", 0.0366, 0.046)
    expect(pool_page.locator("#pointed")).to_have_attribute("width", re.compile("%"))
    pool_page.mouse.down()
    pool_page.mouse.up()
    pool_page.wait_for_url(re.compile(r"/events\?claim=\d+$"))
    expect(pool_page.locator("#claim h2")).to_have_text("One checkout")


def test_named_bar_is_a_link(page: Page, address: str) -> None:
    page.goto(f"{address}/pools/orders")
    link = page.locator(".lanes .names a")
    assert link.count() == 1
    assert re.fullmatch(r"/a/b/events\?claim=\d+", link.get_attribute("href") or "")


def test_arrow_keys_move_between_bars_and_enter_opens(pool_page: Page) -> None:
    in_view(pool_page.locator("#lanefield")).focus()
    pool_page.keyboard.press("ArrowDown")
    expect(pool_page.locator("#say")).to_contain_text("held 4 min 37 s and counting")
    pool_page.keyboard.press("ArrowDown")
    expect(pool_page.locator("#say")).to_contain_text("slot 2")
    pool_page.keyboard.press("Home")
    pool_page.keyboard.press("ArrowRight")
    expect(pool_page.locator("#say")).to_contain_text("held 400 ms")
    pool_page.keyboard.press("Escape")
    expect(pool_page.locator(".tip")).to_be_hidden()
    pool_page.keyboard.press("ArrowDown")
    pool_page.keyboard.press("ArrowDown")
    pool_page.keyboard.press("Enter")
    pool_page.wait_for_url(re.compile(r"/events\?claim=\d+$"))


def test_lanes_keep_focus_and_bar_through_a_swap(pool_page: Page) -> None:
    rest(pool_page)
    in_view(pool_page.locator("#lanefield")).focus()
    pool_page.keyboard.press("ArrowDown")
    pool_page.keyboard.press("ArrowDown")
    before = pool_page.locator("#pointed").get_attribute("y")
    refresh(pool_page, "lanes")
    assert pool_page.evaluate("document.activeElement.id") == "lanefield"
    expect(pool_page.locator("#pointed")).to_have_attribute("y", before or "")
    expect(pool_page.locator("#pointed")).to_have_attribute("width", re.compile("%"))


def test_lanes_rest_while_somebody_points(pool_page: Page) -> None:
    pool_page.evaluate(
        """() => {
          window.asked = [];
          for (const id of ["lanes", "now"]) {
            const part = document.getElementById(id);
            part.dataset.every = "0";
            part.addEventListener("refresh", () => window.asked.push(id));
          }
        }"""
    )
    point(pool_page, ".lanes", 0.5, 0.01)
    pool_page.evaluate("() => { window.asked.length = 0; }")
    pool_page.wait_for_function("() => window.asked.length >= 2")
    assert set(pool_page.evaluate("window.asked")) == {"now"}
    pool_page.mouse.move(2, 2)
    pool_page.wait_for_function("() => window.asked.includes('lanes')")


@pytest.mark.parametrize("path", ["/", "/pools/orders"])
def test_cell_under_the_pointer_says_how_many(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(address + path)
    point(page, ".heat", 0.01, 0.73)
    expect(page.locator(".tip")).to_have_text(
        re.compile(r"\d\d:\d\d:\d\d to \d\d:\d\d:\d\d.*of \d+ (waits|holds).* to ")
    )


def test_event_row_leads_to_its_checkout(live: Page, reading: ChangingReading) -> None:
    link = live.locator("#feed .e-site a").first
    link.click()
    live.wait_for_url(re.compile(r"/events\?claim=\d+$"))
    live.locator("#claim a:has-text('Close')").click()
    live.wait_for_url(re.compile("/events$"))
    assert live.locator("#claim").count() == 0


def test_status_counts_on(pool_page: Page, reading: ChangingReading) -> None:
    lasting = pool_page.locator('[data-cell="lasting"]')
    expect(lasting).to_have_text(re.compile("^for "))
    reading.change("orders", used=3, pending_requests=0, waiting=())
    expect(lasting).to_have_text("")
    reading.change("orders", used=30, pending_requests=2)
    expect(lasting).to_have_text(re.compile("^for "))


def test_tables_of_charts_work_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/pools/orders")
    page.locator("#rows-lanes > summary").click()
    page.locator("#rows-lanes a").first.click()
    page.wait_for_url(re.compile(r"/events\?claim=\d+$"))
    page.goto(f"{address}/")
    page.locator("#rows-waits > summary").click()
    assert page.locator("#rows-waits tbody tr").count() == 12
    context.close()


def test_keys_move_the_cursor_of_both_charts_and_freeze(
    pool_page: Page, reading: ChangingReading
) -> None:
    rest(pool_page)
    in_view(pool_page.locator('.plot[data-plot="connections"] .field')).focus()
    pool_page.keyboard.press("ArrowLeft")
    expect(pool_page.locator(".tip")).to_contain_text("Enter to freeze this moment")
    pool_page.keyboard.press("ArrowLeft")
    expect(pool_page.locator("#say")).to_contain_text("09:03:05, in use 1")
    expect(pool_page.locator(".plot .cursor:visible")).to_have_count(2)
    before = cursors(pool_page)
    assert before[0] == before[1]
    legends = pool_page.locator(".legend.is-then")
    expect(legends).to_have_text(["in use 1overflow 0capacity 30", "p99 10 msp50 0.4 ms"])
    reading.go_on(2)
    refresh(pool_page, "trend")
    expect(pool_page.locator(".tip")).to_contain_text("09:03:05in use 1")
    expect(legends).to_have_text(["in use 1overflow 0capacity 30", "p99 10 msp50 0.4 ms"])
    after = cursors(pool_page)
    assert after[0] == after[1]
    assert float(after[0][:-1]) < float(before[0][:-1])
    pool_page.keyboard.press("ArrowRight")
    expect(pool_page.locator("#say")).to_contain_text("09:03:20, in use 2")
    pool_page.keyboard.press("Escape")
    expect(legends).to_have_count(0)
    pool_page.keyboard.press("Home")
    pool_page.keyboard.press("Enter")
    expect(pool_page.locator("#frozen")).to_be_visible()


def test_cursor_under_the_pointer_survives_a_swap(pool_page: Page) -> None:
    rest(pool_page)
    point(pool_page, '.plot[data-plot="wait"]', 0.2, 0.5)
    tip = pool_page.locator(".tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("Click to freeze this moment")
    expect(pool_page.locator(".plot .cursor:visible")).to_have_count(2)
    said, before = tip.text_content() or "", cursors(pool_page)
    refresh(pool_page, "trend")
    expect(tip).to_be_visible()
    expect(tip).to_have_text(said)
    assert cursors(pool_page) == before


def test_keys_move_between_cells_of_a_heatmap(pool_page: Page) -> None:
    rest(pool_page)
    in_view(pool_page.locator(".heat .field")).focus()
    pool_page.keyboard.press("ArrowRight")
    said = pool_page.locator("#say")
    expect(said).to_have_text(re.compile(r"[1-9]\d* of \d+ holds"))
    first = said.inner_text()
    pool_page.keyboard.press("ArrowUp")
    pool_page.keyboard.press("ArrowLeft")
    expect(said).not_to_have_text(first)
    expect(pool_page.locator(".tip")).to_be_visible()
    refresh(pool_page, "trend")
    expect(pool_page.locator(".tip")).to_have_text(said.inner_text().replace(", ", ""))
