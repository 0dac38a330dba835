"""What was predicted of a change beside what was measured, in words."""

from dataclasses import replace

import pytest

from dashboard.analysis.comparing import sentences
from dashboard.model.comparison import Changed, Comparison, Expected
from dashboard.model.history import Mark
from dashboard.model.period import Period
from dashboard.model.whatif import Row
from tests.analysis.rules.cases import times

BEFORE = Period(
    start=0.0, end=100.0, use_time=times(0.01, count=100), checkouts=1000, wait_time=times(0.2)
)
ROW = Row(size=10, p95=0.02, range=(0.012, 0.04), timeouts=0.0, grade="B")


def comparison(wait: float, **facts: object) -> Comparison:
    """After it callers wait for so long; `facts` are of the time after."""
    after = replace(BEFORE, wait_time=times(wait, count=100), **facts)  # type: ignore[arg-type]
    return Comparison(
        mark=Mark(0.0, "deploy"),
        pool="orders",
        before=BEFORE,
        after=after,
        expected=Expected(row=ROW, requests=12_400, seconds=900.0),
        timeout=30.0,
    )


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (0.031, "p95 wait: predicted 12-40 ms, measured 31 ms, as predicted."),
        (0.0114, "p95 wait: predicted 12-40 ms, measured 11 ms, as predicted."),
        (0.009, "p95 wait: predicted 12-40 ms, measured 9 ms, shorter than predicted."),
        (0.3, "p95 wait: predicted 12-40 ms, measured 300 ms, longer than predicted."),
    ],
)
def test_measured_wait_stands_beside_the_predicted(wait: float, words: str) -> None:
    assert sentences(comparison(wait))[0] == words


def test_source_of_a_prediction_is_named() -> None:
    assert sentences(comparison(0.031))[1:] == (
        "Predicted from 12,400 requests in the 15 min before, with the same settings. Grade B.",
    )
    changed = replace(
        comparison(0.031), changed=(Changed("pool_size", 5, 10), Changed("pool_recycle", -1, 900))
    )
    assert sentences(changed)[1] == (
        "Predicted from 12,400 requests in the 15 min before, with pool_size 5 -> 10. Grade B. "
        "pool_recycle changed too; the replay knows nothing of it."
    )


def test_time_to_connect_is_replayed_and_a_function_is_not() -> None:
    http = (Changed("connect", 2.0, None), Changed("limit_per_host", 4, 8))
    told = sentences(replace(comparison(0.031), changed=http))[1]
    assert "with connect 2.0 -> not set, limit_per_host 4 -> 8. Grade B." in told
    asyncpg = (Changed("connect", "asyncpg.connect", "shop.db.connect"),)
    told = sentences(replace(comparison(0.031), changed=asyncpg))[1]
    assert told.endswith(
        "with the same settings. Grade B. connect changed too; the replay knows nothing of it."
    )


def test_other_load_explains_a_miss() -> None:
    busier = comparison(0.3, checkouts=1300, use_time=times(0.02, count=100))
    assert sentences(busier)[2:] == (
        "There were 30% more checkouts than before.",
        "Holds changed from 10 ms to 20 ms (median).",
    )
    rush = sentences(comparison(0.3, checkouts=6500))
    assert rush[2] == "There were 6.5 times as many checkouts as before."
    assert len(sentences(comparison(0.031, checkouts=1300))) == 2


def test_who_gave_up_waited_to_the_end() -> None:
    found = replace(
        comparison(0.03, checkouts=100, timeouts=25),
        expected=Expected(
            row=replace(ROW, timeouts=124.0, timeouts_range=(62.0, 248.0)), requests=12_400
        ),
    )
    assert sentences(found)[:2] == (
        "p95 wait: predicted 12-40 ms, measured 30 s, longer than predicted.",
        "Timeouts: predicted 0.5-2.0% of the callers, measured 20.0%.",
    )


def test_wait_that_is_still_to_come_is_said() -> None:
    found = comparison(0.03)
    found = replace(found, after=replace(found.after, wait_time=times()))
    assert sentences(found)[0] == "p95 wait: predicted 12-40 ms, not measured yet."


def test_what_cannot_be_predicted_says_why() -> None:
    unknown = replace(
        comparison(0.03), expected=Expected(reason="Collecting: 213 of 1,000 checkouts.")
    )
    assert sentences(unknown) == ("Not predicted: collecting: 213 of 1,000 checkouts.",)
