"""Pages from plain data: every state, complete without JavaScript."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from dashboard.model.history import History
from dashboard.model.ports import Reading
from dashboard.web.frame import element_id
from dashboard.web.pages import error_page, routes
from tests.web.advised import advice
from tests.web.asking import ask
from tests.web.reading import PlainReading
from tests.web.readings import AT, PLACE, ROLLUP, pool, site_stats, some_events, suspect

BUSY = pool(
    used=28,
    waiting=8,
    timeouts=3,
    failures={"timeout": 3},
    call_sites=(site_stats(PLACE, 0.41), site_stats(ROLLUP, 0.17, lost=1)),
)
LEAK = replace(suspect(held_for=2.8, site=PLACE, owner=27), connection=27)
READING = PlainReading(
    BUSY, pool("sessions", used=2, idle=3), suspects=[LEAK], events=some_events()
)


def get(path: str, reading: Reading = READING, **headers: str) -> httpx.Response:
    return ask(Starlette(routes=routes(reading)), path, **headers)


def text_of(answer: httpx.Response) -> str:
    """What is read, without tags and runs of white space."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_overview_says_what_needs_attention() -> None:
    answer = get("/")
    assert answer.status_code == 200
    text = text_of(answer)
    assert "1 of 2 pools needs attention" in text
    assert "orders is saturated. 8 callers are waiting and 28 of 30 connections are out." in text
    assert answer.headers["cache-control"] == "no-store"


def test_overview_puts_the_worst_pool_first() -> None:
    names = re.findall(r'data-pool="([^"]+)"', get("/").text)
    assert names == ["orders", "sessions"]


def test_overview_without_pools_shows_what_to_call() -> None:
    text = text_of(get("/", PlainReading()))
    assert "No pool is being watched yet" in text
    assert 'dash.watch(engine, name="orders")' in text


def test_overview_in_the_first_seconds_invents_nothing() -> None:
    young = pool(
        checkouts=0, checkout_rate=0.0, wait_time=pool().create_time, use_time=pool().create_time
    )
    text = text_of(
        get("/", PlainReading(young, histories={"orders": History(AT.timestamp(), 1.0)}))
    )
    assert "Watching 1 pool, no checkout yet" in text
    assert "no history yet" in text
    assert "No event yet" in text


@pytest.mark.parametrize("part", ["findings", "timeouts", "table", "trend", "rates", "worth"])
def test_overview_part_is_a_fragment_of_the_page(part: str) -> None:
    answer = get(f"/?part={part}", hx_request="true")
    assert answer.status_code == 200
    assert "<html" not in answer.text


@pytest.mark.parametrize("part", ["figures", "now", "lanes", "trend", "aid", "incident"])
def test_pool_part_is_a_fragment_of_the_page(part: str) -> None:
    answer = get(f"/pools/orders?part={part}", hx_request="true")
    assert answer.status_code == 200
    assert "<html" not in answer.text


def test_what_to_do_stands_on_overview_and_pool() -> None:
    reading = PlainReading(pool(used=30, waiting=8))
    remedy = "Let place_order hold for less, let fewer run at once, or give it a pool of its own."
    assert remedy in text_of(get("/", reading))
    assert remedy in text_of(get("/pools/orders", reading))
    calm = PlainReading(pool(used=3))
    assert 'class="todo"' not in get("/", calm).text + get("/pools/orders", calm).text


def test_advice_worth_following_is_named_below_the_pools() -> None:
    reading = PlainReading(pool(used=3))
    reading.advices = [advice(title="one"), advice(severity="info", title="two")]
    text = text_of(get("/?part=worth", reading))
    assert "1 change worth making" in text
    assert ("one" in text, "two" in text) == (True, False)


def test_unknown_part_is_refused() -> None:
    assert get("/?part=nonsense").status_code == 404
    fragment = get("/?part=nonsense", hx_request="true")
    assert (fragment.status_code, "<html" in fragment.text) == (404, False)
    assert "Retry" in fragment.text


def test_pool_page_shows_who_holds() -> None:
    text = text_of(get("/pools/orders"))
    assert "orders" in text
    assert "Who holds each connection now 28 connections out" in text
    assert "shop/orders.py:88 place_order" in text
    assert "GET /orders/{id}" in text
    assert "pid 4027" in text
    assert "16 more connections are out" in text


def test_pool_page_lists_all_holders_when_asked() -> None:
    text = text_of(get("/pools/orders?holders=all"))
    assert "more connections are out" not in text
    assert text.count("pid 40") == 29


def test_pool_page_marks_the_suspect_among_holders() -> None:
    rows = re.findall(r'<tr role="row" id="h-[^>]*>', get("/pools/orders").text)
    assert sum('class="bad"' in row for row in rows) == 1


def test_pool_page_explains_eight_figures() -> None:
    page = get("/pools/orders").text
    assert page.count("popover role=") == 8
    assert "Within 3 % of the true value" in text_of(get("/pools/orders"))


def test_settings_stand_beside_their_effect() -> None:
    text = text_of(get("/pools/orders"))
    assert "pool_size 20" in text
    assert "All of 20 in use, 20 open." in text
    assert "max_overflow 10" in text
    assert "8 of 10 open, the most was 8." in text
    assert "3 callers gave up since the watch began; the oldest waits 1.90 s." in text


def test_secret_settings_are_hidden() -> None:
    leaky = pool(used=1, config={"password": "hunter2", "dsn": "postgresql://me:hunter2@db/x"})
    page = get("/pools/orders", PlainReading(leaky)).text
    assert "hunter2" not in page


