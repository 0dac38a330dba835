"""Statements, and the quiet between them, by call site."""

from collections import Counter
from itertools import pairwise

from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from dashboard.model.claim import REF, USE, quiet_for
from dashboard.model.distribution import buckets_of
from dashboard.probes.owners import keep_time
from dashboard.recorder.callsites import GENERATION, SiteTally
from dashboard.recorder.pool import PoolRecord

from .given import SITES, Clock, hold, record, somebody, take

SITE = SITES[0]
DAY = 86_400.0


def tally(pool: PoolRecord) -> SiteTally:
    assert pool.fold()
    assert pool.ledger.errors == 0
    return pool.sites.of(SITE.index)


def bucket(seconds: float) -> int:
    return buckets_of([seconds])[0]


def run(pool: PoolRecord, clock: Clock, *steps: float) -> None:
    """Waits and statements in turn; then the connection comes back."""
    take(pool, 1, SITE)
    for place, seconds in enumerate(steps):
        if place % 2:
            pool.ledger.using(1, None)
        clock.now += seconds
        if place % 2:
            pool.ledger.used(1)
    pool.ledger.returned(1)


def test_longest_gap_is_the_quiet_time() -> None:
    clock = Clock()
    pool = record(clock)
    run(pool, clock, 0.25, 8.0, 2.0, 0.5, 1.0)
    seen = tally(pool)
    assert seen.quiet_time() == {bucket(2.0): 1}
    assert seen.use == {bucket(11.75): 1}
    assert seen.uses is not None
    assert (seen.uses.statements, seen.uses.busy) == (2, 8.5)


def test_gap_before_the_return_counts() -> None:
    clock = Clock()
    pool = record(clock)
    run(pool, clock, 1.0, 1.0, 30.0)
    assert tally(pool).quiet_time() == {bucket(30.0): 1}


def test_hold_is_quiet_where_nothing_was_seen() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 4.0, SITE)
    run(pool, clock, 0.5, 8.0, 0.25)
    assert tally(pool).quiet_time() == {bucket(4.0): 1, bucket(0.5): 1}


def test_what_outlives_its_owner_was_handed_on() -> None:
    clock = Clock()
    pool = record(clock)
    keeper = somebody()
    keep_time(pool, clock)
    for ends in (True, False, True):
        owner = somebody()
        take(pool, 1, SITE, owner)
        pool.ledger.using(1, owner)
        pool.ledger.used(1)
        if ends:
            owner.end()
        clock.now += 1
        pool.ledger.returned(1)
        owner.end()
    take(pool, 1, SITE, keeper)
    pool.ledger.using(1, somebody())
    pool.ledger.returned(1)
    uses = tally(pool).uses
    assert uses is not None
    assert (uses.looked, uses.handed_on) == (4, 3)


def test_statement_told_at_its_end() -> None:
    clock = Clock()
    pool = record(clock)
    take(pool, 1, SITE)
    clock.now += 10
    pool.ledger.used(1, took=4.0)
    clock.now += 1
    pool.ledger.returned(1)
    seen = tally(pool)
    assert seen.quiet_time() == {bucket(6.0): 1}
    assert seen.uses is not None
    assert (seen.uses.statements, seen.uses.busy) == (1, 4.0)


def test_end_without_a_begin_is_a_sign_of_life() -> None:
    clock = Clock()
    pool = record(clock)
    claim = take(pool, 1, SITE)
    clock.now += 5
    pool.ledger.used(1)
    clock.now += 1
    assert quiet_for(claim, clock.now) == 1.0
    pool.ledger.returned(1)
    assert tally(pool).quiet_time() == {bucket(5.0): 1}


def test_statement_that_was_cut_off_is_no_quiet_time() -> None:
    clock = Clock()
    pool = record(clock)
    take(pool, 1, SITE)
    clock.now += 1
    pool.ledger.using(1, None)
    clock.now += 60
    pool.ledger.returned(1)
    seen = tally(pool)
    assert seen.quiet_time() == {bucket(1.0): 1}
    assert seen.uses is not None
    assert seen.uses.busy == 60.0


