"""Charts on canvas: a zoom, a live line, and the drawing where canvas is worse."""

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ChangingReading, refresh, rest

CONNECTIONS = '.plot[data-plot="connections"]'
USE = {"light": [43, 104, 207], "dark": [90, 152, 242]}
PIXELS = """([red, green, blue]) => {
  const canvas = document.querySelector('.plot[data-plot="connections"] canvas');
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let n = 0; n < data.length; n += 4) {
    if (data[n] === red && data[n + 1] === green && data[n + 2] === blue) return true;
  }
  return false;
}"""


@pytest.fixture
def plots(pool_page: Page) -> Page:
    """A pool's page that has its charts on canvas, and fetches parts only when the test says so."""
    expect(pool_page.locator(".plot canvas")).to_have_count(2)
    rest(pool_page)
    return pool_page


def drag(page: Page, begin: float, end: float) -> None:
    """From one share of the chart's width to another."""
    field = page.locator(f"{CONNECTIONS} .field")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    y = box["y"] + 60
    page.mouse.move(box["x"] + box["width"] * begin, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (begin + end) / 2, y)
    page.mouse.move(box["x"] + box["width"] * end, y)
    page.mouse.up()


def shown(page: Page) -> list[float]:
    """The stretch of time that the address names."""
    found = re.search(r"[?&]zoom=(\d+)-(\d+)", page.url)
    return [float(each) for each in found.groups()] if found else []


