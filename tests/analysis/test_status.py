from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.analysis.lasting import Lasting, lasting
from dashboard.analysis.status import findings, headline, status_of
from dashboard.model.history import History
from dashboard.model.snapshot import LoopLag, PoolSnapshot
from tests.web.readings import AT, ROLLUP, checkout, pool, snapshot, suspect

LEAKS = (suspect(owner=3), suspect(owner=4, held_for=242.0))


@pytest.mark.parametrize(
    ("given", "word", "level"),
    [
        (pool(used=3, idle=5), "Healthy", "ok"),
        (pool(used=28), "Busy", "ok"),
        (pool(used=30, waiting=8), "Saturated", "bad"),
        (pool(used=28, waiting=8), "Saturated", "bad"),
        (pool(used=28, waiting=1, oldest_wait=0.3), "Waiting", "wait"),
        (pool(used=28, waiting=1, oldest_wait=0.2), "Busy", "ok"),
        (pool(checkout_rate=0.0), "Idle", "mute"),
        (pool(checkout_rate=0.0, checkouts=0), "Idle", "mute"),
        (pool(state="closed"), "Closed", "mute"),
        (pool(checkouts=0, failures={"connection_error": 4}), "Failing", "bad"),
        (pool(used=9, size=None, maximum=None), "Healthy", "ok"),
        (pool(used=1, size=1, maximum=1), "Healthy", "ok"),
    ],
)
def test_counts_name_the_status(given: PoolSnapshot, word: str, level: str) -> None:
    status = status_of(given, ())
    assert (status.word, status.level) == (word, level)


def test_recent_timeout_outweighs_saturation() -> None:
    given = pool(used=30, waiting=2, timeouts=3, last_timeout=AT - timedelta(seconds=4))
    status = status_of(given, ())
    assert status.word == "Timing out"
    assert status.sentence == (
        "3 checkouts have given up waiting, the last one 4 seconds ago. "
        "30 of 30 connections are out and 2 callers are waiting."
    )


def test_old_timeout_does_not_decide() -> None:
    given = pool(used=3, timeouts=3, last_timeout=AT - timedelta(minutes=5))
    assert status_of(given, ()).word == "Healthy"


def test_saturation_names_who_holds_longest() -> None:
    given = pool(used=28, waiting=8)
    assert status_of(given, LEAKS).sentence == (
        "8 callers are waiting and 28 of 30 connections are out. "
        "Two have been held for over 4 minutes by shop/reports.py:61 rollup."
    )


def test_saturation_without_suspects_names_most_holders() -> None:
    held = tuple(checkout(0.5 * n, owner=n) for n in range(1, 4))
    given = replace(pool(used=3, waiting=1, maximum=3, size=3), open=held)
    assert status_of(given, ()).sentence == (
        "1 caller is waiting and 3 of 3 connections are out. "
        "Three are held by shop/orders.py:88 place_order, the longest for 1 second."
    )


def test_probable_leak_is_bad_and_possible_one_is_a_long_hold() -> None:
    probable = suspect(verdict="orphaned", certainty="probable")
    possible = suspect(verdict="overdue", certainty="possible")
    assert status_of(pool(used=3), [probable]).word == "Leaking"
    assert status_of(pool(used=3), [possible]).word == "Long holds"
    assert status_of(pool(used=3), [possible]).sentence == (
        "One connection has been held for over 4 minutes by shop/reports.py:61 rollup. "
        "It usually holds one for 2 seconds."
    )


def test_suspect_that_ended_or_is_elsewhere_does_not_count() -> None:
    ended = suspect(verdict="lost", certainty="proven", ended_at=AT)
    back = suspect(verdict="returned")
    elsewhere = suspect(pool="reports")
    assert status_of(pool(used=3), [ended, back, elsewhere]).word == "Healthy"


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        ([], "No pool is being watched yet"),
        ([pool(used=3)], "The pool is healthy"),
        ([pool(used=30, waiting=3)], "The pool needs attention"),
        ([pool("a", used=3), pool("b", used=4)], "All 2 pools are healthy"),
        ([pool("a", used=30, waiting=3), pool("b", used=4)], "1 of 2 pools needs attention"),
        ([pool("a", checkouts=0), pool("b", checkouts=0)], "Watching 2 pools, no checkout yet"),
        ([pool("a", state="closed"), pool("b", used=4)], "1 pool is healthy, 1 closed"),
        ([pool("a", state="closed"), pool("b", state="closed")], "All 2 pools are closed"),
    ],
)
def test_headline_is_true(pools: list[PoolSnapshot], sentence: str) -> None:
    assert headline(snapshot(*pools), ()) == sentence


def test_findings_come_worst_first_and_at_most_three() -> None:
    pools = [
        pool("calm", used=2),
        pool("slow", used=2),
        pool("full", used=30, waiting=2),
        pool("fuller", used=30, waiting=9),
        pool("wait", used=2, waiting=1, oldest_wait=0.4),
    ]
    suspects = [suspect(pool="slow", certainty="possible")]
    found = findings(snapshot(*pools), suspects)
    assert [finding.pool for finding in found] == ["fuller", "full", "wait"]
    assert found[0].claim == "fuller is saturated."
    assert (found[0].section, found[0].action) == ("holders", "See who holds them")


def test_finding_names_a_call_site_that_its_evidence_contains() -> None:
    found = findings(snapshot(pool(used=28, waiting=8)), LEAKS)[0]
    assert found.call_site == str(ROLLUP)
    assert found.call_site in found.evidence


def test_pool_at_rest_remembers_its_timeouts() -> None:
    taken = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    rest = pool(used=0, timeouts=3, last_timeout=taken - timedelta(seconds=20), at=taken)
    calm = pool(used=0, timeouts=3, last_timeout=taken - timedelta(seconds=80), at=taken)
    assert (status_of(rest, []).word, status_of(calm, []).word) == ("Timing out", "Healthy")


def test_blocked_loop_outweighs_what_it_does_to_the_pool() -> None:
    loop = LoopLag(
        name="MainThread",
        lag=3.24,
        since=AT,
        is_blocked=True,
        stack=checkout(1.0, ROLLUP).stack,
        pools=("orders",),
    )
    given = pool(used=30, waiting=2, blocked_by=loop, timeouts=3, last_timeout=AT)
    status = status_of(given, LEAKS)
    assert (status.word, status.level) == ("Blocked", "bad")
    assert status.sentence == (
        "The event loop of MainThread has been blocked for 3.2 s by shop/reports.py:61 rollup. "
        "Who lives on it can neither give back nor take a connection meanwhile. "
        "orders has 30 of 30 out, 2 waiting."
    )
    assert headline(snapshot(given), ()) == "The pool needs attention"
    assert findings(snapshot(given), ())[0].claim == "orders waits for a blocked event loop."
    assert status_of(replace(given, used=0, pending_requests=0), ()).word != "Blocked"


def test_blocked_pool_says_since_when() -> None:
    loop = LoopLag(name="", lag=12.0, since=AT, is_blocked=True)
    given = pool(used=3, blocked_by=loop)
    assert lasting("Blocked", given, History(0.0, 1.0), ()) == Lasting(12.0)