def test_begin_without_an_end_hides_no_statement() -> None:
    clock = Clock()
    pool = record(clock)
    claim = take(pool, 1, SITE)
    pool.ledger.using(1, None)
    clock.now += 60
    assert quiet_for(claim, clock.now) == 0.0
    pool.ledger.using(1, None)
    clock.now += 2
    pool.ledger.used(1)
    clock.now += 3
    pool.ledger.returned(1)
    assert claim[USE].statements == 2
    assert tally(pool).quiet_time() == {bucket(3.0): 1}


def test_leak_is_no_example_of_the_usual() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1.0, SITE)
    for statements in (0, 1):
        claim = take(pool, 1, SITE)
        claim[REF] = lambda: None
        for _ in range(statements):
            pool.ledger.using(1, None)
            pool.ledger.used(1)
        clock.now += 600
        pool.ledger.returned(1)
    seen = tally(pool)
    assert seen.quiet_time() == {bucket(1.0): 1}
    assert seen.use.total() == 3
    assert seen.lost == 2


def test_unknown_lease_is_nothing() -> None:
    pool = record()
    pool.ledger.using(7, None)
    pool.ledger.used(7)
    assert (pool.ledger.errors, pool.ledger.has_uses) == (0, False)


def test_statements_after_dispose_still_count() -> None:
    clock = Clock()
    pool = record(clock)
    take(pool, 1, SITE)
    pool.ledger.cleared()
    clock.now += 2
    pool.ledger.using(1, None)
    pool.ledger.used(1)
    pool.ledger.returned(1)
    assert tally(pool).quiet_time() == {bucket(2.0): 1}


def filled(seen: SiteTally, count: int, now: float) -> None:
    """So many holds of a second, as the fold enters them."""
    while count:
        part = min(count, GENERATION // 2)
        seen.use[bucket(1.0)] += part
        seen.turn(now)
        count -= part


def test_poisoned_record_is_forgotten_after_fifty_thousand() -> None:
    seen = SiteTally()
    filled(seen, 1_000, 0.0)
    seen.use[bucket(600.0)] += 1
    filled(seen, 16_000, 0.0)
    assert seen.quiet_time()[bucket(600.0)] == 1
    filled(seen, 33_000, 0.0)
    assert seen.quiet_time().keys() == {bucket(1.0)}
    assert 16_384 <= sum(seen.quiet_time().values()) <= 50_000
    assert seen.use[bucket(600.0)] == 1


def test_poisoned_record_is_forgotten_after_a_week() -> None:
    seen = SiteTally()
    seen.use[bucket(600.0)] += 1
    seen.turn(0.0)
    for day in range(1, 9):
        seen.use[bucket(1.0)] += 2
        seen.turn(day * DAY)
    assert bucket(600.0) not in seen.quiet_time()
    assert sum(seen.quiet_time().values()) >= 7


def test_idle_site_forgets_nothing() -> None:
    seen = SiteTally()
    seen.use[bucket(1.0)] += 40
    for day in range(100):
        seen.turn(day * DAY)
    assert seen.quiet_time() == {bucket(1.0): 40}


STEPS = st.lists(st.floats(0.0009765625, 1000), max_size=9)


@settings(max_examples=60)
@examples(holders=st.lists(STEPS, max_size=12), folds=st.sets(st.integers(0, 12)))
def test_quiet_times_are_those_of_a_plain_model(
    holders: list[list[float]], folds: set[int]
) -> None:
    clock = Clock(0.0)
    pool = record(clock)
    quiet: list[float] = []
    busy = 0.0
    for place, steps in enumerate(holders):
        stamps = [clock.now]
        for seconds in steps:
            stamps.append(stamps[-1] + seconds)
        run(pool, clock, *steps)
        gaps = [b - a for a, b in pairwise(stamps)][::2]
        quiet.append(max(gaps, default=0.0))
        busy += sum(steps[1::2])
        if place in folds:
            pool.fold()
    seen = tally(pool)
    assert seen.quiet_time() == Counter(buckets_of(quiet))
    assert seen.use.total() == len(holders)
    uses = seen.uses
    assert (uses.statements if uses else 0) == sum(len(steps) // 2 for steps in holders)
    assert abs((uses.busy if uses else 0.0) - busy) < 1e-6 * (1 + busy)
