from dataclasses import replace

from dashboard.analysis import deadlock
from dashboard.analysis.status import findings, headline, status_of
from dashboard.analysis.suspects import find
from dashboard.model.origin import Owner
from dashboard.model.snapshot import Checkout, Nesting, PoolSnapshot
from tests.analysis.held import AUDIT, ORDERS, held, left, pool, said, snapshot, task, waiter


def stuck(*, most: int = 2) -> PoolSnapshot:
    """Two callers hold one each, and want a second one."""
    return pool(held(4.0, 1), held(4.0, 2), max=most, waiting=(waiter(1, 4.0), waiter(2, 3.0)))


def test_circular_wait_is_a_deadlock() -> None:
    (knot,) = deadlock.find({"orders": stuck()})
    assert knot.pools == ("orders",)
    assert [(tie.owner.name, tie.holds_at, tie.waits_at, tie.waited_for) for tie in knot.ties] == [
        ("request-1", ORDERS, AUDIT, 4.0),
        ("request-2", ORDERS, AUDIT, 3.0),
    ]
    assert (knot.owners, knot.depth, knot.floor, knot.dead) == (2, 2, 3, 0)
    assert knot.sentence == (
        "Both connections of orders are held by callers that wait for another one: "
        "shop/orders.py:88 holds while shop/audit.py:20 waits."
    )


def test_everybody_in_it_is_a_suspect() -> None:
    found = find(snapshot(stuck()))
    assert said(found) == [("deadlocked", "probable")] * 2
    assert [each.call_site for each in found] == [ORDERS, ORDERS]
    assert found[0].evidence[1] == (
        "task request-1 holds it and has waited for another at shop/audit.py:20 for 4 s"
    )
    assert found[0].evidence[2] == (
        "2 callers that want 2 each at once need 3 connections (2 × (2 - 1) + 1), or one that is "
        "handed on"
    )


def test_floor_comes_from_what_was_observed() -> None:
    nestings = (Nesting(outer=ORDERS, inner=AUDIT, count=40, depth=3, owners=8),)
    (knot,) = deadlock.find({"orders": replace(stuck(), nestings=nestings)})
    assert (knot.owners, knot.depth, knot.floor) == (8, 3, 17)


def test_pool_with_room_is_not_deadlocked() -> None:
    assert deadlock.find({"orders": stuck(most=3)}) == ()
    assert deadlock.find({"orders": replace(stuck(), max=None)}) == ()


def test_one_holder_that_can_go_on_unties_it() -> None:
    free = pool(
        held(9.0, 1),
        held(9.0, 2),
        held(0.2, 3),
        max=3,
        waiting=(waiter(1), waiter(2)),
    )
    assert deadlock.find({"orders": free}) == ()
    assert said(find(snapshot(free)))[:2] == [("overdue", "probable")] * 2


def test_waiters_that_hold_nothing_are_only_waiters() -> None:
    busy = pool(held(0.5, 1), held(0.5, 2), max=2, waiting=(waiter(8), waiter(9)))
    assert deadlock.find({"orders": busy}) == ()
    assert find(snapshot(busy)) == []


def test_wait_that_has_only_begun_is_no_deadlock() -> None:
    fresh = pool(held(4.0, 1), max=1, waiting=(waiter(1, 0.2),))
    assert deadlock.find({"orders": fresh}) == ()


def test_strangers_can_go_on() -> None:
    """The owner of what was out before the watch is not known, and no circle is made of it."""
    nobody = Owner("unknown", "", 0)
    strange: Checkout = held(4.0, 2, owner=nobody, is_adopted=True)
    assert deadlock.find({"orders": pool(held(4.0, 1), strange, max=2, waiting=(waiter(1),))}) == ()


def test_forgotten_connection_counts_as_one_that_nobody_returns() -> None:
    half = pool(held(4.0, 1), left(60.0, 2, ended=59.0), max=2, waiting=(waiter(1),))
    (knot,) = deadlock.find({"orders": half})
    assert (len(knot.ties), knot.dead) == (1, 1)
    assert knot.sentence.startswith(
        "Both connections of orders are held by callers that wait for another one or forgotten (1)"
    )
    assert sorted(said(find(snapshot(half)))) == [
        ("deadlocked", "probable"),
        ("orphaned", "probable"),
    ]


