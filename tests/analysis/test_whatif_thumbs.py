from dataclasses import replace

import pytest

from dashboard.analysis.demand import rows_of
from dashboard.analysis.littles_law import busiest_second, rules_of_thumb
from dashboard.model.whatif import Demand, Held
from tests.analysis.traces import poisson, recorded


def steady() -> Demand:
    """Ten requests a second for 100 s, each with three checkouts of 50 ms, 50 ms apart."""
    asked, owner = [], []
    for request in range(1000):
        for checkout in range(3):
            asked.append(request / 10 + checkout / 10)
            owner.append(request + 1)
    order = sorted(range(3000), key=lambda i: asked[i])
    return Demand(
        asked=[asked[i] for i in order],
        wait=[0.0] * 3000,
        hold=[0.05] * 3000,
        outcome=[0] * 3000,
        site=[1] * 3000,
        owner=[owner[i] for i in order],
        duration=100.0,
        size=10,
    )


def test_each_rule_has_its_value_for_this_pool() -> None:
    thumbs = rules_of_thumb(steady())
    assert [thumb.name for thumb in thumbs] == [
        "Little's law",
        "Square-root staffing",
        "pool_size = concurrent_requests / avg_queries_per_request × 1.5",
        "The guide's table",
    ]
    # 30 checkouts a second of 50 ms; 10 requests a second of 250 ms with 3 checkouts.
    assert [thumb.value for thumb in thumbs] == [
        pytest.approx(1.5),
        4.0,
        pytest.approx(2.5 / 3 * 1.5),
        5.0,
    ]


def test_each_rule_says_why_it_differs() -> None:
    little, staffing, formula, table = rules_of_thumb(steady())
    assert little.text == (
        "30.0 checkouts a second, each held for 50 ms, are 1.5 connections on average; "
        "1.5 in the busiest seconds."
    )
    assert "it says nothing about waits" in little.why
    assert "independently of each other" in staffing.why
    assert "more queries need more connection time, not less" in formula.why
    assert "It says 1.3; 1.5 are held in the busiest seconds." in formula.why
    assert table.text == "small service: pool_size 5 to 10, max_overflow 5."


def test_guides_own_example_gives_fifty() -> None:
    formula = rules_of_thumb(steady(), concurrent_requests=100, queries_per_request=3)[2]
    assert formula.value == pytest.approx(50)
    assert formula.text == "100.0 requests at a time with 3.0 checkouts each: 50.0."


def test_guides_row_follows_its_formula() -> None:
    names = [
        rules_of_thumb(steady(), concurrent_requests=r, queries_per_request=1)[3].text.split(":")[0]
        for r in (5, 20, 60, 500)
    ]
    assert names == ["small service", "medium service", "high load", "high load"]


def test_formula_has_no_value_where_requests_are_untold() -> None:
    demand = recorded(*poisson(2000, 20, 0.1, 1), size=5)
    formula = rules_of_thumb(demand)[2]
    assert formula.value is None
    assert formula.text.startswith("Requests cannot be told apart")


def test_busiest_seconds_count_long_holds_once() -> None:
    demand = recorded([float(n) for n in range(100)], [0.5] * 99 + [0.5], size=5)
    long = replace(demand, open=(Held(10.0, 0.0, 80.0, 1),))
    assert rules_of_thumb(long)[0].text.endswith("1.5 in the busiest seconds.")


def test_nobody_came_back_yet() -> None:
    demand = recorded([0.0, 20.0], [0.0, 0.0], size=1)
    nobody = replace(demand, outcome=[1, 1], open=(Held(0.0, 0.0, 30.0, 1),))
    assert busiest_second(rows_of(nobody)) == 1.0
    assert rules_of_thumb(nobody) == ()


def test_no_hold_gives_no_rule() -> None:
    assert rules_of_thumb(replace(steady(), outcome=[1] * 3000)) == ()
    assert rules_of_thumb(replace(steady(), duration=0.0)) == ()
