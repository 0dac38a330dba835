import sys

import pytest

from dashboard.model.claim import GOT, LOST, PHASES, REASON, REF, RETURNED
from dashboard.model.distribution import Distribution, buckets_of
from dashboard.recorder.ledger import BATCH, FULL, WIDTH
from dashboard.recorder.pool import PoolRecord

from .given import SITES, Clock, ask, connections, hold, record, take


def counts(record: PoolRecord, kind: str, steps: int = 5) -> list[int]:
    return record.past.seconds.last(kind, record.now(), steps)


def test_seconds_are_those_of_the_events() -> None:
    clock = Clock(1000.5)
    pool = record(clock)
    take(pool, 1)
    clock.now = 1002.25
    pool.ledger.returned(1)
    clock.now = 1004.0
    pool.fold()
    assert counts(pool, "asked") == [1, 0, 0, 0, 0]
    assert counts(pool, "answered") == [1, 0, 0, 0, 0]
    assert counts(pool, "got") == [1, 0, 0, 0, 0]
    assert counts(pool, "returned") == [0, 0, 1, 0, 0]


def test_hold_belongs_to_the_time_of_its_return() -> None:
    clock = Clock(1005.0)
    pool = record(clock)
    hold(pool, clock, 8.0)
    hold(pool, clock, 0.5)
    pool.fold()
    past = pool.past
    assert past.fine["use"].between(1000, 1010).count == 0
    assert dict(past.fine["use"].between(1010, 1020).counts) == {
        buckets_of([8.0])[0]: 1,
        buckets_of([0.5])[0]: 1,
    }
    assert past.fine["wait"].between(1000, 1010).count == 1
    assert past.fine["wait"].between(1010, 1020).count == 1


def test_steps_are_kept_apart_on_the_hosts_path() -> None:
    clock = Clock(1000.0)
    pool = record(clock)
    for start in (1000.0, 1010.0, 1020.0):
        clock.now = start
        for _ in range(BATCH):
            hold(pool, clock, 0.001)
    pool.fold()
    assert [pool.past.fine["use"].between(at, at + 10).count for at in (1000, 1010, 1020)] == [
        BATCH,
        BATCH,
        BATCH,
    ]


def test_batch_over_two_steps_is_split() -> None:
    clock = Clock(1009.0)
    pool = record(clock)
    for place in range(BATCH):
        clock.now = 1009.0 + place / 128
        hold(pool, clock, 0.25)
    pool.fold()
    counted = {
        name: [pool.past.fine[name].between(at, at + 10).count for at in (1000, 1010, 1020)]
        for name in ("wait", "use")
    }
    assert counted == {"wait": [128, 128, 0], "use": [96, 160, 0]}


def test_host_folds_only_whole_batches() -> None:
    clock = Clock()
    pool = record(clock)
    for _ in range(3 * BATCH - 1):
        hold(pool, clock, 0.001)
    assert (pool.checkins, len(pool.ledger.ended)) == (0, BATCH - 1)
    hold(pool, clock, 0.001)
    assert (pool.checkins, len(pool.ledger.ended)) == (BATCH, 0)
    assert len(pool.ledger.rows) == 2 * BATCH * WIDTH


def test_list_of_rows_keeps_its_memory() -> None:
    clock = Clock()
    pool = record(clock)
    rows = pool.ledger.rows
    claim = take(pool, 1)
    claim[RETURNED] = clock.now
    sizes = set()
    while pool.checkins < 5 * BATCH:
        rows.extend(claim)
        if len(rows) >= pool.ledger.full:
            size = sys.getsizeof(rows)
            pool.ledger.look()
            sizes |= {size, sys.getsizeof(rows)}
    assert len(sizes) == 1


def test_host_counts_what_has_waited_for_long() -> None:
    clock = Clock(1000.0)
    pool = record(clock)
    for _ in range(24 * BATCH):
        hold(pool, clock, 0.0)
    assert (pool.checkins, len(pool.trace)) == (22 * BATCH, 22 * BATCH)
    assert "use" not in pool.lifetime
    for start in range(1010, 1090, 10):
        clock.now = float(start)
        for _ in range(8 * BATCH):
            hold(pool, clock, 0.0)
    # The 16 last batches wait, and those of the ten seconds before that are counted together.
    assert (pool.checkins, pool.lifetime["use"].total()) == (86 * BATCH, 65 * BATCH)
    pool.fold()
    assert pool.lifetime["use"].total() == 88 * BATCH
    assert [pool.past.fine["use"].between(at, at + 10).count for at in (1000, 1010, 1080)] == [
        24 * BATCH,
        8 * BATCH,
        8 * BATCH,
    ]