@pytest.mark.parametrize("path", ["/", "/pools/orders"])
def test_canvas_takes_the_drawings_place(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(address + path)
    plot = page.locator(".plot[data-chart]").first
    expect(plot.locator("canvas")).to_have_count(1)
    expect(plot.locator(".lines")).to_be_hidden()
    drawing = plot.locator(".lines").get_attribute("aria-label") or "none"
    expect(plot.locator(".uplot[role=img]")).to_have_attribute("aria-label", drawing)
    assert plot.bounding_box() == plot.locator(".uplot").bounding_box()
    page.set_viewport_size({"width": 390, "height": 1000})
    page.wait_for_function(
        "() => document.querySelector('.uplot').getBoundingClientRect().right <= 390"
    )


def test_drag_zooms_all_charts_and_every_way_leads_back(plots: Page) -> None:
    ways: tuple[Callable[[], None], ...] = (
        lambda: plots.locator(f"{CONNECTIONS} .unzoom").click(),
        lambda: plots.keyboard.press("Escape"),
        lambda: plots.locator(f"{CONNECTIONS} .field").dblclick(position={"x": 200, "y": 60}),
    )
    for back in ways:
        drag(plots, 0.25, 0.5)
        expect(plots.locator(".unzoom:visible")).to_have_count(2)
        begin, end = shown(plots)
        assert 180 <= end - begin <= 260
        back()
        expect(plots.locator(".unzoom:visible")).to_have_count(0)
        assert shown(plots) == []
    assert plots.locator("#frozen").count() == 0


def test_zoom_survives_swap_and_reload_but_not_a_range(plots: Page) -> None:
    drag(plots, 0.25, 0.5)
    expect(plots.locator(".unzoom:visible")).to_have_count(2)
    stretch = shown(plots)
    refresh(plots, "trend")
    expect(plots.locator(".unzoom:visible")).to_have_count(2)
    assert shown(plots) == stretch
    plots.reload()
    expect(plots.locator(".unzoom:visible")).to_have_count(2)
    plots.locator('.seg a:has-text("1 h")').click()
    expect(plots.locator(".seg [aria-current]")).to_have_text("1 h")
    expect(plots.locator(".unzoom:visible")).to_have_count(0)


def test_plus_and_minus_zoom_around_the_cursor(plots: Page) -> None:
    plots.locator(f"{CONNECTIONS} .field").focus()
    plots.keyboard.press("Home")
    plots.keyboard.press("+")
    plots.keyboard.press("+")
    expect(plots.locator("#say")).to_have_text("Zoomed in. Escape shows all.")
    begin, end = shown(plots)
    assert 200 <= end - begin <= 240
    expect(plots.locator(f"{CONNECTIONS} .cursor")).to_have_attribute(
        "style", re.compile(r"left: 0(\.\d+)?%")
    )
    plots.keyboard.press("-")
    plots.keyboard.press("-")
    expect(plots.locator("#say")).to_have_text("The whole range.")


def test_short_click_freezes_the_moment(plots: Page) -> None:
    plots.locator(f"{CONNECTIONS} .field").click(position={"x": 200, "y": 60})
    plots.wait_for_url(re.compile("[?&]at="))
    expect(plots.locator("#frozen")).to_be_visible()
    expect(plots.locator(".plot canvas")).to_have_count(2)


def test_swap_keeps_the_canvas(plots: Page, reading: ChangingReading) -> None:
    canvas = plots.locator(f"{CONNECTIONS} canvas").element_handle()
    reading.go_on(3)
    refresh(plots, "trend")
    expect(plots.locator(f"{CONNECTIONS} .lines")).to_have_attribute(
        "aria-label", re.compile("to 09:04:05$")
    )
    assert plots.evaluate(
        f"(canvas) => canvas === document.querySelector('{CONNECTIONS} canvas')", canvas
    )
    expect(plots.locator(f"{CONNECTIONS} .uplot")).to_have_attribute(
        "aria-label", re.compile("to 09:04:05$")
    )


def test_theme_colours_the_canvas_anew(plots: Page) -> None:
    for scheme in ("dark", "light"):
        plots.emulate_media(color_scheme=scheme)
        plots.wait_for_function(PIXELS, arg=USE[scheme])
    plots.locator("#theme").click()
    plots.wait_for_function(PIXELS, arg=USE["dark"])


def test_line_goes_on_with_the_stream_unless_paused(plots: Page, reading: ChangingReading) -> None:
    figure = plots.locator(".legend b").first
    reading.change("orders", used=23)
    reading.go_on(1)
    expect(plots.locator(".legend b").nth(1)).to_have_text("3")
    expect(figure).to_have_text("23")
    plots.locator("#live").click()
    expect(plots.locator("#live-word")).to_have_text("Paused")
    other = plots.context.new_page()
    other.goto(plots.url)
    reading.change("orders", used=9)
    reading.go_on(1)
    expect(other.locator('.figs [data-cell="used"]')).to_have_text("9")
    expect(figure).to_have_text("23")
    other.close()
    plots.locator("#live").click()
    expect(figure).to_have_text("9")


@pytest.mark.parametrize("medium", ["paper", "forced"])
def test_drawing_stays_where_canvas_is_worse(
    plots: Page, medium: Literal["paper", "forced"]
) -> None:
    if medium == "paper":
        plots.emulate_media(media="print")
    else:
        plots.emulate_media(forced_colors="active")
    expect(plots.locator(f"{CONNECTIONS} .lines")).to_be_visible()
    expect(plots.locator(f"{CONNECTIONS} canvas")).to_be_hidden()
    plots.emulate_media(media="screen", forced_colors="none")
    expect(plots.locator(f"{CONNECTIONS} canvas")).to_be_visible()


def test_drawing_stays_without_script_or_library(browser: Browser, address: str) -> None:
    for has_script in (False, True):
        context = browser.new_context(java_script_enabled=has_script)
        context.route("**/uPlot.iife.min.js", lambda route: route.abort())
        page = context.new_page()
        page.goto(f"{address}/pools/orders")
        expect(page.locator(f"{CONNECTIONS} .lines")).to_be_visible()
        assert page.locator("canvas").count() == 0
        context.close()


def test_part_that_fails_keeps_its_charts(plots: Page) -> None:
    plots.route("**/*part=trend*", lambda route: route.fulfill(status=502, body="Bad gateway"))
    refresh(plots, "trend")
    expect(plots.locator(".plot canvas")).to_have_count(2)
    assert plots.evaluate(PIXELS, USE["light"])
