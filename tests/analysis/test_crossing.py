from dataclasses import replace

from dashboard.analysis import crossing
from tests.analysis.held import AUDIT, ORDERS, held, pool, task, waiter


def test_holder_that_waits_for_another_pool() -> None:
    bank = pool(name="bank", waiting=(waiter(1, 3.9),))
    (found,) = crossing.find({"orders": pool(held(4.0, 1, held_for=4.1)), "bank": bank})
    assert (found.holds, found.holds_at, found.waits, found.other_at) == (
        "orders",
        ORDERS,
        "bank",
        AUDIT,
    )
    assert (found.held_for, found.quiet_for, found.other_for) == (4.1, 4.0, 3.9)
    assert found.sentence == (
        "task request-1 holds a connection of orders (shop/orders.py:88), quiet for 4 s, and has "
        "waited for one of bank (shop/audit.py:20) for 3.9 s"
    )


def test_holder_of_two_pools() -> None:
    bank = pool(held(0.0, 7, held_for=2.0, owner=task(1), call_site=AUDIT), name="bank")
    (found,) = crossing.find({"orders": pool(held(2.5, 1, held_for=3.0)), "bank": bank})
    assert (found.holds, found.holds_too, found.waits) == ("orders", "bank", "")
    assert found.sentence == (
        "task request-1 holds a connection of orders (shop/orders.py:88), quiet for 2.5 s, and "
        "has worked with one of bank (shop/audit.py:20) for 2 s"
    )


def test_user_of_a_connection_is_its_holder() -> None:
    bank = pool(name="bank", waiting=(waiter(2, 3.9),))
    handed = held(4.0, 1, user=task(2))
    assert len(crossing.find({"orders": pool(handed), "bank": bank})) == 1
    assert crossing.find({"orders": pool(replace(handed, user=task(3))), "bank": bank}) == ()


def test_owners_of_their_own_do_not_cross() -> None:
    bank = pool(held(1.0, 5), name="bank", waiting=(waiter(6, 3.9),))
    assert crossing.find({"orders": pool(held(4.0, 1)), "bank": bank}) == ()
    assert crossing.find({"orders": pool(held(4.0, 1), waiting=(waiter(1),))}) == ()


def test_children_cross_for_who_waits_for_them() -> None:
    bank = pool(
        held(0.0, 7, held_for=2.0, owner=task(8), call_site=AUDIT, awaited_by=(task(1),)),
        name="bank",
        waiting=(waiter(9, 3.0, AUDIT, task(1)), waiter(10, 3.9, AUDIT, task(1))),
    )
    found = crossing.find({"orders": pool(held(4.0, 1, held_for=4.1)), "bank": bank})
    assert [(each.owner.name, each.waits, each.holds_too, each.other_for) for each in found] == [
        ("request-1", "", "bank", 2.0),
        ("request-1", "bank", "", 3.9),
    ]
