from dataclasses import replace
from itertools import permutations
from math import exp, inf

import pytest

from dashboard.analysis.bootstrap import Blocks, block_count, draws
from dashboard.analysis.demand import own_limits, rows_of
from dashboard.analysis.measuring import measure
from dashboard.analysis.replay import Load, replay
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change
from tests.analysis.traces import bursty, p95_at, random_bursts, recorded


def test_blocks_are_long_enough_for_queues_but_never_few() -> None:
    assert [block_count(100.0, longest) for longest in (0.0, 0.9, 1.2, 1.6, 25.0)] == [
        *(20, 20, 15, 10, 10)
    ]


def test_queue_of_a_quarter_of_the_window_has_no_range() -> None:
    assert (block_count(100.0, 25.1), block_count(0.0, 0.0)) == (0, 0)


def a_hundred(waits: list[float]) -> Blocks:
    """One request a second, ten blocks."""
    asks = [float(n) for n in range(100)]
    return Blocks(asks, [(asks, waits)], 10)


def test_few_bursts_reach_further() -> None:
    """Every request waits a second, so that nothing else makes the range wide."""
    blocks = a_hundred([1.0] * 100)
    drawn = draws(10)
    few, many = (blocks.intervals(drawn, {95.0: 1.0}, bursts)[95.0] for bursts in (9, 900))
    assert few == pytest.approx((exp(-1), exp(1)), rel=0.04)
    assert many == pytest.approx((exp(-0.1), exp(0.1)), rel=0.04)


def test_range_reaches_as_far_as_fifths_differ() -> None:
    blocks = a_hundred([0.1] * 20 + [1.0] * 60 + [4.0] * 20)
    no_draws = [[1] * 10] * 100
    low, high = blocks.intervals(no_draws, {50.0: 1.0}, 1_000_000)[50.0]
    assert (low, high) == pytest.approx((0.1, 4.0), rel=0.04)


def test_count_reaches_as_far_as_fifths_differ() -> None:
    blocks = a_hundred([0.0] * 100)
    counts = [3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    assert blocks.count_interval([[1] * 10] * 100, counts, 20.0) == (10.0, 30.0)


def test_range_reaches_another_random_day() -> None:
    """No two days are alike: at most one pair in ten may lie outside."""
    days = [random_bursts(30_000, seed) for seed in range(5)]
    ranges = [predict(recorded(*day, size=12), [9]).rows[0].range for day in days]
    truth = [p95_at(recorded(*day, size=9)) for day in days]
    inside = [
        known is not None and known[0] <= real <= known[1]
        for known, real in permutations_of(ranges, truth)
    ]
    assert len(inside) == 20
    assert sum(inside) >= 18


def permutations_of(
    ranges: list[tuple[float, float] | None], truth: list[float]
) -> list[tuple[tuple[float, float] | None, float]]:
    return [(ranges[one], truth[other]) for one, other in permutations(range(len(truth)), 2)]


def test_bursts_are_counted_before_the_range_is_made() -> None:
    load = Load(*bursty(12_000, 1))
    measured = measure(load, replay(load, 9))
    assert measured.bursts >= 10
    assert measured.ranges is not None
    low, high = measured.ranges[95.0]
    few = exp(3 / measured.bursts**0.5)
    assert low <= measured.points[95.0] / few
    assert high >= measured.points[95.0] * few


def test_callers_keep_the_patience_that_they_brought() -> None:
    """`pool.acquire(timeout=…)`: the pool itself knows no limit."""
    traffic = bursty(20_000, 4)
    demand = replace(recorded(*traffic, size=7, timeout=0.1), timeout=None)
    truth = sum(recorded(*traffic, size=9, timeout=0.1).outcome)
    prediction = predict(demand, [7, 9])
    present, larger = prediction.rows
    assert present.timeouts == pytest.approx(sum(demand.outcome), rel=0.15)
    assert larger.timeouts == pytest.approx(truth, rel=0.15)
    assert present.p95 == pytest.approx(0.1)
    assert any("callers that do leave after 100 ms" in text for text in prediction.sentences)
    assert predict(demand, [9], Change(timeout=inf)).rows[0].timeouts == 0


def test_patience_belongs_to_its_call_site() -> None:
    demand = replace(
        recorded([0.0, 1.0, 2.0, 3.0], [0.5] * 4, size=1),
        site=[1, 1, 2, 2],
        wait=[0.1, 0.05, 0.0, 5.0],
        outcome=[1, 0, 0, 0],
    )
    limits = own_limits(demand)
    assert limits == {1: 0.1}
    assert rows_of(demand).patience(None, limits) == [0.1, 0.1, inf, inf]
    assert rows_of(demand).patience(2.0, limits) == [2.0] * 4
    assert own_limits(replace(demand, timeout=2.0)) == {}