def test_leak_alone_is_no_deadlock() -> None:
    drained = pool(left(60.0, 1), left(60.0, 2), max=2, waiting=(waiter(9),))
    assert deadlock.find({"orders": drained}) == ()


def test_two_pools_can_be_tied_together() -> None:
    orders = pool(held(4.0, 1), max=1, waiting=(waiter(2),))
    stock = pool(held(4.0, 2), name="stock", max=1, waiting=(waiter(1),))
    (knot,) = deadlock.find({"orders": orders, "stock": stock})
    assert (knot.pools, knot.floor) == (("orders", "stock"), None)
    assert {(tie.holds, tie.waits) for tie in knot.ties} == {
        ("orders", "stock"),
        ("stock", "orders"),
    }
    assert deadlock.find({"orders": orders, "stock": replace(stock, max=2)}) == ()


def test_two_knots_are_told_apart() -> None:
    other = replace(
        pool(held(4.0, 1, owner=task(11)), max=1, waiting=(waiter(11),)), name="reports"
    )
    knots = deadlock.find({"orders": stuck(), "reports": other})
    assert [knot.pools for knot in knots] == [("orders",), ("reports",)]
    assert knots[1].sentence == (
        "The only connection of reports is held by a caller that waits for another one: "
        "shop/orders.py:88 holds while shop/audit.py:20 waits."
    )
    assert deadlock.advice(knots[1]) == (
        "1 caller that wants 2 at once needs 2 connections (1 × (2 - 1) + 1), or one that is "
        "handed on."
    )


def test_deadlocked_is_the_status() -> None:
    shown = snapshot(stuck())
    found = find(shown)
    status = status_of(shown.pools["orders"], found)
    assert (status.word, status.level) == ("Deadlocked", "bad")
    assert status.sentence == (
        "Both connections of orders are held by callers that wait for another one: "
        "shop/orders.py:88 holds while shop/audit.py:20 waits."
    )
    assert headline(shown, found) == "The pool needs attention"
    (finding,) = findings(shown, found)
    assert (finding.claim, finding.section) == ("orders is deadlocked.", "suspects")


def test_who_waits_for_its_children_is_tied_by_them() -> None:
    children = (waiter(8, 4.0, AUDIT, task(1)), waiter(9, 4.0, AUDIT, task(7), task(2)))
    (knot,) = deadlock.find({"orders": pool(held(4.0, 1), held(4.0, 2), max=2, waiting=children)})
    assert [tie.owner.name for tie in knot.ties] == ["request-1", "request-2"]
    assert (knot.owners, knot.floor) == (2, 3)


def test_worker_that_forgets_on_one_line_may_leak() -> None:
    """Three of one owner and one line, and it asks for one more: nested, or never returned."""
    mine = [
        held(9.0 - number, number, owner=task(1), beside=tuple({1, 2, 3} - {number}))
        for number in (1, 2, 3)
    ]
    found = find(snapshot(pool(*mine, max=3, waiting=(waiter(1, 4.0, ORDERS),))))
    assert said(found) == [("deadlocked", "probable")] * 3
    assert found[0].evidence[3] == (
        "all 3 were taken at shop/orders.py:88: if each should have been returned before the next, "
        "they are leaked"
    )


def test_floor_is_safe_for_every_line_together() -> None:
    """Five that nest twice and one that nests three times may meet."""
    nestings = (
        Nesting(outer=ORDERS, inner=AUDIT, count=5, depth=2, owners=5),
        Nesting(outer=AUDIT, inner=AUDIT, count=1, depth=3, owners=1),
    )
    floor = deadlock.floor_of(nestings)
    assert (floor.owners, floor.depth, floor.slots) == (5, 3, 11)
    assert str(floor) == "5 x (3 - 1) + 1 = 11"
    assert deadlock.floor_of(()).slots == 1
