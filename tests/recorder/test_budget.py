from dashboard.probes.frames import Site
from dashboard.recorder.budget import fit
from dashboard.recorder.trace import ROW

from .given import SITES, Clock, hold, record

MEGABYTE = 1024 * 1024


def rows(count: int) -> list[list[int]]:
    return [[0] * count for _ in range(7)]


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
