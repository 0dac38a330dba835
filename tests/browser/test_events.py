"""The Events page: filters in the address, rows that stay while they are read, what waited."""

from playwright.sync_api import Page, expect

from .conftest import ChangingReading, checked_out

PLACES = "all => all.slice(0, 3).map((row) => [row.innerText, row.getBoundingClientRect().top])"


def test_rows_stay_while_paused_and_new_ones_wait(
    page: Page, address: str, reading: ChangingReading
) -> None:
    page.goto(f"{address}/events")
    expect(page.locator("#live-word")).to_have_text("Live")
    before = page.eval_on_selector_all("#feed tbody tr", PLACES)
    page.keyboard.press("Space")
    for number in range(12):
        reading.happen(checked_out(200 + number))
    waiting = page.locator("#held-back")
    expect(waiting).to_have_text("12 new")
    assert page.eval_on_selector_all("#feed tbody tr", PLACES) == before
    waiting.click()
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page.locator("#feed tbody tr")).to_have_count(15)
    expect(waiting).to_be_hidden()


def test_rows_stay_under_the_pointer_and_when_scrolled(
    page: Page, address: str, reading: ChangingReading
) -> None:
    page.set_viewport_size({"width": 1200, "height": 500})
    for number in range(60):
        reading.happen(checked_out(300 + number))
    page.goto(f"{address}/events")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator("#feed tbody tr").nth(1).hover()
    before = page.eval_on_selector_all("#feed tbody tr", PLACES)
    reading.happen(checked_out(400))
    expect(page.locator("#held-back")).to_have_text("1 new")
    assert page.eval_on_selector_all("#feed tbody tr", PLACES) == before
    page.mouse.move(2, 2)
    expect(page.locator("#held-back")).to_be_hidden()
    page.evaluate("scrollTo(0, 900)")
    reading.happen(checked_out(401))
    expect(page.locator("#held-back")).to_have_text("1 new")
    page.locator("#held-back").click()
    expect(page.locator("#feed tbody tr").first.locator("a")).to_have_attribute(
        "href", "/a/b/events?claim=401"
    )


def test_what_waited_is_not_doubled_by_a_filter(
    page: Page, address: str, reading: ChangingReading
) -> None:
    page.goto(f"{address}/events")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.keyboard.press("Space")
    reading.happen(checked_out(500, wait_time=0.5))
    reading.happen(checked_out(501, wait_time=0.001))
    expect(page.locator("#held-back")).to_have_text("2 new")
    page.locator("[name=min_wait]").fill("0.2")
    page.locator("[name=min_wait]").press("Enter")
    expect(page.locator("#feed tbody tr")).to_have_count(2)
    expect(page).to_have_url(f"{address}/events?min_wait=0.2")
    page.locator("#live").click()
    reading.happen(checked_out(502, wait_time=0.9))
    expect(page.locator("#feed tbody tr")).to_have_count(3)
    page.go_back()
    expect(page.locator("[name=min_wait]")).to_have_value("")
