"""The Leaks page beyond suspects: deadlocks, owners in two pools, and what is no leak."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx

from dashboard.model.origin import CallSite, Owner
from dashboard.model.snapshot import Checkout, PoolSnapshot, Waiter
from dashboard.web.access import Access
from dashboard.web.site import build

from . import asking
from .crowded import suspect
from .given import Given

SINCE = datetime(2026, 11, 22, 9, 58, tzinfo=UTC)


def ask(path: str, given: Given) -> httpx.Response:
    """One answer, without a server."""
    return asking.ask(build(given, Access(allow_unauthenticated=True)), path)


def held(owner: Owner, function: str, connection: int = 1) -> Checkout:
    """Out for five seconds, unused since."""
    return Checkout(
        call_site=CallSite("shop/a.py", 10, function),
        stack=(),
        owner=owner,
        request=None,
        held_for=5.0,
        last_used=None,
        backend_pid=None,
        connection=connection,
        wait_time=0.0,
        since=SINCE,
        quiet_for=5.0,
    )


def waits(owner: Owner, function: str) -> Waiter:
    """Asked four seconds ago."""
    return Waiter(
        call_site=CallSite("shop/b.py", 20, function),
        owner=owner,
        request=None,
        waited_for=4.0,
        since=SINCE,
    )


def pool(name: str, most: int, *out: Checkout, waiting: tuple[Waiter, ...] = ()) -> PoolSnapshot:
    """As full as it is."""
    return PoolSnapshot(
        name=name,
        library="asyncpg",
        config={},
        size=most,
        max=most,
        used=len(out),
        count=len(out),
        open=out,
        waiting=waiting,
        pending_requests=len(waiting),
    )


def two_that_wait_for_each_other() -> Given:
    """Each holds one of two connections and asks for another."""
    ann, bob = Owner("task", "ann", 1), Owner("task", "bob", 2)
    locked = pool(
        "orders",
        2,
        held(ann, "first", 1),
        held(bob, "second", 2),
        waiting=(waits(ann, "again"), waits(bob, "again")),
    )
    return Given(pools={"orders": locked})


def test_deadlock_names_who_waits_for_whom() -> None:
    given = two_that_wait_for_each_other()
    text = ask("/leaks", given).text
    assert '<h2 id="knots-title">Deadlocks</h2>' in text
    for part in ("task ann", "task bob", "shop/a.py:10 first", "shop/b.py:20 again"):
        assert part in text
    assert "With 3 connections this could not happen: 2 owners at once x (2 - 1) + 1." in text
    (knot,) = ask("/api/deadlocks", given).json()
    assert (knot["pools"], knot["floor"], len(knot["ties"])) == (["orders"], 3, 2)


def test_owner_in_two_pools_is_one_row() -> None:
    ann = Owner("task", "ann", 1)
    given = Given(
        pools={
            "orders": pool("orders", 5, held(ann, "first")),
            "bank": pool(
                "bank", 1, held(Owner("task", "bob", 2), "pay"), waiting=(waits(ann, "charge"),)
            ),
        }
    )
    text = ask("/leaks", given).text
    assert "One owner, two pools" in text
    assert 'waits for <a href="/pools/bank">bank</a>' in text
    (crossing,) = ask("/api/crossings", given).json()
    assert (crossing["holds"], crossing["waits"], crossing["quiet_for"]) == ("orders", "bank", 5.0)


def test_long_statement_is_no_leak() -> None:
    given = Given(pools={"orders": pool("orders", 5)})
    given.found = [replace(suspect("orders"), verdict="long_query", certainty="possible")]
    text = ask("/leaks", given).text
    assert "<h1>No leak suspect</h1>" in text
    assert "No leak, but worth a word" in text


def test_quiet_pools_have_neither() -> None:
    given = Given(pools={"orders": pool("orders", 5)})
    text = ask("/leaks", given).text
    assert "knots-title" not in text
    assert "crossings-title" not in text
    assert ask("/api/deadlocks", given).json() == ask("/api/crossings", given).json() == []
