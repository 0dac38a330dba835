"""What somebody reads or points at stays as it is, whatever arrives meanwhile."""

from playwright.sync_api import Page, Route, expect

from .conftest import ChangingReading, refresh, rest

ASK = """async () => {
  const { base } = document.documentElement.dataset;
  const { refresh } = await import(`${base}/static/js/fragments.js`);
  const { dataset } = document.getElementById("now");
  dataset.every = "0";
  refresh();
  dataset.every = "9999";
}"""

SCROLL = """down => new Promise((done) => {
  addEventListener("scroll", () => requestAnimationFrame(done), { once: true });
  scrollBy(0, down);
})"""

#: From the top of a chart's field to the tip, in whole pixels.
DISTANCE = """chart => {
  const top = (selector) => document.querySelector(selector).getBoundingClientRect().top;
  return Math.round(top(".tip") - top(`${chart} .field`));
}"""


def test_late_answer_waits_while_its_part_is_read(
    pool_page: Page, reading: ChangingReading
) -> None:
    rest(pool_page)
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    pool_page.route("**/*part=now*", keep)
    with pool_page.expect_request(lambda request: "part=now" in request.url):
        pool_page.evaluate(ASK)
    summary = pool_page.locator("#holders summary").first
    summary.hover()
    reading.change("orders", open=())
    with pool_page.expect_response(lambda answer: "part=now" in answer.url):
        late.pop().continue_()
    pool_page.wait_for_function("() => !document.querySelector('.htmx-request')")
    expect(summary).to_be_visible()
    pool_page.unroute("**/*part=now*")
    pool_page.mouse.move(2, 2)
    expect(pool_page.locator("text=No connection is out")).to_be_visible()


def test_cursor_of_a_chart_stays_while_other_parts_are_swapped(pool_page: Page) -> None:
    rest(pool_page)
    pool_page.locator('.plot[data-plot="connections"] .field').focus()
    pool_page.keyboard.press("ArrowLeft")
    expect(pool_page.locator(".tip")).to_contain_text("in use")
    refresh(pool_page, "lanes")
    refresh(pool_page, "now")
    expect(pool_page.locator(".tip")).to_be_visible()


def test_cursor_of_the_keys_goes_along_when_the_page_scrolls(pool_page: Page) -> None:
    rest(pool_page)
    for chart in ('.plot[data-plot="connections"]', ".heat"):
        field = pool_page.locator(f"{chart} .field").first
        field.focus()
        pool_page.keyboard.press("ArrowLeft")
        expect(pool_page.locator(".tip")).to_be_visible()
        for down in (30, -10):
            pool_page.evaluate(SCROLL, down)
            assert pool_page.evaluate(DISTANCE, chart) == 34
    pool_page.evaluate(SCROLL, -99999)
    expect(pool_page.locator(".tip")).to_be_hidden()