def test_rows_are_claims_one_after_the_other() -> None:
    clock = Clock()
    pool = record(clock)
    for _ in range(3):
        claim = take(pool, 1, SITES[1])
        del pool.ledger.open[1]
        clock.now += 0.25
        claim[RETURNED] = clock.now
        pool.ledger.rows.extend(claim)
    assert pool.ledger.full == FULL
    pool.ledger.look()
    assert pool.checkins == 0
    pool.fold()
    assert [each.hold for each in pool.trace] == [0.25, 0.25, 0.25]
    assert pool.sites.tallies[SITES[1].index].use == {buckets_of([0.25])[0]: 3}


def test_sites_have_their_own_statistics() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1.0, SITES[0])
    hold(pool, clock, 2.0, SITES[1])
    pool.ledger.failed(ask(pool, SITES[1]), "timeout", "TimeoutError")
    pool.fold()
    first, second = (pool.sites.tallies[site.index] for site in SITES[:2])
    assert (Distribution(first.use).longest, first.failures) == (1.03125, 0)
    assert (Distribution(second.use).longest, second.failures) == (2.0625, 1)


def test_failures_have_reason_and_time() -> None:
    clock = Clock()
    pool = record(clock)
    claim = ask(pool)
    clock.now += 30
    pool.ledger.failed(claim, "timeout", "TimeoutError")
    pool.ledger.failed(ask(pool), "cancelled", "CancelledError")
    pool.fold()
    assert pool.failures == {"timeout": 1, "cancelled": 1}
    assert pool.last_timeout == 1030.0
    assert counts(pool, "timeouts", 1) == [1]
    assert counts(pool, "errors", 1) == [1]
    assert [(each.outcome, each.wait, each.hold) for each in pool.trace] == [
        ("timeout", 30.0, None),
        ("cancelled", 0.0, None),
    ]


def test_many_failures_are_folded_without_a_return() -> None:
    pool = record()
    for _ in range(BATCH):
        pool.ledger.failed(ask(pool), "timeout", "TimeoutError")
    assert (pool.failures["timeout"], len(pool.ledger.failures)) == (BATCH, 0)


def test_no_opening_is_forgotten_without_a_return() -> None:
    pool = record()
    for number in range(3000):
        connections(pool, 1)
        pool.ledger.closed(number % 7, "idle")
    pool.fold()
    assert counts(pool, "created", 1) == [3000]
    assert counts(pool, "closed", 1) == [3000]
    assert pool.lifetime["create"].total() == 3000


def test_lost_is_remembered() -> None:
    clock = Clock()
    pool = record(clock)
    claim = take(pool, 1, SITES[2])
    claim[REF] = lambda: None
    clock.now += 5
    pool.ledger.returned(1)
    pool.fold()
    (lost,) = pool.lost
    assert (lost[REASON], lost[RETURNED] - lost[GOT]) == (LOST, 5.0)
    assert (pool.lost_count, pool.sites.tallies[SITES[2].index].lost) == (1, 1)


def test_phases_are_measured_by_name() -> None:
    clock = Clock()
    pool = record(clock)
    claim = take(pool, 1)
    claim[PHASES] = {"connect": 0.5}
    pool.ledger.returned(1, {"reset": 0.25})
    pool.fold()
    assert Distribution(pool.lifetime["connect"]).longest == pytest.approx(0.5, rel=1 / 32)
    assert Distribution(pool.lifetime["reset"]).longest == pytest.approx(0.25, rel=1 / 32)


def test_adopted_has_no_wait_and_is_no_checkout() -> None:
    clock = Clock()
    pool = record(clock)
    pool.ledger.adopted(1, 1, None)
    clock.now += 2
    pool.ledger.returned(1)
    hold(pool, clock, 1.0)
    pool.fold()
    assert (pool.checkouts, pool.checkins) == (1, 2)
    assert (pool.lifetime["wait"].total(), pool.lifetime["use"].total()) == (1, 2)
    assert (counts(pool, "asked"), counts(pool, "got")) == ([0, 0, 0, 1, 0], [0, 1, 0, 1, 0])
