"""Every control works by mouse and by key; the `page` fixture fails on any policy violation."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ChangingReading, copied, refresh

FIGURES = ["used", "idle", "overflow", "waiting", "wait", "hold", "rate", "timeouts"]


@pytest.mark.parametrize("width", [1440, 390])
def test_explanations_open_inside_the_window(pool_page: Page, width: int) -> None:
    pool_page.set_viewport_size({"width": width, "height": 1000})
    for name in FIGURES:
        pool_page.locator(f"[popovertarget=why-{name}]").click()
        pop = pool_page.locator(f"#why-{name}")
        expect(pop).to_be_visible()
        box = pop.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= width - box["width"]
        pool_page.keyboard.press("Escape")
        expect(pop).to_be_hidden()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pools/orders?predict=1",
        "/pools/orders?at=1795338140",
        "/advice?pool=orders",
        "/incidents/orders-20261122-090320",
        "/events?claim=1",
        "/leaks",
    ],
)
def test_every_control_works_under_the_policy(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(address + path)
    for summary in page.locator("summary:visible").all()[:8]:
        summary.click()
    for field in page.locator(":is(.plot, .heat, .lanes) .field:visible").all():
        field.hover()
    for plot in page.locator(".plot .field:visible").all()[:2]:
        plot.scroll_into_view_if_needed()
        plot.hover()
        plot.hover(position={"x": 30, "y": 30})
        expect(page.locator(".tip")).to_be_visible()
        expect(plot.locator(".cursor")).to_be_visible()
    for why in page.locator(".why:visible").all():
        why.click()
        page.keyboard.press("Escape")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for copy in page.locator("[data-copy]:visible, [data-copy-link], [data-copy-from]").all():
        page.evaluate("() => { document.getElementById('say').textContent = ''; }")
        copy.click()
        expect(page.locator("#say")).to_have_text("Copied.")
        page.keyboard.press("Escape")
    for name in ("#theme", "#live:visible", "#help"):
        if page.locator(name).count():
            page.locator(name).click()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_open_stack_and_focus_survive_a_swap(pool_page: Page) -> None:
    summary = pool_page.locator("#holders summary").first
    summary.click()
    summary.focus()
    refresh(pool_page, "now")
    expect(pool_page.locator("#holders details[open]")).to_have_count(1)
    expect(pool_page.locator("#holders :focus")).to_have_count(1)


def test_range_is_in_the_address_and_back_works(pool_page: Page) -> None:
    pool_page.locator('.seg a:has-text("1 h")').click()
    expect(pool_page.locator(".seg [aria-current]")).to_have_text("1 h")
    expect(pool_page).to_have_url(re.compile(r"\?range=1h$"))
    pool_page.keyboard.press("4")
    expect(pool_page.locator(".seg [aria-current]")).to_have_text("6 h")
    expect(pool_page).to_have_url(re.compile(r"\?range=6h$"))
    pool_page.go_back()
    expect(pool_page.locator(".seg [aria-current]")).to_have_text("1 h")


def test_theme_follows_the_system_until_switched(pool_page: Page) -> None:
    ground = "getComputedStyle(document.body.parentElement).backgroundColor"
    pool_page.emulate_media(color_scheme="dark")
    dark = pool_page.evaluate(ground)
    pool_page.emulate_media(color_scheme="light")
    light = pool_page.evaluate(ground)
    assert dark != light
    pool_page.locator("#theme").click()
    assert pool_page.evaluate(ground) == dark
    pool_page.reload()
    assert pool_page.evaluate(ground) == dark
    pool_page.keyboard.press("t")
    assert pool_page.evaluate(ground) == light


def test_evidence_is_copied_as_markdown(pool_page: Page) -> None:
    pool_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pool_page.locator("[data-copy-from]").click()
    expect(pool_page.locator("#say")).to_have_text("Copied.")
    copied(pool_page, "## orders: Saturated")
    pool_page.locator("[data-copy-link]").click()
    link = f"{pool_page.url}?at=2026-11-22T09:03:20Z"
    assert copied(pool_page, link) == link


def test_without_clipboard_the_text_can_be_selected(pool_page: Page) -> None:
    pool_page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    )
    pool_page.keyboard.press("c")
    expect(pool_page.locator("#copy-text")).to_be_visible()
    expect(pool_page.locator("#copy-text")).to_have_value(re.compile("^## orders"))


def test_keys_move_open_and_go(live: Page) -> None:
    live.keyboard.press("j")
    live.keyboard.press("j")
    live.keyboard.press("k")
    expect(live.locator(":focus")).to_have_text("orders")
    live.keyboard.press("Enter")
    live.wait_for_url(re.compile("/pools/orders$"))
    live.keyboard.press("g")
    live.keyboard.press("l")
    live.wait_for_url(re.compile("/leaks$"))
    live.keyboard.press("/")
    live.wait_for_url(re.compile("/events$"))
    live.keyboard.press("/")
    expect(live.locator("[name=q]")).to_be_focused()


def test_keys_can_be_switched_off(live: Page) -> None:
    live.keyboard.press("?")
    expect(live.locator("#keys")).to_be_visible()
    live.locator("#keys-on").uncheck()
    live.locator("#keys .btn").click()
    expect(live.locator("#keys")).to_be_hidden()
    live.keyboard.press("Space")
    live.keyboard.press("?")
    expect(live.locator("#keys")).to_be_hidden()
    expect(live.locator("#live-word")).to_have_text("Live")


def test_filter_swaps_rows_and_names_only_what_it_filters(page: Page, address: str) -> None:
    page.goto(f"{address}/events")
    page.locator("[name=kind]").select_option("CheckedIn")
    expect(page.locator("#feed tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{address}/events?kind=CheckedIn")
    page.locator("[name=q]").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#feed tbody tr")).to_have_count(0)
    expect(page.locator("text=No kept event matches")).to_be_visible()


def test_part_that_fails_says_so_and_heals(pool_page: Page, reading: ChangingReading) -> None:
    pool_page.route(
        "**/*part=now*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway")
    )
    refresh(pool_page, "now")
    expect(pool_page.locator("text=Bad gateway")).to_have_count(0)
    expect(pool_page.locator("#holders")).to_be_visible()
    pool_page.unroute("**/*part=now*")
    reading.change("orders", open=())
    refresh(pool_page, "now")
    expect(pool_page.locator("text=No connection is out")).to_be_visible()
