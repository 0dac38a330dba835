from itertools import pairwise
from math import inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from dashboard.analysis import chains
from dashboard.analysis.measuring import bursts, measure, percentile
from dashboard.analysis.overflow import churn, hourly
from dashboard.analysis.replay import Load, replay
from dashboard.analysis.sharing import replay_shared
from tests.analysis.traces import bursty, closed, full_replay, p95, p95_at, poisson

TIMES = st.integers(0, 40).map(lambda n: n / 4)
REQUESTS = st.lists(
    st.tuples(TIMES, TIMES, st.sampled_from((0.0, 0.25, 1.0, 5.0, inf))), min_size=1
)


def columns(
    requests: list[tuple[float, float, float]],
) -> tuple[list[float], list[float], list[float]]:
    arrivals, holds, patience = zip(*sorted(requests, key=lambda each: each[0]), strict=True)
    return list(arrivals), list(holds), list(patience)


@given(REQUESTS, st.integers(1, 6))
def test_skip_ahead_equals_full_replay(
    requests: list[tuple[float, float, float]], slots: int
) -> None:
    arrivals, holds, patience = columns(requests)
    load = Load(arrivals, holds, patience)
    waits, left = full_replay(arrivals, load.holds, slots, patience)
    done = replay(load, slots)
    assert dict(zip(done.waited, done.waits, strict=True)) == waits
    assert done.left == left


@given(st.integers(0, 50), st.integers(1, 8), st.sampled_from((None, 0.05, 0.5)))
def test_skip_ahead_equals_full_replay_in_bursts(
    seed: int, slots: int, timeout: float | None
) -> None:
    arrivals, holds = bursty(400, seed, low=50, high=800)
    holds[seed] = 3.0
    load = Load(arrivals, holds, timeout=timeout)
    for size in (slots, slots + 3, slots + 1):
        waits, left = full_replay(arrivals, load.holds, size, load.patience)
        done = replay(load, size)
        assert dict(zip(done.waited, done.waits, strict=True)) == waits
        assert done.left == left


def test_long_hold_beyond_the_look_back_is_found() -> None:
    arrivals = [n / 100 for n in range(5000)]
    holds = [0.001] * 5000
    holds[0] = 1000.0
    holds[4990] = 1.0
    done = replay(Load(arrivals, holds), 2)
    assert done.waited == list(range(4991, 5000))
    waits, _ = full_replay(arrivals, holds, 2, [inf] * 5000)
    assert dict(zip(done.waited, done.waits, strict=True)) == waits


@given(REQUESTS, st.integers(1, 6))
def test_first_come_is_first_served(requests: list[tuple[float, float, float]], slots: int) -> None:
    arrivals, holds, patience = columns(requests)
    done = replay(Load(arrivals, holds, patience), slots)
    waits = dict(zip(done.waited, done.waits, strict=True))
    gone = set(done.left)
    starts = [a + waits.get(i, 0.0) for i, a in enumerate(arrivals) if i not in gone]
    assert all(before <= after for before, after in pairwise(starts))
    assert all(wait <= patience[i] for i, wait in waits.items())


@given(REQUESTS, st.integers(1, 6))
def test_never_more_held_than_slots(requests: list[tuple[float, float, float]], slots: int) -> None:
    arrivals, holds, patience = columns(requests)
    load = Load(arrivals, holds, patience)
    done = replay(load, slots)
    waits = dict(zip(done.waited, done.waits, strict=True))
    gone = set(done.left)
    served = [i for i in range(len(arrivals)) if i not in gone]
    starts = {i: arrivals[i] + waits.get(i, 0.0) for i in served}
    for start in starts.values():
        held = [i for i in served if starts[i] <= start < starts[i] + load.holds[i]]
        assert len(held) <= slots


