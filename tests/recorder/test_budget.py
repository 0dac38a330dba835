from dashboard.probes.frames import Site
from dashboard.recorder.budget import fit, trim
from dashboard.recorder.ledger import BATCH
from dashboard.recorder.pool import PoolRecord
from dashboard.recorder.trace import LEAST, ROW

from .given import SITES, Clock, hold, record

MEGABYTE = 1024 * 1024
#: After so many checkouts a record has looked after its size.
GROWN = 10_000


def rows(count: int) -> list[list[int]]:
    return [[0] * count for _ in range(8)]


def test_small_records_are_left_alone() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1.0, SITES[0])
    pool.fold()
    assert fit([pool], 16 * MEGABYTE) == []
    assert len(pool.trace) == 1


def test_largest_trace_shrinks_first() -> None:
    small, large = record(), record()
    small.trace.extend(2_000, *rows(2_000))
    large.trace.extend(60_000, *rows(60_000))
    large.name = "reports"
    assert fit([small, large], MEGABYTE) == ["trace of reports"]
    assert len(small.trace) == 2_000
    assert 20_000 < len(large.trace) < 32_000
    assert small.memory + large.memory <= MEGABYTE


def test_three_hundred_pools_fit() -> None:
    pools = [record() for _ in range(300)]
    for pool in pools:
        pool.trace.extend(4_000, *rows(4_000))
    assert sum(pool.trace.memory for pool in pools) == 300 * 4_000 * ROW
    assert fit(pools, 16 * MEGABYTE) == ["traces of 300 pools"]
    assert sum(pool.memory for pool in pools) <= 16 * MEGABYTE
    assert min(len(pool.trace) for pool in pools) >= 256
    assert fit(pools, 16 * MEGABYTE) == []


def test_histograms_go_after_the_traces() -> None:
    clock = Clock()
    pool = record(clock)
    for _ in range(200):
        hold(pool, clock, 10.0, SITES[0])
    pool.fold()
    before = pool.memory
    assert fit([pool], before - 5_000) == ["histograms"]
    assert pool.memory < before


def test_ten_thousand_sites_share_what_there_is() -> None:
    clock = Clock()
    pool = record(clock)
    for index in range(3, 2003):
        hold(pool, clock, 0.001, Site(index, None, ("shop.py", index, "buy")))
    pool.fold()
    assert len(pool.sites.tallies) == 513
    assert sum(tally.use.total() for tally in pool.sites.tallies.values()) == 2000
    assert pool.sites.memory < MEGABYTE


def grow(pool: PoolRecord, clock: Clock, count: int) -> None:
    """Through the host's path; a reader never looks."""
    for _ in range(count):
        hold(pool, clock, 0.001)


def test_host_keeps_the_budget_when_nobody_reads() -> None:
    clock = Clock()
    pools = [record(clock) for _ in range(3)]
    budget = 3 * MEGABYTE // 2
    for pool in pools:
        pool.grew = lambda each: trim(each, pools, budget)
    for pool in pools:
        grow(pool, clock, 2 * GROWN)
    # Each may have grown since it looked after its size.
    assert sum(pool.trace.memory for pool in pools) <= budget + 3 * GROWN * ROW
    assert min(len(pool.trace) for pool in pools) > LEAST
    assert max(len(pool.trace) for pool in pools) < 2 * GROWN
    assert min(pool.checkins for pool in pools) >= 2 * GROWN - 5 * BATCH


def test_idle_pools_give_up_what_a_busy_one_needs() -> None:
    clock = Clock()
    idle, busy = [record(clock) for _ in range(5)], record(clock)
    for pool in idle:
        pool.trace.extend(20_000, *rows(20_000))
        pool.weight = pool.memory
    budget = sum(pool.weight for pool in idle)
    busy.grew = lambda each: trim(each, [*idle, each], budget)
    grow(busy, clock, 4 * GROWN)
    assert sum(len(pool.trace) for pool in idle) < 5 * 20_000
    assert sum(pool.memory for pool in (*idle, busy)) <= budget + GROWN * ROW
    assert len(busy.trace) > 12_000


def test_reader_is_told_what_the_host_gave_up() -> None:
    clock = Clock()
    pool = record(clock)
    pool.grew = lambda each: trim(each, [each], 400_000)
    grow(pool, clock, GROWN)
    assert fit([pool], MEGABYTE) == ["trace of orders"]
    assert fit([pool], MEGABYTE) == []


def test_record_that_is_read_is_not_shrunk_meanwhile() -> None:
    pool = record()
    pool.trace.extend(60_000, *rows(60_000))
    with pool.alone() as is_mine:
        assert is_mine
        assert fit([pool], MEGABYTE) == []
        assert len(pool.trace) == 60_000
    assert fit([pool], MEGABYTE) == ["trace of orders"]


def test_failing_budget_harms_nobody() -> None:
    def fails(_: PoolRecord) -> None:
        raise RuntimeError("no memory")

    clock = Clock()
    pool = record(clock)
    pool.grew = fails
    grow(pool, clock, GROWN)
    assert pool.fold()
    assert (pool.checkins, pool.ledger.errors) == (GROWN, 1)
    assert pool.ledger.last_error == "growth: RuntimeError"
