"""Checkouts that were quiet beyond the bound of their site, and came back after all."""

from dashboard.model.claim import REF
from dashboard.recorder.ledger import BATCH
from dashboard.recorder.pool import PoolRecord

from .given import SITES, Clock, ask, hold, record, take

FIRST, SECOND = SITES[:2]


def back(pool: PoolRecord) -> list[tuple[str, float, float]]:
    assert pool.fold()
    assert pool.ledger.errors == 0
    found = pool.comebacks.recent(pool.now())
    return [(each.claim[1].function, each.quiet, each.bound) for each in found]


def came_back(pool: PoolRecord) -> list[int]:
    return [pool.sites.of(site.index).came_back for site in (FIRST, SECOND)]


def test_quiet_beyond_the_bound_is_remembered() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0, SECOND.index: 2.0}
    hold(pool, clock, 10.0, FIRST)
    hold(pool, clock, 11.0, FIRST)
    hold(pool, clock, 3.0, SECOND)
    assert back(pool) == [("buy_1", 3.0, 2.0), ("buy_0", 11.0, 10.0)]
    assert came_back(pool) == [1, 1]


def test_only_sites_with_a_bound_are_compared() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1000.0, FIRST)
    assert back(pool) == []
    pool.bounds = {FIRST.index: 1.0}
    hold(pool, clock, 1000.0, SECOND)
    assert back(pool) == []
    pool.bounds = {}
    hold(pool, clock, 1000.0, FIRST)
    assert back(pool) == []
    assert came_back(pool) == [0, 0]


def test_statements_keep_it_from_being_one() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    take(pool, 1, FIRST)
    for _ in range(3):
        clock.now += 9
        pool.ledger.using(1, None)
        clock.now += 60
        pool.ledger.used(1)
    clock.now += 9
    pool.ledger.returned(1)
    assert back(pool) == []


def test_quiet_before_the_return_counts() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    take(pool, 1, FIRST)
    pool.ledger.using(1, None)
    pool.ledger.used(1)
    clock.now += 12
    pool.ledger.returned(1)
    assert back(pool) == [("buy_0", 12.0, 10.0)]


def test_expected_hold_lifts_the_bound() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    for seconds in (500.0, 700.0):
        claim = ask(pool, FIRST, expected_hold=600.0)
        pool.ledger.got(claim, 1, 1)
        clock.now += seconds
        pool.ledger.returned(1)
    assert back(pool) == [("buy_0", 700.0, 600.0)]


def test_lost_did_not_come_back() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    take(pool, 1, FIRST)[REF] = lambda: None
    clock.now += 60
    pool.ledger.returned(1)
    assert back(pool) == []
    assert pool.lost_count == 1


def test_memory_of_it_lasts_a_quarter_of_an_hour() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    hold(pool, clock, 20.0, FIRST)
    clock.now += 900
    assert back(pool) == [("buy_0", 20.0, 10.0)]
    clock.now += 1
    assert back(pool) == []
    assert came_back(pool) == [1, 0]


def test_hosts_batches_are_looked_through() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 10.0}
    for number in range(5 * BATCH):
        hold(pool, clock, 20.0 if number == 100 else 0.001, FIRST)
    assert came_back(pool) == [1, 0]


def test_number_that_is_kept_is_bounded() -> None:
    clock = Clock()
    pool = record(clock)
    pool.bounds = {FIRST.index: 0.5}
    for _ in range(500):
        hold(pool, clock, 1.0, FIRST)
    assert len(back(pool)) == 200
    assert came_back(pool) == [500, 0]
