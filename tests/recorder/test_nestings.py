"""Owners that hold one and ask for one more, found in what ended and in what lives."""

from dashboard.model.claim import REF
from dashboard.recorder.nestings import beside

from .given import somebody
from .nesting import INNER, OUTER, THIRD, Pool


def test_nested_one_is_found_when_all_is_over() -> None:
    pool, one = Pool(), somebody()
    outer = pool.take(one)
    pool.give(pool.take(one, INNER))
    pool.give(pool.take(one, INNER), outer)
    assert pool.look() == {("buy_0", "buy_1"): (2, 2, 1)}
    assert pool.record.nestings.by_inner() == {INNER.index: 2}
    assert pool.look() == {("buy_0", "buy_1"): (2, 2, 1)}


def test_one_after_the_other_is_not_nested() -> None:
    pool, one = Pool(), somebody()
    for _ in range(50):
        pool.give(pool.take(one))
    assert pool.look() == {}
    pool.take(one)
    assert pool.look() == {}


def test_owners_side_by_side_are_not_nested() -> None:
    pool = Pool()
    leases = [pool.take(somebody(), site) for site in (OUTER, INNER) for _ in range(5)]
    assert pool.look() == {}
    pool.give(*leases)
    assert pool.look() == {}


def test_clock_that_stands_nests_nothing() -> None:
    pool, one = Pool(step=0.0), somebody()
    for _ in range(20):
        pool.give(pool.take(one))
    assert pool.look() == {}
    outer = pool.take(one)
    pool.take(one, INNER)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1)}
    assert outer in pool.record.ledger.open


def test_each_is_counted_once_over_many_looks() -> None:
    pool, one = Pool(), somebody()
    outer = pool.take(one)
    inner = pool.take(one, INNER)
    for _ in range(3):
        assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1)}
    pool.give(inner)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1)}
    pool.give(pool.take(one, INNER), outer)
    assert pool.look() == {("buy_0", "buy_1"): (2, 2, 1)}


def test_what_ended_counts_when_the_outer_is_back() -> None:
    pool, one = Pool(), somebody()
    outer = pool.take(one)
    for _ in range(3):
        pool.give(pool.take(one, INNER))
        assert pool.look() == {}
    pool.give(outer)
    assert pool.look() == {("buy_0", "buy_1"): (3, 2, 1)}
    assert pool.look() == {("buy_0", "buy_1"): (3, 2, 1)}


def test_waiting_one_is_seen_at_once() -> None:
    pool, ones = Pool(), [somebody() for _ in range(3)]
    for one in ones:
        pool.take(one)
    claims = [pool.ask(one, INNER) for one in ones]
    assert pool.look() == {("buy_0", "buy_1"): (3, 2, 3)}
    for claim in claims:
        pool.fail(claim)
    assert pool.look() == {("buy_0", "buy_1"): (3, 2, 3)}


def test_failed_one_counts_when_the_outer_is_back() -> None:
    pool, one = Pool(), somebody()
    outer = pool.take(one)
    pool.fail(pool.ask(one, INNER))
    pool.give(outer)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1)}


def test_hand_over_hand_is_nested() -> None:
    pool, one = Pool(), somebody()
    first = pool.take(one)
    second = pool.take(one, INNER)
    pool.give(first)
    third = pool.take(one, THIRD)
    pool.give(second, third)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1), ("buy_1", "buy_2"): (1, 2, 1)}


def test_depth_counts_all_that_are_held() -> None:
    pool, one = Pool(), somebody()
    first = pool.take(one)
    second = pool.take(one, INNER)
    pool.give(pool.take(one, THIRD), second, first)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1), ("buy_1", "buy_2"): (1, 3, 1)}


def test_owners_are_those_at_the_same_time() -> None:
    pool = Pool()
    for _ in range(4):
        one = somebody()
        outer = pool.take(one)
        pool.give(pool.take(one, INNER), outer)
    assert pool.look() == {("buy_0", "buy_1"): (4, 2, 1)}
    ones = [somebody() for _ in range(3)]
    outers = [pool.take(one) for one in ones]
    pool.give(*(pool.take(one, INNER) for one in ones))
    pool.give(*outers)
    assert pool.look() == {("buy_0", "buy_1"): (7, 2, 3)}


def test_leak_makes_nothing_nested() -> None:
    """What a thread does after it forgot one is not the habit of the lines that it runs."""
    pool, one = Pool(), somebody()
    leak = pool.take(one)
    for _ in range(20):
        pool.give(pool.take(one, INNER))
        assert pool.look() == {}
    pool.record.ledger.open[leak][REF] = lambda: None
    pool.give(leak)
    assert pool.look() == {}


def test_suspect_is_no_outer_one() -> None:
    pool, one = Pool(), somebody()
    pool.take(one)
    pool.clock.now += 60
    pool.record.bounds = {OUTER.index: 10.0}
    pool.take(one, INNER)
    assert pool.look() == {}
    pool.ask(one, THIRD)
    assert ("buy_1", "buy_2") in pool.look()


def test_connection_that_was_handed_on_is_not_held() -> None:
    pool, boss = Pool(), somebody()
    leases = [pool.take(boss) for _ in range(4)]
    for lease in leases:
        pool.use(lease, somebody())
    assert pool.look() == {}
    pool.give(*leases)
    assert pool.look() == {}


def test_too_many_hand_overs_are_not_taken_for_nested() -> None:
    pool, boss = Pool(), somebody()
    for _ in range(1500):
        first, second = pool.take(boss), pool.take(boss)
        pool.use(first, somebody())
        pool.use(second, somebody())
        pool.give(first, second)
    assert pool.look() == {}
    assert len(pool.record.nestings.moved) == 0


def test_user_of_a_handed_one_nests() -> None:
    pool, carrier, one = Pool(), somebody(), somebody()
    outer = pool.take(carrier)
    pool.use(outer, one)
    inner = pool.take(one, INNER)
    pool.give(inner, outer)
    assert pool.look() == {("buy_0", "buy_1"): (1, 2, 1)}


def test_beside_are_the_other_connections_of_an_owner() -> None:
    pool, one = Pool(), somebody()
    for owner in (one, somebody(), one, one):
        pool.take(owner)
    held = list(pool.record.ledger.open.values())
    assert beside(held) == {one.ident: (1, 3, 4)}


def test_unknown_owner_holds_nothing_else() -> None:
    pool = Pool()
    for lease in (1, 2, 3):
        pool.record.ledger.adopted(lease, lease, None)
    assert beside(pool.record.ledger.open.values()) == {}
    assert pool.look() == {}
