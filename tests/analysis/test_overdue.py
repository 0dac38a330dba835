"""Overdue beside its healthy twins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.analysis.suspects import Detector, find
from dashboard.model.origin import CallSite, HttpRequest, Owner
from dashboard.model.snapshot import Checkout, LoopLag, StackFrame
from tests.analysis.held import (
    AT,
    HTTP,
    INSIDE,
    SLEEP,
    WORKER,
    held,
    left,
    library,
    line,
    pool,
    said,
    snapshot,
    suspects,
    task,
)

QUICK = (0.01,) * 40
SERVICE = HttpRequest("GET", "/orders/{id}")
THREAD = Owner("thread", "AnyIO worker thread", 9, is_alive=False)
POOLED = Owner("thread", "worker_0", 9)
POOL_RUN = library("concurrent/futures/thread.py", "_worker")
ENTER = StackFrame("shop/unit.py", 7, "Unit.__enter__", is_library=False)
ENTERED = CallSite("shop/unit.py", 7, "Unit.__enter__")


def test_quiet_beyond_the_bound_is_overdue() -> None:
    (found,) = suspects(held(32.0, held_for=41.0))
    assert (found.verdict, found.certainty, found.bound) == ("overdue", "probable", 2.0)
    assert found.quiet_for == 32.0
    assert found.evidence == (
        "quiet for 32 s; of 12,400 checkouts of this line none was quiet for longer than 797 ms",
        "held for 41 s; its statement took 3 ms",
    )


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(held(1.9), id="within the bound"),
        pytest.param(held(0.0, held_for=90.0, in_statement=1.0), id="works for long"),
        pytest.param(held(0.3, held_for=3600.0, statements=9000), id="a batch"),
        pytest.param(held(32.0, in_use_by="listeners"), id="it listens"),
        pytest.param(held(32.0, held_for=41.0, expected_hold=60.0), id="expected to be long"),
    ],
)
def test_healthy_twin_is_not_overdue(healthy: Checkout) -> None:
    assert suspects(healthy) == []


def test_expected_hold_that_is_over_is_overdue() -> None:
    out = held(32.0, held_for=61.0, expected_hold=60.0)
    assert said(suspects(out)) == [("overdue", "probable")]


def test_new_line_is_possible_after_a_minute() -> None:
    assert suspects(held(59.0), lines=[line([0.1, 1.0])]) == []
    (found,) = suspects(held(61.0), lines=[line([0.1, 1.0])])
    assert (found.verdict, found.certainty) == ("overdue", "possible")
    assert found.evidence[0] == (
        "quiet for 1 min 1 s; only 2 checkouts of this line came back, after 1.03 s at most"
    )


def test_new_line_whose_owner_left_has_a_minute() -> None:
    young = [line([0.1, 1.0])]
    assert suspects(held(59.0, now=(SLEEP, WORKER)), lines=young) == []
    assert said(suspects(held(61.0, now=(SLEEP, WORKER)), lines=young)) == [("overdue", "possible")]


def test_new_line_is_probable_once_its_owner_left() -> None:
    gone = held(75.0, now=(SLEEP, WORKER))
    assert said(suspects(gone, lines=[line((0.01,) * 20)])) == [("overdue", "probable")]
    assert said(suspects(gone, lines=[line((0.01,) * 3)])) == [("overdue", "possible")]
    longer = replace(gone, quiet_for=201.0)
    assert said(suspects(longer, lines=[line((0.01,) * 3)])) == [("overdue", "probable")]


def test_line_that_gave_nothing_back_may_keep_by_right() -> None:
    kept = held(4000.0, now=(SLEEP, WORKER))
    assert said(suspects(kept, lines=[line([0.1])])) == [("overdue", "possible")]


def test_first_checkout_of_a_line_says_so() -> None:
    (found,) = suspects(held(155.0), lines=[line([])])
    assert found.evidence[0] == "quiet for 2 min 35 s; no checkout of this line has come back yet"


def test_fixed_bound_is_named() -> None:
    (found,) = suspects(held(11.0), leak_after=10.0)
    assert found.evidence[0] == "quiet for 11 s, longer than leak_after (10 s)"
    assert said(suspects(held(0.7), leak_after=0.5)) == [("overdue", "possible")]
    assert suspects(held(9.0), leak_after=10.0) == []


def test_owner_that_left_the_function_is_evidence() -> None:
    (found,) = suspects(held(2.5, now=(SLEEP, WORKER)), lines=[line(QUICK)])
    assert (found.verdict, found.certainty) == ("overdue", "possible")
    assert found.evidence[1] == "its owner has left place_order, the function that took it"


def test_owner_that_left_is_probable_sooner() -> None:
    known = line((0.01,) * 100)
    assert said(suspects(held(7.5), lines=[known])) == [("overdue", "possible")]
    gone = held(7.5, now=(SLEEP, WORKER))
    assert said(suspects(gone, lines=[known])) == [("overdue", "probable")]


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(held(4.0, stack=(ENTER, WORKER), call_site=ENTERED), id="a context manager"),
        pytest.param(held(4.0, request=SERVICE), id="a dependency of a request"),
        pytest.param(held(4.0, owner=POOLED, stack=(POOL_RUN,)), id="a thread of a pool"),
        pytest.param(held(4.0, owner=replace(THREAD, is_alive=True)), id="a thread of anyio"),
    ],
)
def test_leaving_the_function_proves_nothing(healthy: Checkout) -> None:
    known = line(QUICK, site=healthy.call_site)
    assert suspects(replace(healthy, now=(WORKER,)), lines=[known]) == []
    longer = replace(healthy, now=(WORKER,), quiet_for=7.5)
    assert said(suspects(longer, lines=[known])) == [("overdue", "possible")]


def test_blocked_loop_is_nobodys_silence() -> None:
    lag = LoopLag(name="MainThread", lag=31.0, since=AT, is_blocked=True)
    assert suspects(held(32.0), blocked_by=lag) == []
    assert said(suspects(held(39.0), blocked_by=lag)) == [("overdue", "probable")]
    thread = Owner("thread", "importer", 1)
    assert said(suspects(held(32.0, owner=thread), blocked_by=lag)) == [("overdue", "probable")]


def test_loop_that_was_blocked_is_nobodys_silence() -> None:
    since = AT - timedelta(seconds=32)
    lag = LoopLag(name="MainThread", lag=31.0, since=since, pools=("orders",))
    shown = replace(snapshot(pool(held(32.0))), loops=(lag,))
    assert find(shown) == []
    assert said(find(replace(shown, loops=(replace(lag, pools=("bank",)),)))) == [
        ("overdue", "probable")
    ]


def test_owner_inside_the_function_may_take_longer() -> None:
    inside = held(32.0, now=(INSIDE, WORKER))
    assert suspects(inside, lines=[line(QUICK)]) == []
    (found,) = suspects(inside)
    assert (found.verdict, found.certainty) == ("overdue", "possible")
    assert found.evidence[1] == "its owner is still in place_order, the function that took it"


def test_owner_that_took_another_one_went_on() -> None:
    first = held(32.0, 1, owner=task(1), beside=(2,), now=(INSIDE, WORKER))
    second = held(0.1, 2, owner=task(1), beside=(1,), now=(INSIDE, WORKER))
    assert said(suspects(first, second)) == [("overdue", "probable")]


def test_cursor_keeps_it_from_being_probable() -> None:
    (found,) = suspects(held(32.0, in_use_by="a cursor"))
    assert (found.verdict, found.certainty) == ("overdue", "possible")
    assert "a cursor may still need it" in found.evidence


def test_cursor_that_an_ended_owner_left_is_an_orphan() -> None:
    kept = left(32.0, in_use_by="a cursor")
    assert said(suspects(kept)) == [("orphaned", "possible")]
    assert said(suspects(replace(kept, quiet_for=61.0))) == [("orphaned", "probable")]
    assert said(suspects(replace(kept, quiet_for=61.0, in_use_by="a websocket"))) == [
        ("overdue", "possible")
    ]


def test_reader_of_an_open_cursor_has_a_minute() -> None:
    reading = held(32.0, in_use_by="a cursor", now=(SLEEP, INSIDE))
    assert suspects(reading) == []
    assert said(suspects(replace(reading, quiet_for=61.0))) == [("held_elsewhere", "possible")]


def test_line_whose_suspects_came_back_has_to_be_quieter() -> None:
    doubtful = line(came_back=2)
    (found,) = suspects(held(9.0), lines=[doubtful])
    assert (found.certainty, found.evidence[-1]) == (
        "possible",
        "2 suspects of this line have come back before",
    )
    assert said(suspects(held(15.0), lines=[doubtful])) == [("overdue", "probable")]


def test_living_successor_has_to_be_quieter() -> None:
    handed = left(24.0, user=task(2))
    assert said(suspects(handed)) == [("overdue", "possible")]
    assert said(suspects(replace(handed, quiet_for=36.0))) == [("overdue", "probable")]


def test_hand_over_by_wait_for_is_possible_at_most() -> None:
    carrier = task(1, is_alive=False)
    handed = held(4.0, owner=carrier, owner_ended_for=4.4, handed_over=True, user=task(2))
    assert suspects(handed, lines=[line(QUICK)]) == []
    assert said(suspects(replace(handed, quiet_for=7.5), lines=[line(QUICK)])) == [
        ("overdue", "possible")
    ]


def test_forgotten_connection_of_a_waiting_owner_is_overdue() -> None:
    assert said(suspects(held(32.0, now=(HTTP, WORKER)))) == [("overdue", "probable")]


def test_long_holder_is_left_alone() -> None:
    shown = snapshot(pool(held(900.0), left(900.0, 2)))
    assert len(Detector().find(shown)) == 2
    for pattern in ("orders.py:place_order", "shop/*", "place_*", "shop/orders.py:88"):
        assert Detector(long_holders=(pattern,)).find(shown) == []
    assert len(Detector(long_holders=("audit.py:place_order", "rders.py:88")).find(shown)) == 2
    lost = snapshot(pool(held(3.0, is_unreferenced=True)))
    assert said(Detector(long_holders=("place_order",)).find(lost)) == [("lost", "proven")]


def test_stranger_is_possible_at_most() -> None:
    strange = held(90.0, is_adopted=True, statements=0, last_used=None)
    assert said(suspects(strange)) == [("overdue", "possible")]