def erlang_c(slots: int, rho: float) -> tuple[float, float]:
    """Mean wait and p95 of M/M/c with holds of 1 on average."""
    offered = slots * rho
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = offered * blocked / (k + offered * blocked)
    waits = blocked / (1 - rho * (1 - blocked))
    return waits / (slots - offered), max(0.0, log(waits / 0.05) / (slots - offered))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slots", "rho", "seed"), [(1, 0.7, 1), (2, 0.8, 2), (5, 0.7, 3), (10, 0.8, 4)]
)
def test_replay_agrees_with_erlang_c(slots: int, rho: float, seed: int) -> None:
    arrivals, holds = poisson(1_000_000, slots * rho, 1.0, seed)
    done = replay(Load(arrivals, holds), slots)
    mean, quantile = erlang_c(slots, rho)
    assert sum(done.waits) / 1_000_000 == pytest.approx(mean, rel=0.03)
    assert percentile(sorted(done.waits), 1_000_000, 95.0) == pytest.approx(quantile, rel=0.03)


def test_bursts_make_waits_where_erlang_sees_none() -> None:
    arrivals, holds = bursty(50_000, 7)
    rho = sum(holds) / arrivals[-1] / 8
    done = replay(Load(arrivals, holds), 8)
    assert rho < 0.5
    assert 0.02 * erlang_c(8, rho)[1] < 0.005
    assert percentile(sorted(done.waits), 50_000, 95.0) > 0.2


def test_unlimited_pool_makes_nobody_wait() -> None:
    assert replay(Load([0.0, 0.0, 0.0], [9.0, 9.0, 9.0]), None).waits == []


def test_size_one_serves_one_after_the_other() -> None:
    done = replay(Load([0.0, 1.0, 2.0], [5.0, 5.0, 5.0]), 1)
    assert done.waits == [4.0, 8.0]


def test_who_leaves_takes_no_slot() -> None:
    done = replay(Load([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], [9.0, 2.0, 9.0], 9.0), 1)
    assert (done.left, done.left_after, done.waited, done.waits) == ([1], [2.0], [2], [3.0])
    measured = measure(Load([0.0, 1.0, 2.0], [5.0] * 3, [9.0, 2.0, 9.0], 9.0), done)
    assert (measured.timeouts, measured.cancelled) == (0, 1)


def test_bursts_count_once_a_second() -> None:
    assert bursts([(0.0, 0.1), (0.2, 0.3), (1.1, 3.0), (2.5, 3.5), (9.0, 9.1)]) == 3


def test_overflow_is_closed_at_checkin() -> None:
    # Three at once: three opens. The third to come back finds two idle and is closed.
    assert churn([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], size=2) == (3, 1)
    # All three again, later: the closed one is opened anew.
    assert churn([0.0] * 3 + [9.0] * 3, [1.0, 2.0, 3.0, 10.0, 11.0, 12.0], size=2) == (4, 2)
    # One after the other needs one connection for ever.
    assert churn([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], size=2) == (1, 0)
    # size 0 keeps nothing.
    assert churn([0.0, 2.0], [1.0, 3.0], size=0) == (2, 2)


def test_connection_handed_to_a_waiter_is_not_closed() -> None:
    # Size 1, overflow 1; the third waits for 1.0 and takes over what is returned then.
    load = Load([0.0, 0.0, 0.5, 50.0], [1.0, 2.0, 3.0, 10.0])
    done = replay(load, 2)
    assert done.waits == [0.5]
    opens, closes = hourly(load, done, 1) or (None, None)
    assert opens == pytest.approx(3600 / 60)
    assert closes == pytest.approx(3600 / 60)


def test_closed_callers_need_the_chained_replay() -> None:
    demand = closed(users=40, think=0.15, hold=0.02, size=4, count=30_000, seed=5)
    ended = [a + w + h for a, w, h in zip(demand.asked, demand.wait, demand.hold, strict=True)]
    links = chains.links(demand.asked, ended, demand.owner)
    load = Load(demand.asked, demand.hold)
    count = len(load)
    truth = {size: p95_at(closed(40, 0.15, 0.02, size, 30_000, 6)) for size in (3, 5, 6)}
    chained = {size: p95(chains.replay_chained(load, links, size).waits, count) for size in truth}
    plain = {size: p95(replay(load, size).waits, count) for size in truth}
    assert chains.mode(links, demand.wait) == "closed"
    assert chained == pytest.approx(truth, rel=0.1)
    assert plain[3] > 20 * truth[3]
    assert plain[5] < 0.8 * truth[5]


