"""Charts on canvas: a zoom, a live line, and the drawing where canvas is worse."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ChangingReading, in_view, refresh, rest

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

#: The canvas is as wide and as high as the chart, which is no wider than the window.
FITS = """() => {
  const [plot, drawn] = [".plot[data-chart]", ".uplot"].map(
    (each) => document.querySelector(each).getBoundingClientRect());
  return ["left", "top", "right", "bottom"].every((side) => Math.abs(plot[side] - drawn[side]) < 1)
    && drawn.right <= innerWidth;
}"""


@pytest.fixture
def plots(pool_page: Page) -> Page:
    """A pool's page that has its charts on canvas, and fetches parts only when the test says so."""
    expect(pool_page.locator(".plot canvas")).to_have_count(2)
    rest(pool_page)
    return pool_page


def drag(page: Page, begin: float, end: float) -> None:
    """From one share of the chart's width to another."""
    box = in_view(page.locator(f"{CONNECTIONS} .field")).bounding_box()
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


def test_canvas_takes_the_drawings_place(page: Page, address: str) -> None:
    for path in ("/", "/pools/orders"):
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(address + path)
        plot = page.locator(".plot[data-chart]").first
        expect(plot.locator("canvas")).to_have_count(1)
        expect(plot.locator(".lines")).to_be_hidden()
        drawing = plot.locator(".lines").get_attribute("aria-label") or "none"
        expect(plot.locator(".uplot[role=img]")).to_have_attribute("aria-label", drawing)
        page.wait_for_function(FITS)
        page.set_viewport_size({"width": 390, "height": 1000})
        page.wait_for_function(FITS)


def test_drag_and_keys_zoom_all_charts_and_every_way_leads_back(plots: Page) -> None:
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
    in_view(plots.locator(f"{CONNECTIONS} .field")).focus()
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


def test_zoom_survives_swap_and_reload_but_a_range_and_a_click_do_not_zoom(plots: Page) -> None:
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
    expect(plots.locator(".plot canvas")).to_have_count(2)
    expect(plots.locator(".unzoom:visible")).to_have_count(0)
    plots.locator(f"{CONNECTIONS} .field").click(position={"x": 200, "y": 60})
    plots.wait_for_url(re.compile("[?&]at="))
    expect(plots.locator("#frozen")).to_be_visible()
    expect(plots.locator(".plot canvas")).to_have_count(2)


def test_swap_keeps_the_canvas_also_when_it_fails(plots: Page, reading: ChangingReading) -> None:
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
    plots.route("**/*part=trend*", lambda route: route.fulfill(status=502, body="Bad gateway"))
    refresh(plots, "trend")
    expect(plots.locator(".plot canvas")).to_have_count(2)
    assert plots.evaluate(PIXELS, USE["light"])


def test_theme_colours_the_canvas_and_other_media_get_the_drawing(plots: Page) -> None:
    for scheme in ("dark", "light"):
        plots.emulate_media(color_scheme=scheme)
        plots.wait_for_function(PIXELS, arg=USE[scheme])
    plots.locator("#theme").click()
    plots.wait_for_function(PIXELS, arg=USE["dark"])
    drawing, canvas = plots.locator(f"{CONNECTIONS} .lines"), plots.locator(f"{CONNECTIONS} canvas")
    plots.emulate_media(media="print")
    expect(drawing).to_be_visible()
    expect(canvas).to_be_hidden()
    plots.emulate_media(media="screen", forced_colors="active")
    expect(drawing).to_be_visible()
    expect(canvas).to_be_hidden()
    plots.emulate_media(forced_colors="none")
    expect(canvas).to_be_visible()


def test_line_goes_on_with_the_stream_unless_paused(
    page: Page, address: str, reading: ChangingReading
) -> None:
    reading.ahead = 7.0
    page.set_viewport_size({"width": 1440, "height": 3000})
    page.goto(f"{address}/pools/orders")
    expect(page.locator(".plot canvas")).to_have_count(2)
    rest(page)
    figure = page.locator(".legend b").first
    reading.change("orders", used=22)  # In the step that runs.
    expect(figure).to_have_text("22")
    expect(page.locator(".legend b").nth(1)).to_have_text("2")
    page.locator("#live").click()
    expect(page.locator("#live-word")).to_have_text("Paused")
    other = page.context.new_page()
    other.goto(page.url)
    reading.change("orders", used=9)
    reading.go_on(1)
    expect(other.locator('.figs [data-cell="used"]')).to_have_text("9")
    expect(figure).to_have_text("22")
    other.close()
    page.locator("#live").click()
    expect(figure).to_have_text("9")


def test_line_that_goes_on_forgets_what_left_the_range(plots: Page, address: str) -> None:
    kept = plots.evaluate(
        """async (from) => {
          const { append } = await import(from);
          const chart = { xs: [0, 5], series: [{ values: [1, 2] }], step: 5, span: 60 };
          for (let at = 6; at < 600; at += 1) append(chart, at, [at]);
          return [chart.xs.length, chart.xs[0], chart.series[0].values.length];
        }""",
        f"{address}/static/js/plots.js",
    )
    assert kept == [62, 538, 62]


def test_drawing_stays_without_script_or_library(browser: Browser, address: str) -> None:
    for has_script in (False, True):
        context = browser.new_context(java_script_enabled=has_script)
        context.route("**/uPlot.iife.min.js", lambda route: route.abort())
        page = context.new_page()
        page.goto(f"{address}/pools/orders")
        expect(page.locator(f"{CONNECTIONS} .lines")).to_be_visible()
        assert page.locator("canvas").count() == 0
        context.close()