def test_stack_shows_file_line_function_only() -> None:
    text = text_of(get("/pools/orders"))
    assert "shop/reports.py:61 rollup" in text
    assert "2 library frames" in text


def test_unknown_pool_lists_the_known_ones() -> None:
    answer = get("/pools/nope")
    assert answer.status_code == 404
    text = text_of(answer)
    assert "No pool is called nope" in text
    assert "sessions" in text


def test_closed_pool_says_so() -> None:
    text = text_of(get("/pools/orders", PlainReading(pool(state="closed"))))
    assert "This pool is closed" in text
    assert "The pool takes no more checkouts." in text


@pytest.mark.parametrize("name", ["a/b", "ü & <b>", "x" * 200, "a?b#c", "100%", "..x", "\udcff"])
def test_any_name_can_be_opened_and_is_escaped(name: str) -> None:
    reading = PlainReading(pool(name, used=1))
    overview = get("/", reading)
    assert "<b>&" not in overview.text
    link = re.search(r'class="nm"><a href="([^"]+)"', overview.text)
    assert link is not None
    if name != "\udcff":
        assert get(link[1], reading).status_code == 200


@pytest.mark.parametrize("size", [1, 60, 61, 500, None])
def test_pool_of_any_size_renders(size: int | None) -> None:
    used = min(size or 4, 120)
    given = pool(used=used, waiting=2, size=size, maximum=size)
    reading = PlainReading(given)
    assert get("/", reading).status_code == 200
    assert get("/pools/orders", reading).status_code == 200


def test_many_pools_render() -> None:
    reading = PlainReading(*(pool(f"tenant-{n}", used=n % 9) for n in range(300)))
    assert get("/", reading).text.count("data-pool=") == 300


def test_limited_view_and_probe_errors_are_shown() -> None:
    given = replace(
        pool(used=1),
        limited=("wait times need SQLAlchemy 2.0",),
        probe_errors=2,
        last_probe_error="KeyError: 'x'",
        own_used=2,
    )
    text = text_of(get("/pools/orders", PlainReading(given)))
    assert "Limited view. wait times need SQLAlchemy 2.0." in text
    assert "KeyError: &#39;x&#39;" in text
    assert "1 and 2" in text


def test_evidence_is_markdown_without_markup() -> None:
    answer = get("/pools/orders?part=evidence&range=1h")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("## orders: Saturated\n")
    assert "| in use | 28 of 30 (peak 28) |" in answer.text
    assert "http://localhost/pools/orders?range=1h" in answer.text
    assert "`pool_size=20`" in answer.text


def test_leaks_page_parts_held_from_ended() -> None:
    held = suspect(verdict="orphaned")
    ended = suspect(verdict="returned", owner=9, ended_at=AT - timedelta(minutes=2))
    text = text_of(get("/leaks", PlainReading(pool(used=3), suspects=[held, ended])))
    assert "1 connection is suspected of leaking" in text
    assert "Orphaned, probable" in text
    assert "Ended in the last 15 minutes" in text
    assert "Returned, probable" in text


def test_leaks_page_without_suspects_says_what_it_watches() -> None:
    text = text_of(get("/leaks", PlainReading(pool(used=3))))
    assert "No leak suspect" in text
    assert "1 pool is being watched" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ["timeout", "checkin", "checkout"]),
        ("?kind=CheckedOut", ["checkout"]),
        ("?min_wait=1", ["timeout"]),
        ("?q=place_order", ["timeout", "checkin", "checkout"]),
        ("?q=nobody", []),
        ("?pool=sessions", []),
        ("?kind=nonsense&min_wait=nan", ["timeout", "checkin", "checkout"]),
    ],
)
def test_events_are_filtered_by_the_address(query: str, words: list[str]) -> None:
    page = get(f"/events{query}").text
    assert re.findall(r'class="e-event \w+">([^<]+)<', page) == words


def test_filtered_events_page_keeps_its_filter() -> None:
    page = get("/events?pool=orders&kind=CheckedIn&q=shop&min_wait=0.5").text
    assert "<option selected>orders</option>" in page
    assert '<option value="CheckedIn" selected>checkin</option>' in page
    assert 'value="shop"' in page
    assert 'value="0.5"' in page


def test_every_address_stays_below_the_mount() -> None:
    app = Starlette(routes=[Mount("/a/b", routes=routes(READING))])
    pages = ("", "pools/orders", "leaks", "events", "events?claim=1", "pools/nope")
    for path in (f"/a/b/{page}" for page in pages):
        page = ask(app, path).text
        links = re.findall(r'(?:href|src|hx-get|action)="([^"]+)"', page)
        assert [link for link in links if not link.startswith(("/a/b/", "?", "#"))] == []
        assert 'data-base="/a/b"' in page


def test_nothing_is_inline() -> None:
    for path in ("/", "/pools/orders", "/leaks", "/events", "/events?claim=1"):
        page = get(path).text
        assert re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", page) == []


def test_tabs_lead_to_pages_that_exist() -> None:
    page = get("/").text
    tabs = re.findall(r'<a href="([^"]+)" data-go', page)
    assert [get(tab).status_code for tab in tabs] == [200] * len(tabs)


def test_error_page_needs_no_reading() -> None:
    async def broken(request: Request) -> Response:
        return error_page(request, 503, "Not <now>", "Come back & see.")

    answer = ask(Starlette(routes=[Route("/", broken)]), "/")
    assert answer.status_code == 503
    assert "Not &lt;now&gt;" in answer.text
    assert "Come back &amp; see." in answer.text


def test_ids_of_pools_differ_and_stay() -> None:
    assert element_id("orders") == element_id("orders")
    assert element_id("orders") != element_id("Orders")