def test_chained_replay_without_links_is_the_replay() -> None:
    arrivals, holds = bursty(3000, 3)
    load = Load(arrivals, holds, timeout=0.2)
    nothing = chains.links(arrivals, arrivals, [0] * 3000)
    one, other = replay(load, 6), chains.replay_chained(load, nothing, 6)
    assert other.waited == one.waited
    assert other.waits == pytest.approx(one.waits)
    assert other.left == one.left


def test_threads_that_serve_a_queue_are_not_closed() -> None:
    # 40 threads take turns; after a long wait work has piled up, so the next gap is short.
    arrivals, holds = bursty(30_000, 3)
    waits, _ = full_replay(arrivals, holds, 8, [inf] * 30_000)
    free = [(0.0, name) for name in range(1, 41)]
    owners = []
    for i, (now, hold) in enumerate(zip(arrivals, holds, strict=True)):
        free.sort()
        end, name = free[0]
        owners.append(name)
        free[0] = (max(now, end) + waits.get(i, 0.0) + hold, name)
    ended = [
        a + waits.get(i, 0.0) + h for i, (a, h) in enumerate(zip(arrivals, holds, strict=True))
    ]
    wait = [waits.get(i, 0.0) for i in range(30_000)]
    assert chains.mode(chains.links(arrivals, ended, owners), wait) != "closed"


def test_short_lived_owners_are_chained() -> None:
    found = chains.links([0.0, 1.0, 1.5, 9.0], [0.5, 1.2, 2.0, 9.5], [1, 2, 1, 2])
    assert found.before == [-1, -1, 0, 1]
    assert found.gaps == pytest.approx([0.0, 0.0, 1.0, 7.8])
    assert chains.mode(found, [0.0] * 4) == "chained"


def test_owner_that_asks_while_it_holds_is_not_linked() -> None:
    assert chains.links([0.0, 1.0], [5.0, 6.0], [1, 1]).before == [-1, -1]


def test_shared_server_at_full_speed_is_the_replay() -> None:
    arrivals, holds = bursty(3000, 3)
    load = Load(arrivals, holds, timeout=0.2)
    one, other = replay(load, 6), replay_shared(load, load.holds, 6, [1.0] * 7)
    assert other.waited == one.waited
    assert other.waits == pytest.approx(one.waits, abs=1e-6)
    assert sorted(other.left) == one.left


def test_shared_server_slows_all_down() -> None:
    # Two together run at half speed: both end at 2, and the third starts then.
    done = replay_shared(Load([0.0, 0.0, 0.5], [1.0] * 3), [1.0] * 3, 2, [1.0, 1.0, 0.5])
    assert done.waits == [1.5]


class _Counted:
    """A connection that counts itself."""

    opens = closes = 0

    def __init__(self) -> None:
        _Counted.opens += 1

    def rollback(self) -> None: ...

    def close(self) -> None:
        _Counted.closes += 1


@given(st.lists(st.tuples(TIMES, st.integers(1, 9)), min_size=1, max_size=30), st.integers(1, 4))
def test_churn_is_that_of_a_real_queue_pool(requests: list[tuple[float, int]], size: int) -> None:
    starts = sorted(start for start, _ in requests)
    spans = sorted((start, start + lasts / 8) for start, lasts in requests)
    _Counted.opens = _Counted.closes = 0
    pool = QueuePool(_Counted, pool_size=size, max_overflow=-1)  # type: ignore[arg-type]
    out: list[tuple[float, PoolProxiedConnection]] = []
    for start, end in [*spans, (inf, inf)]:
        for back in sorted((each for each in out if each[0] <= start), key=lambda each: each[0]):
            out.remove(back)
            back[1].close()
        if start < inf:
            out.append((end, pool.connect()))
    assert churn(starts, sorted(end for _, end in spans), size) == (_Counted.opens, _Counted.closes)
    pool.dispose()
