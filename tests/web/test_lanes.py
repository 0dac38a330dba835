"""Lanes, heatmaps, marks and the course of one checkout: geometry and pages."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.applications import Starlette

from dashboard.analysis.lasting import Lasting, lasting
from dashboard.model.heat import Heat
from dashboard.model.history import History, Mark
from dashboard.model.lanes import Lane, Lanes
from dashboard.web import api
from dashboard.web.charts import queue
from dashboard.web.format import lasts
from dashboard.web.heatmap import heatmap, seen_since, shade
from dashboard.web.histories import known, merge, thin
from dashboard.web.lanes import chart
from dashboard.web.marks import lines
from dashboard.web.pages import routes
from tests.web.asking import ask
from tests.web.lanes import bar, values
from tests.web.reading import PlainReading
from tests.web.readings import AT, pool, some_events, suspect, wave

START = AT.timestamp() - 60
DEPLOY = Mark(AT.timestamp() - 300, "deploy 1.4.2")


def seen(*lanes: Lane, waiting: tuple[int, ...] = ()) -> Lanes:
    return Lanes(START, 60.0, lanes, waiting, used=len(lanes))


def test_short_long_and_overflow_are_told_apart() -> None:
    given = seen(
        Lane(1, (bar(0.0, 0.5), bar(1.0, 4.0), bar(6.0, 6.5, count=9, claim=0))),
        Lane(2, (bar(30.0, 60.0, is_open=True),)),
        Lane(3, (bar(10.0, 40.0),)),
    )
    drawn = chart(given, pool(size=2, maximum=4), [])
    assert drawn.paths == {
        "short": "M0 6.5h8.8M120 6.5h8.8",
        "held": "M20 6.5h58.8M600 19.5h598.8",
        "over": "M200 40.5h598.8",
        "bad": "",
    }
    assert drawn.numbers == ((10.0, "1"), (23.0, "2"), (44.0, "3"), (57.0, "4"))
    assert drawn.count == 13


def test_suspect_is_red_by_its_begin_site_and_owner() -> None:
    leak = suspect(held_for=50.0, site=bar(0, 1).call_site, owner=1)
    given = seen(Lane(1, (bar(10.0, 60.0, is_open=True),)), Lane(2, (bar(20.0, 60.0),)))
    drawn = chart(given, pool(size=2, maximum=2), [leak])
    assert (drawn.paths["bad"], drawn.paths["held"]) == ("M200 6.5h998.8", "M400 19.5h798.8")
    assert "1 suspected of leaking" in drawn.sentence


def test_bar_from_before_is_cut_off_and_named() -> None:
    drawn = chart(seen(Lane(1, (bar(-217.0, 60.0, is_open=True, hold=277.0),))), pool(), [])
    assert drawn.paths["held"] == "M0 6.5h1198.8"
    assert [(each.at, each.text) for each in drawn.labels] == [
        (0.0, "place_order  4 min 37 s and counting")
    ]


def test_run_of_short_checkouts_has_no_name_and_no_row() -> None:
    drawn = chart(seen(Lane(1, (bar(0.0, 30.0, count=400, claim=0),))), pool(), [])
    assert (drawn.labels, drawn.table, drawn.count) == ((), (), 400)


def test_waiting_callers_stand_on_the_lower_edge() -> None:
    drawn = chart(seen(Lane(1), waiting=(0, 2, 0, 4)), pool(size=1, maximum=1), [])
    assert drawn.waits == "M300 29h255.0v8h-255.0zM900 21h255.0v16h-255.0z"


def test_large_pool_shows_what_it_can() -> None:
    lanes = tuple(Lane(n, (bar(0.0, 9.0),)) for n in range(1, 61))
    drawn = chart(replace(seen(*lanes), used=320), pool(size=300, maximum=500), [])
    assert drawn.unlisted == 440
    assert drawn.sentence == (
        "The last 60 s: 320 of 500 slots held, nobody waited, 60 checkouts in the 60 busiest slots"
    )
    assert drawn.paths["held"].count("M") == 60


def test_script_gets_seven_numbers_a_bar() -> None:
    given = seen(Lane(1, (bar(1.0, 1.25, claim=700), bar(2.0, 2.5, claim=900, is_open=True))))
    data = chart(given, pool(size=1, maximum=1), []).data
    assert data["first"] == 700
    assert data["lanes"] == [(1, 0, [1.0, 250, 1, 0.4, 0, 0, 0, 2.0, 500, -1, 0.4, 200, 0, 0])]
    assert data["sites"] == "shop/orders.py:88 place_order"


def test_heat_is_orange_from_its_target_on() -> None:
    drawn = heatmap(
        Heat(START, 30.0, (values(0.002, 0.002, 0.2), values(0.002))), 0.1, "target", AT.tzinfo
    )
    assert drawn is not None
    assert (drawn.columns, drawn.rows) == (2, 15)
    assert drawn.paths == (("b1", "M10 135h9"), ("b5", "M0 135h9"), ("o1", "M0 35h9"))
    assert drawn.summary == (("b", "M0 135h100"), ("o", "M0 35h33.3"))
    assert drawn.target.label == "target 100 ms"
    assert drawn.target.at == 56.0
    assert drawn.sentence == "4 values, 1 of them over 100 ms"
    assert [row[1] for row in drawn.table] == ["1", "3"]
    assert drawn.table[1][-1] == "1"


def test_heat_without_values_is_none() -> None:
    assert heatmap(Heat(START, 10.0, (values(), values())), 0.1, "target", None) is None


def test_heat_begins_with_the_watch() -> None:
    heat = Heat(START, 1.0, tuple(values(0.1) for _ in range(60)))
    young = seen_since(heat, AT - timedelta(seconds=20.5))
    assert (young.start, len(young.columns)) == (START + 39, 21)
    assert len(seen_since(heat, AT).columns) == 12
    assert seen_since(heat, None) is heat


@pytest.mark.parametrize(("number", "most", "step"), [(1, 1, 5), (1, 100, 1), (10, 100, 3)])
def test_shades_follow_powers(number: int, most: int, step: int) -> None:
    assert shade(number, most) == step


def test_marks_are_placed_and_their_labels_kept_apart() -> None:
    marks = [Mark(10.0, "early"), Mark(50.0, "a"), Mark(52.0, "b"), Mark(95.0, "x" * 40)]
    found = lines(marks, 20.0, 100.0, AT.tzinfo)
    assert [(each.at, each.row, each.left) for each in found] == [
        (37.5, 0, False), (40.0, 1, False), (93.75, 0, True),
    ]  # fmt: skip
    assert (len(found[2].text), len(found[2].full)) == (28, 40)


def test_every_way_to_cut_a_history_keeps_its_marks() -> None:
    marked = replace(wave(), marks=(DEPLOY,))
    for each in (known(marked, AT - timedelta(minutes=8)), thin(marked, 10), merge([marked])):
        assert each.marks == (DEPLOY,)
    plot = queue(marked, AT.tzinfo)
    assert plot is not None
    assert [line.text for line in plot.marks] == ["deploy 1.4.2"]


def test_mark_is_on_every_chart_of_both_pages() -> None:
    reading = PlainReading(pool(used=3), marks=[DEPLOY])
    for path, charts in (("/", 3), ("/pools/orders", 3)):
        page = ask(Starlette(routes=routes(reading)), path).text
        assert page.count('class="marks"') == charts


def past(pending: str, timeouts: str = "") -> History:
    levels = tuple(int(each) for each in pending)
    counts = tuple(int(each) for each in timeouts) or (0,) * len(levels)
    return History(0.0, 5.0, used=(1,) * len(levels), pending=levels, timeouts=counts)


@pytest.mark.parametrize(
    ("word", "history", "expected"),
    [
        ("Saturated", past("000111"), Lasting(15.0)),
        ("Saturated", past("00101101"), Lasting(30.0)),
        ("Saturated", past("1000111"), Lasting(15.0)),
        ("Waiting", past("1111"), Lasting(20.0, is_longer=True)),
        (
            "Timing out",
            past("0" * 20, "1" + "0" * 10 + "1" + "0" * 8),
            Lasting(100.0, is_longer=True),
        ),
        ("Saturated", past("0000"), None),
        ("Healthy", past("0000"), None),
    ],
)
def test_status_lasts_since_its_history_says_so(
    word: str, history: History, expected: Lasting | None
) -> None:
    assert lasting(word, pool(used=3), history, []) == expected


def test_leak_lasts_as_long_as_its_oldest_suspect() -> None:
    found = lasting("Leaking", pool(), past("0"), [suspect(held_for=277.0), suspect(owner=4)])
    assert found == Lasting(277.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.9, "8 s"), (60, "1 min"), (252.4, "4 min 12 s"), (3600, "1 h"), (3660, "1 h 1 min")],
)
def test_how_long_is_said_in_whole_seconds(seconds: float, text: str) -> None:
    assert lasts(seconds) == text


def test_header_says_since_when() -> None:
    history = replace(wave(), pending=(0,) * 50 + (4,) * 10)
    busy = PlainReading(pool(used=30, waiting=4), histories={"orders": history})
    page = ask(Starlette(routes=routes(busy)), "/pools/orders").text
    found = re.search(r'data-cell="lasting"[^>]*>([^<]+)<', page)
    assert found is not None
    assert found[1] == "for 2 min 30 s"


def test_lanes_are_complete_without_script() -> None:
    page = ask(Starlette(routes=routes(PlainReading(pool(used=3)))), "/pools/orders").text
    assert "30 of 30 slots held" in page
    assert 'href="/events?claim=' in page
    assert "still out" in page


def test_checkout_is_told_from_asking_to_returning() -> None:
    reading = PlainReading(pool(used=3), events=some_events())
    page = ask(Starlette(routes=routes(reading)), "/events?claim=1").text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for phrase in (
        "One checkout Returned",
        "shop/orders.py:88 place_order of orders",
        f"Asked {AT.astimezone() - timedelta(seconds=3):%H:%M:%S}.000",
        "Waited 412 ms",
        "Got connection 3",
        "Held 2.10 s",
        "of it connect 31 ms",
        "Owner task worker-1",
        "Request GET /orders/{id}",
        "pid 4003",
    ):
        assert phrase in text


@pytest.mark.parametrize("number", ["77", "9" * 18])
def test_forgotten_checkout_says_so(number: str) -> None:
    page = ask(Starlette(routes=routes(PlainReading(pool()))), f"/events?claim={number}").text
    assert "is no longer kept" in page


@pytest.mark.parametrize("number", ["", "-1", "x", "9" * 40, "²"])
def test_nonsense_is_no_checkout(number: str) -> None:
    page = ask(Starlette(routes=routes(PlainReading(pool()))), f"/events?claim={number}").text
    assert "One checkout" not in page


def test_api_adds_lanes_and_heat_only_when_asked() -> None:
    app = Starlette(routes=api.routes(PlainReading(pool(used=3))))
    assert {"lanes", "heat"} & set(ask(app, "/api/pools/orders").json()) == set()
    more = ask(app, "/api/pools/orders?with=lanes,heat").json()
    assert more["lanes"]["lanes"][0]["bars"][0]["call_site"]["function"] == "place_order"
    assert set(more["heat"]) == {"wait", "use"}
    assert ask(app, "/api/pools/orders?with=nonsense").status_code == 400


def test_api_tells_one_checkout() -> None:
    app = Starlette(routes=api.routes(PlainReading(pool(used=3))))
    assert ask(app, "/api/claims/1").json()["use_time"] == 2.1
    assert ask(app, "/api/claims/2").status_code == 404
