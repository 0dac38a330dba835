"""Lost and orphaned beside their healthy twins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.analysis.suspects import find
from dashboard.model.origin import Owner
from dashboard.model.snapshot import Checkout, LoopLag, Lost
from tests.analysis.held import (
    AT,
    ORDERS,
    held,
    left,
    line,
    pool,
    said,
    snapshot,
    suspects,
    task,
)

QUICK = (0.01,) * 40
THREAD = Owner("thread", "AnyIO worker thread", 9, is_alive=False)


def test_unreferenced_connection_is_lost() -> None:
    (found,) = suspects(held(3.0, is_unreferenced=True))
    assert (found.verdict, found.certainty, found.call_site) == ("lost", "proven", ORDERS)
    assert found.evidence == (
        "nothing refers to the connection any more",
        "held for 3.5 s; asyncpg has not taken the slot back",
    )


def test_collected_connection_is_lost() -> None:
    gone = Lost(
        call_site=ORDERS,
        stack=(),
        owner=task(1),
        request=None,
        held_for=5.0,
        backend_pid=7,
        since=AT - timedelta(seconds=9),
        ended_at=AT - timedelta(seconds=4),
        ended_ago=4.0,
        connection=3,
    )
    (found,) = suspects(recently_lost=(gone,))
    assert (found.verdict, found.certainty, found.connection) == ("lost", "proven", 3)
    assert found.evidence == (
        "nobody returned it: the garbage collector found it after 5 s",
        "asyncpg took the slot back by itself",
    )


def test_end_that_nobody_saw_is_told_so() -> None:
    (found,) = suspects(left(12.5, ended=12.0, owner_end_seen=False))
    assert found.evidence[0] == (
        "its owner, task request-1, ended at most 12 s ago and nobody used the connection since"
    )


def test_ended_owner_leaves_an_orphan() -> None:
    (found,) = suspects(left(12.5, held_for=13.0))
    assert (found.verdict, found.certainty) == ("orphaned", "probable")
    assert found.evidence == (
        "its owner, task request-1, ended 12 s ago and nobody used the connection since",
        "held for 13 s; its statement took 3 ms",
    )


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(left(0.6, ended=0.5), id="within the grace"),
        pytest.param(left(1.0, ended=12.0), id="used since"),
        pytest.param(left(1.8, user=task(2)), id="another task used it"),
        pytest.param(left(12.5, in_use_by="listeners"), id="it listens"),
        pytest.param(left(0.0, in_statement=1.0), id="a statement runs"),
        pytest.param(left(1.5, ended=1.49, held_for=1.5), id="fetched for somebody"),
        pytest.param(left(12.5, held_for=13.0, expected_hold=600.0), id="expected to be long"),
        pytest.param(held(1.5, owner=THREAD, owner_ended_for=1.2), id="a thread of a pool"),
        pytest.param(left(1.5, ended=1.49, handed_over=True, held_for=1.5), id="wait_for"),
    ],
)
def test_healthy_twin_is_no_orphan(healthy: Checkout) -> None:
    assert suspects(healthy) == []


def test_orphan_of_a_new_line_is_possible_first() -> None:
    early = left(5.6, ended=5.5)
    assert said(suspects(early, lines=[line([0.01] * 2)])) == [("orphaned", "possible")]
    assert said(suspects(early, lines=[line([0.01] * 3)])) == [("orphaned", "probable")]
    later = left(6.2, ended=6.1)
    assert said(suspects(later, lines=[line([])])) == [("orphaned", "probable")]
    unused = left(29.0, ended=28.0, held_for=29.0, statements=0, busy_for=0.0, last_used=None)
    assert said(suspects(unused, lines=[line([])])) == [("orphaned", "possible")]
    longer = replace(unused, quiet_for=32.0, owner_ended_for=31.0, held_for=32.0)
    assert said(suspects(longer, lines=[line([])])) == [("orphaned", "probable")]


def test_line_that_hands_on_has_its_bound() -> None:
    """Its owners end while somebody else has the connection: their end says nothing."""
    kept = left(5.0, ended=4.5)
    hands_on = line([0.01] * 40, handed_on=0.5)
    assert suspects(left(1.9, ended=1.8), lines=[hands_on]) == []
    assert said(suspects(kept, lines=[hands_on])) == [("orphaned", "possible")]
    assert said(suspects(left(46.0, ended=45.0), lines=[hands_on])) == [("orphaned", "probable")]
    assert said(suspects(kept, lines=[line([0.01] * 40, handed_on=0.4)])) == [
        ("orphaned", "probable")
    ]


@pytest.mark.parametrize("is_blocked", [True, False])
def test_blocked_loop_keeps_successors_away(*, is_blocked: bool) -> None:
    since = AT - timedelta(seconds=5)
    lag = LoopLag(name="", lag=4.8, since=since, is_blocked=is_blocked, pools=("orders",))
    handed = pool(left(5.0, ended=4.9), blocked_by=lag if is_blocked else None)
    assert find(replace(snapshot(handed), loops=(lag,))) == []
    handed = replace(handed, open=(left(6.5, ended=6.4),))
    assert said(find(replace(snapshot(handed), loops=(lag,)))) == [("orphaned", "probable")]


def test_grace_follows_what_is_usual() -> None:
    slow = line([2.0] * 50)
    assert suspects(left(2.9, ended=2.8), lines=[slow]) == []
    assert said(suspects(left(6.5, ended=6.3), lines=[slow])) == [("orphaned", "probable")]


def test_orphan_is_possible_where_statements_are_unseen() -> None:
    out = left(4.0, ended=3.5, statements=0, busy_for=0.0, last_used=None)
    (found,) = suspects(out, lines=[line(QUICK)], sees_statements=False)
    assert (found.verdict, found.certainty) == ("orphaned", "possible")
    assert found.evidence == ("its owner, task request-1, ended 3.5 s ago",)


def test_adopted_connection_with_ended_user_is_an_orphan() -> None:
    taken_over = left(70.0, ended=80.0, user=task(2, is_alive=False))
    (found,) = suspects(taken_over)
    assert (found.verdict, found.certainty) == ("orphaned", "probable")
    assert found.evidence[1] == "its owner, task request-2, has ended"


def test_ended_owner_beyond_a_fixed_bound_is_an_orphan() -> None:
    early = left(0.7, ended=0.6)
    (found,) = suspects(early, leak_after=0.5, lines=[line([])])
    assert (found.verdict, found.certainty) == ("orphaned", "probable")
    assert suspects(early, lines=[line([])]) == []
