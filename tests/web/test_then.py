"""What a frozen moment was called, and what is said of who held."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.analysis.formerly import (
    UNKNOWN,
    Former,
    Held,
    finding_at,
    headline_at,
    status_at,
    suspects_at,
)
from dashboard.analysis.status import Status
from dashboard.model.history import Capacity, History
from dashboard.model.lanes import Lanes

from .asking import ask
from .crowded import pool
from .given import Given, orders
from .readings import ROLLUP, suspect
from .sites import opened

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=90)
MOMENT = f"{AT:%Y-%m-%dT%H:%M:%SZ}"
HELD = (Held("a.py:5 charge", 12.0), Held("a.py:5 charge", 8.0), Held("b.py:1 list", 0.2))


def former(**changes: object) -> Former:
    facts: dict[str, object] = {"name": "orders", "max": 3, "used": 1, "waiting": 0}
    return Former(**{**facts, "checkouts": 9, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "word", "sentence"),
    [
        (
            {"used": 3, "waiting": 2, "timeouts": 4, "ago": 3.0, "held": HELD},
            "Timing out",
            (
                "4 checkouts gave up waiting in the minute before, the last one 3 seconds before. "
                "3 of 3 connections were out and 2 callers were waiting. Two were held by "
                "a.py:5 charge, the longest for 12 seconds."
            ),
        ),
        (
            {"timeouts": 1, "ago": 0.0},
            "Timing out",
            "A checkout gave up waiting, just then. 1 of 3 connections was out.",
        ),
        (
            {"used": 3, "waiting": 1, "held": HELD[2:]},
            "Saturated",
            (
                "3 of 3 connections were out and 1 caller was waiting. One was held by b.py:1 "
                "list, for 200 ms."
            ),
        ),
        (
            {"held": (replace(HELD[0], is_suspect=True), *HELD[1:])},
            "Leaking",
            (
                "One connection had been held for over 12 seconds by a.py:5 charge; suspected of "
                "leaking by what is known today."
            ),
        ),
        (
            {"waiting": 1, "max": None},
            "Waiting",
            "1 connection was out and 1 caller was waiting.",
        ),
        ({"used": 3}, "Busy", "3 of 3 connections were out, nobody was waiting."),
        ({}, "Healthy", "1 of 3 connections was out, nobody was waiting."),
        ({"used": 0}, "Healthy", "No connection was out, nobody was waiting."),
        (
            {"used": 0, "checkouts": 0},
            "Idle",
            "No connection was out, and nobody had asked for a minute.",
        ),
    ],
)
def test_moment_is_called_by_its_worst(
    changes: dict[str, object], word: str, sentence: str
) -> None:
    found = status_at(former(**changes))
    assert (found.word, found.sentence) == (word, sentence)


def test_only_who_held_then_is_suspected() -> None:
    later = suspect(held_for=10.0)
    gone = suspect(held_for=200.0, ended_at=AT - timedelta(seconds=1))
    back = suspect(held_for=200.0, verdict="returned", ended_at=AT + timedelta(seconds=9))
    held = suspect(held_for=200.0, verdict="lost", ended_at=AT + timedelta(seconds=9))
    since = {id(later): AT + timedelta(seconds=1)}
    found = [
        replace(each, since=since.get(id(each), AT - timedelta(seconds=100)))
        for each in (later, gone, back, held)
    ]
    assert [each.verdict for each in suspects_at(found, AT)] == ["lost"]
    assert suspects_at(found, AT, "sessions") == ()


def test_headline_counts_what_is_known() -> None:
    bad, fine = Status("Saturated", "bad", ""), Status("Idle", "mute", "")
    assert headline_at([bad, fine], "9:03") == "1 of 2 pools needed attention at 9:03"
    assert headline_at([fine, UNKNOWN], "9:03") == "No pool needed attention at 9:03"
    assert headline_at([bad, UNKNOWN], "9:03") == "The pool needed attention at 9:03"
    assert headline_at([UNKNOWN], "9:03") == "Nothing is kept of 9:03"


def test_finding_names_pool_and_line() -> None:
    seen = former(used=3, waiting=1, held=HELD)
    found = finding_at(seen, status_at(seen))
    assert (found.claim, found.call_site) == ("orders was saturated.", "a.py:5 charge")


class Saturated(Given):
    """Full and with somebody waiting at every moment, with two time-outs in the last second."""

    capacities: tuple[Capacity, ...] = ()

    def history(
        self, name: str, seconds: float, points: int, until: float | None = None
    ) -> History:
        """The flat line of `Given`, at the top."""
        flat = super().history(name, seconds, points, until)
        timeouts = (*(0 for _ in flat.timeouts[1:]), 2)
        return replace(flat, used=(30,) * points, timeouts=timeouts, capacities=self.capacities)


def test_frozen_pages_name_status_and_suspects_of_then() -> None:
    leak = replace(suspect(site=ROLLUP), since=AT - timedelta(seconds=217))
    given = Saturated(pools={"orders": pool("orders")}, found=[leak])
    site = opened(given)
    page = ask(site, f"/pools/orders?at={MOMENT}").text
    assert "<span>Timing out</span>" in page
    assert "2 checkouts gave up waiting in the minute before, the last one just then." in page
    assert "in the minute before, 2 in that second" in page
    assert "who was suspected then" in page
    overview = ask(site, f"/?at={MOMENT}").text
    assert "The pool needed attention at" in overview
    assert re.search(
        r'<b>orders was timing out\.</b>.*href="/pools/orders\?at=', overview, re.DOTALL
    )
    then = ask(site, f"/api/pools/orders?at={MOMENT}").json()["then"]
    assert (then["status"], then["used"], then["timeouts"]) == ("Timing out", 30, 2)
    assert "then" not in ask(site, "/api/pools/orders").json()


def test_frozen_pages_have_the_capacity_of_then() -> None:
    given = Saturated(pools={"orders": pool("orders")})
    given.capacities = (Capacity(0.0, 30, 40), Capacity(9.0, 20, 30))
    site = opened(given)
    page = ask(site, f"/pools/orders?at={MOMENT}").text
    assert "30 of 30 connections were out and 1 caller was waiting." in page
    assert "30<small>/ 30</small>" in page
    overview = ask(site, f"/?at={MOMENT}").text
    assert "30<small>/ 30</small>" in overview
    assert '<span class="of"> of 30</span>' in overview
    then = ask(site, f"/api/pools/orders?at={MOMENT}").json()["then"]
    assert (then["used"], then["max"]) == (30, 30)
    assert '<span data-cell="total-max">7</span>' in ask(site, "/").text


class Then(Given):
    """Lanes that end at the moment."""

    def lanes(self, name: str, seconds: float, until: float | None = None) -> Lanes:
        """As given, a minute long."""
        return replace(super().lanes(name, seconds, until), start=AT.timestamp() - 60)


def test_suspect_of_today_is_marked_where_it_held() -> None:
    given = Then(**vars(orders()))
    held = given.pools["orders"].open[0]
    leak = replace(
        given.found[0],
        call_site=held.call_site,
        owner=held.owner,
        since=AT - timedelta(seconds=277),
    )
    given.found = [leak]
    given.at = AT
    marked = ask(opened(given), f"/pools/orders?at={MOMENT}").text
    assert "suspect today" in marked
    given.found = [replace(leak, ended_at=AT - timedelta(seconds=5))]
    assert "suspect today" not in ask(opened(given), f"/pools/orders?at={MOMENT}").text


def test_evidence_links_to_its_moment_and_says_what_to_do() -> None:
    full = replace(pool("orders"), used=7)
    text = ask(opened(Given(pools={"orders": full})), "/pools/orders?part=evidence").text
    assert re.search(
        r"^- As of then: http://localhost/pools/orders\?at=[\d-]+T[\d:]+Z$", text, re.MULTILINE
    )
    assert "\nTo do first: Let place_order hold for less" in text
