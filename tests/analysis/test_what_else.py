"""The other questions: leaks, early release, ping, workers."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.lab import Lab
from dashboard.analysis.what_else import QUESTIONS, ask
from dashboard.model.limits import ServerLimit
from dashboard.model.whatif import Prediction
from tests.analysis.rules.cases import (
    asyncpg_pool,
    measured,
    pool,
    site,
    suspect,
    times,
)
from tests.analysis.traces import bursty, recorded

BURSTS = bursty(12_000, 1)


@pytest.fixture(scope="module")
def small() -> Case:
    return measured(asyncpg_pool(), recorded(*BURSTS, size=7))


def upper(prediction: Prediction) -> float:
    """The upper end of the p95 of the one size."""
    (row,) = prediction.rows
    assert row.range is not None
    return row.range[1]


def test_fixed_leak_gives_its_slots_back(small: Case) -> None:
    assert small.lab is not None
    lab = Lab(replace(small.lab.demand, size=9, lost=2))
    case = replace(small, lab=lab, suspects=(suspect(), suspect()))
    prediction = ask(case, "leak", [9])
    assert upper(prediction) < upper(lab.predict([9]))
    assert prediction.answer[0] == (
        "2 slots are held by what leaks at shop/orders.py:88; fixed, they come back."
    )
    assert prediction.answer[1].startswith("At the present size: p95 wait ")


def test_no_leak_changes_nothing(small: Case) -> None:
    prediction = ask(small, "leak")
    assert prediction.rows == ()
    assert prediction.answer == ("No leak holds a slot at the moment: nothing would change.",)


def test_early_release_shortens_the_holds(small: Case) -> None:
    shown = replace(small.pool, call_sites=(site(),))
    prediction = ask(replace(small, pool=shown), "release", [7])
    assert prediction.answer[0] == (
        "shop/orders.py:88 holds for 40 ms on average and runs statements for 3 ms of it. "
        "Released before the rest, a hold would be 4 ms, a round trip included."
    )
    assert upper(prediction) == 0.0
    named = ask(replace(small, pool=shown), "release", [7], "shop/orders.py:88")
    assert named == prediction


def test_unknown_line_or_unseen_statements_are_said(small: Case) -> None:
    shown = replace(small.pool, call_sites=(site(),))
    unknown = ask(replace(small, pool=shown), "release", [7], "shop/chat.py:1")
    assert unknown.answer == ("No call site of this pool is 'shop/chat.py:1'.",)
    unseen = replace(small.pool, call_sites=(site(statements=0, busy_time=0.0),))
    blind = ask(replace(small, pool=unseen), "release", [7])
    assert blind.answer[0].startswith("No statement was seen at this pool")


def test_ping_off_frees_its_share(small: Case) -> None:
    pinged = pool(phases={"pre_ping": times(0.01, count=500)}, closed_by={"error": 2})
    demand = recorded(*BURSTS, size=7, semantics="queuepool")
    prediction = ask(measured(pinged, demand), "ping", [7])
    before = measured(pinged, demand).lab
    assert before is not None
    assert upper(prediction) < 0.7 * upper(before.predict([7]))
    assert prediction.answer[1] == (
        "2 connections failed since the watch began, and ping is what notices."
    )
    off = replace(pinged, config={"pool_pre_ping": False})
    assert ask(measured(off, demand), "ping").answer == (
        "Pre-ping is off already: nothing would change.",
    )


def test_more_workers_share_callers_and_budget(small: Case) -> None:
    limit = ServerLimit(max_connections=30, workers=2)
    prediction = ask(replace(small, server=limit), "workers", [7])
    assert prediction.answer[:2] == (
        "4 workers instead of 2: each gets 2 of 4 callers, 50%.",
        "1 pool of 4 workers may open 28 connections; the server has 27 for them.",
    )
    lab = small.lab
    assert lab is not None
    assert upper(prediction) < upper(lab.predict([7]))


def test_little_data_is_collected() -> None:
    case = measured(asyncpg_pool(), recorded(*bursty(500, 1), size=7))
    prediction = ask(case, "workers")
    assert prediction.answer[-1].startswith("Collecting: 500 of 1,000 checkouts")


def test_other_questions_are_refused(small: Case) -> None:
    with pytest.raises(ValueError, match="question takes one of leak, release, ping, workers"):
        ask(small, "colour")
    assert all(each.endswith("?") for each in QUESTIONS.values())
