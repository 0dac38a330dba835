"""The stream reaches the page, and the page says when it does not."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp

from dashboard.web import format as fmt
from dashboard.web.access import Access
from dashboard.web.site import Site, build
from dashboard.web.stream import Streams
from tests.web.lanes import values
from tests.web.readings import AT, pool

from .conftest import MOUNT, ChangingReading, checked_out, refresh, rest


def test_figures_change_in_place(live: Page, reading: ChangingReading) -> None:
    row = live.locator('tr[data-pool="sessions"]')
    reading.change("sessions", used=17, idle=0, pending_requests=3, checkout_rate=41.6)
    expect(row.locator('[data-cell="used"]')).to_have_text("17")
    expect(row.locator('[data-cell="waiting"]')).to_have_text("3")
    expect(row.locator('[data-cell="status"]')).to_have_text("Waiting")
    expect(row.locator('[data-cell="rate"]')).to_have_text("42")
    expect(row.locator(".meter")).to_have_attribute(
        "aria-label", "17 of 30 in use, 0 idle, 3 waiting"
    )
    expect(live.locator("h1")).to_have_text("2 of 4 pools need attention")


def test_findings_follow_the_headline(live: Page, reading: ChangingReading) -> None:
    rest(live)
    reading.change("sessions", used=17, idle=0, pending_requests=3)
    expect(live.locator("#findings")).to_contain_text("sessions makes callers wait")


def test_figures_below_the_figures_follow(pool_page: Page, reading: ChangingReading) -> None:
    last = pool_page.locator("#figures > div").last
    expect(last).to_contain_text("none so far")
    reading.change("orders", timeouts=9, last_timeout=AT, use_time=values(0.25))
    refresh(pool_page, "figures")
    expect(last.locator(".sub")).to_have_text("last at 09:03:20")
    expect(last.locator(".fig")).to_have_text("9")
    expect(pool_page.locator("#why-hold")).to_contain_text("1 sample of the last 15 min")


def test_script_draws_the_same_meter_as_the_server(live: Page) -> None:
    before = live.eval_on_selector_all(
        "[data-meter] path", "all => all.map(p => p.getAttribute('d'))"
    )
    after = live.evaluate(
        """async () => {
          const { base } = document.documentElement.dataset;
          const { draw } = await import(`${base}/static/js/meter.js`);
          const answer = await fetch(`${base}/api/pools`);
          const pools = Object.fromEntries((await answer.json()).map((pool) => [pool.name, pool]));
          const out = [];
          for (const svg of document.querySelectorAll('[data-meter]')) {
            const leaks = svg.dataset.meter === 'orders' ? 1 : 0;
            svg.drawn = '';
            draw(svg, { ...pools[svg.dataset.meter], suspects: leaks });
            out.push(...[...svg.querySelectorAll('path')].map((path) => path.getAttribute('d')));
          }
          return out;
        }"""
    )
    assert after == before


def test_script_writes_numbers_as_the_server_does(live: Page) -> None:
    seconds = [
        0,
        1e-5,
        4e-4,
        9.94e-3,
        9.95e-3,
        0.0125,
        0.412,
        0.9999,
        2.14,
        59.999,
        277.9,
        11100.5,
        187200,
    ]
    rates = [0, 0.01, 0.25, 9.4, 9.96, 14.5, 1283.4]
    spoken = live.evaluate(
        """async ([seconds, rates]) => {
          const f = await import(document.documentElement.dataset.base + '/static/js/format.js');
          const shares = rates.map((rate) => rate / 10);
          return [...seconds.map(f.spoken), ...rates.map(f.rate), ...shares.map(f.percent)];
        }""",
        [seconds, rates],
    )
    assert spoken == [
        *(str(fmt.duration(each)) for each in seconds),
        *(fmt.rate(each) for each in rates),
        *(fmt.percent(each / 10) for each in rates),
    ]


def test_event_row_appears(live: Page, reading: ChangingReading) -> None:
    reading.happen(checked_out(77))
    first = live.locator("#feed tbody tr").first
    expect(first.locator(".e-seconds")).to_have_text("12 ms")
    expect(first.locator(".e-site")).to_have_text("orders.py:88 place_order")
    expect(live.locator("#feed tbody tr")).to_have_count(4)


def test_pool_page_shows_only_its_events(
    page: Page, address: str, reading: ChangingReading
) -> None:
    page.goto(f"{address}/pools/sessions")
    expect(page.locator("#live-word")).to_have_text("Live")
    reading.happen(checked_out(78))
    reading.happen(checked_out(79, "sessions", wait_time=0.2))
    expect(page.locator("#feed tbody tr")).to_have_count(1)
    expect(page.locator("#feed .e-seconds").last).to_have_text("200 ms")


def test_new_pool_joins_the_table_below(live: Page, reading: ChangingReading) -> None:
    order = "all => all.map(row => row.dataset.pool[0])"
    reading.watch(pool("a new one", used=30, waiting=9))
    expect(live.locator("tr[data-pool]")).to_have_count(5)
    names = live.eval_on_selector_all("tr[data-pool]", order)
    assert names[-1] == "a"


def test_first_pool_replaces_the_empty_page(
    page: Page, serve_app: Callable[[ASGIApp], str]
) -> None:
    reading = ChangingReading()
    site = build(reading, Access(allow_unauthenticated=True))
    page.goto(serve_app(Starlette(routes=[Mount(MOUNT, site)])) + MOUNT + "/")
    expect(page.locator("h1")).to_have_text("No pool is being watched yet")
    expect(page.locator("#live-word")).to_have_text("Live")
    reading.watch(pool(used=1))
    expect(page.locator("tr[data-pool]")).to_have_count(1)
    site.close()


def test_pause_holds_the_figures(live: Page, reading: ChangingReading) -> None:
    live.keyboard.press("Space")
    expect(live.locator("#live-word")).to_have_text("Paused")
    other = live.context.new_page()
    other.goto(live.url)
    name = 'tr[data-pool="sessions"] [data-cell="used"]'
    expect(other.locator(name)).to_have_text("2")
    reading.change("sessions", used=11)
    expect(other.locator(name)).to_have_text("11")
    cell = live.locator(name)
    expect(cell).to_have_text("2")
    live.locator("#live").click()
    expect(cell).to_have_text("11")


def test_silence_becomes_stale_and_recovers(browser: Browser, address: str, site: Site) -> None:
    context = browser.new_context()
    context.add_init_script("delete globalThis.SharedWorker")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{address}/")
    expect(page.locator("#live-word")).to_have_text("Live")
    context.set_offline(True)
    site.close()
    page.wait_for_function("() => document.getElementById('live-age').textContent >= '1.0 s ago'")
    page.clock.fast_forward(13_000)
    expect(page.locator("#live-word")).to_have_text("Stale")
    expect(page.locator("#stale-age")).to_have_text(re.compile(r"No data for .*\d s\."))
    expect(page.locator('tr[data-pool="orders"] .st')).to_have_text("Saturated")
    before = "getComputedStyle(document.querySelector('.st .tag'), '::before').content"
    assert page.evaluate(before) == '"was"'
    context.set_offline(False)
    # The test's clock keeps a real click from finding the button at rest.
    page.locator("#reconnect").dispatch_event("click")
    expect(page.locator("#live-word")).to_have_text("Live", timeout=60_000)
    expect(page.locator("#stale")).to_be_hidden()
    context.close()


def test_page_without_a_place_in_the_stream_polls(
    page: Page, serve_app: Callable[[ASGIApp], str], reading: ChangingReading
) -> None:
    streams = Streams(reading, most=0)
    site = build(reading, Access(allow_unauthenticated=True), streams=streams)
    page.clock.install()
    page.goto(serve_app(Starlette(routes=[Mount(MOUNT, site)])) + MOUNT + "/pools/sessions")
    expect(page.locator("#live-word")).to_have_text("Polling")
    reading.change("sessions", used=11)
    page.clock.fast_forward(6000)
    expect(page.locator('.figs [data-cell="used"]')).to_have_text("11")
    site.close()


@pytest.mark.parametrize("path", ["/", "/advice", "/pools/orders"])
def test_lost_permission_is_said_and_leads_back(
    page: Page, serve_app: Callable[[ASGIApp], str], reading: ChangingReading, path: str
) -> None:
    may_read = {"api": False}

    def auth(request: Request) -> bool:
        return may_read["api"] or "/api/" not in request.url.path

    site = build(reading, Access(auth=auth))
    page.goto(serve_app(Starlette(routes=[Mount(MOUNT, site)])) + MOUNT + path)
    expect(page.locator("#stale-age")).to_have_text("Access was lost.")
    expect(page.locator("#live-word")).to_have_text("No access")
    expect(page.locator("#stale-why")).to_contain_text("The server answers 40")
    may_read["api"] = True
    page.locator("#reconnect").click()
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page.locator("#stale")).to_be_hidden()
    site.close()
