import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from dashboard.demo.page import Page, code, duration, routed

from .conftest import Site, out
from .waiting import until

SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    page = Page("Corner shop", site.faults, site.visitors, site.shop.app)
    others = Starlette(routes=[Mount("/", PlainTextResponse("dashboard"))])
    transport = httpx.ASGITransport(routed(page.app, others))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
        yield client


async def test_page_lists_every_fault_with_its_switch(
    site: Site, browser: httpx.AsyncClient
) -> None:
    page = await browser.get("/demo")
    assert page.status_code == 200
    assert re.findall(r'action="([^"]+)"', page.text) == [
        "/demo/faults/forgotten_release/on",
        "/demo/faults/exhausted_pool/on",
        "/demo/faults/slow_call_inside/on",
        "/demo/faults/nested_checkouts/on",
        "/demo/faults/own_session/on",
        "/demo/faults/killed_backend/on",
    ]
    for fault in site.faults:
        assert fault.title in page.text
    assert "steady: 12 a second" in page.text


async def test_page_has_no_inline_script_or_style(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/demo")
    assert re.findall("<script[^>]*>[^<]*", page.text) == ['<script src="/demo/static/js/boot.js">']
    assert "<style" not in page.text
    assert "style=" not in page.text
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


async def test_switch_turns_a_fault_on_and_off(site: Site, browser: httpx.AsyncClient) -> None:
    leak = site.faults.get("forgotten_release")
    assert leak is not None
    answer = await browser.post("/demo/faults/forgotten_release/on", headers=SAME)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/demo?switched=forgotten_release#forgotten_release"
    await until(lambda: leak.holds == "1 connection")
    page = await browser.get("/demo")
    assert "1 fault of 6 is on" in re.sub(r"\s+", " ", page.text)
    assert "holds 1 connection" in page.text
    await browser.post("/demo/faults/forgotten_release/off", headers=SAME)
    assert (leak.is_on, out(site.shop.pools.orders.pool)) == (False, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
async def test_foreign_page_may_not_switch(
    site: Site, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await browser.post("/demo/faults/own_session/on", headers=headers)
    assert (answer.status_code, answer.text) == (403, "only the demo's own page may do this\n")
    assert [fault.name for fault in site.faults if fault.is_on] == []


async def test_foreign_host_name_is_refused(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/demo", headers={"host": "evil.example:8765"})
    assert answer.status_code == 421
    for host in ("localhost:8765", "[::1]:8765", "127.0.0.1"):
        assert (await browser.get("/demo", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/demo/faults/unknown/on", "/demo/faults/own_session/maybe"])
async def test_unknown_switch_is_not_found(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.post(path, headers=SAME)).status_code == 404


async def test_everything_else_is_the_dashboards(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/")).text == "dashboard"
    assert (await browser.get("/demonstration")).text == "dashboard"
    assert (await browser.get("/demo/static/css/demo.css")).status_code == 200
    assert (await browser.get("/demo/shop/shelves/1")).status_code == 200
    assert (await browser.get("/demo/faults/own_session/on")).status_code == 405


@pytest.mark.parametrize("headers", [{}, {"origin": "http://127.0.0.1:8765"}, SAME])
async def test_own_page_and_plain_clients_may_switch(
    browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await browser.post("/demo/faults/forgotten_release/off", headers=headers)
    assert answer.status_code == 303


def test_durations_read_as_a_person_says_them() -> None:
    spoken = [duration(seconds) for seconds in (0.4, 59, 61, 7500)]
    assert spoken == ["0 s", "59 s", "1 min", "2 h 5 min"]


def test_backquotes_become_code() -> None:
    assert code("a `b<c` d & e") == "a <code>b&lt;c</code> d &amp; e"
