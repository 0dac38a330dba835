"""Holds that move: seen in the window, and what they do to ranges and grades."""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from statistics import pstdev

import pytest

from dashboard.analysis.demand import rows_of
from dashboard.analysis.drifting import drift, grade_of
from dashboard.analysis.replay import Load, replay
from dashboard.analysis.scene import set_up
from dashboard.analysis.whatif import Experiment, predict
from dashboard.model.whatif import NO_CHANGE, Demand, Row
from tests.analysis.traces import bursty, p95, p95_at, random_bursts, recorded, saturating

COUNT = 20_000


def moved(pace: Callable[[int], float], size: int = 12, count: int = COUNT) -> Demand:
    """Bursts whose holds are `pace(n)` times as long in the n-th fifth."""
    arrivals, holds = bursty(count, 1)
    return recorded(
        arrivals, [hold * pace(5 * n // count) for n, hold in enumerate(holds)], size=size
    )


def row(demand: Demand, size: int) -> Row:
    return predict(demand, [size]).rows[0]


def test_level_of_holds_is_told_from_chance() -> None:
    levels = [0.8, 1.2, 0.9, 1.1, 1.0]
    assert drift(rows_of(moved(lambda _: 1.0))) == 0.0
    found = drift(rows_of(moved(levels.__getitem__)))
    assert found == pytest.approx(pstdev(map(log, levels)) * (5 / 4) ** 0.5, rel=0.15)


def test_other_mix_of_call_sites_is_no_drift() -> None:
    demand = moved(lambda n: (1.0, 1.0, 3.0, 3.0, 3.0)[n])
    slow = [2 if 5 * n // COUNT > 1 else 1 for n in range(COUNT)]
    assert drift(rows_of(demand)) > 0.4
    assert drift(rows_of(replace(demand, site=slow))) == 0.0


def test_too_few_holds_have_no_level() -> None:
    assert drift(rows_of(moved(lambda n: n + 1.0, count=999))) == 0.0


def test_longer_holds_wait_as_at_fewer_slots() -> None:
    """What `Drift` rests on: a backlog is worked off as slowly."""
    arrivals, holds = random_bursts(30_000, 2)
    plain = Load(arrivals, holds)
    at = {size: p95(replay(plain, size).waits, 30_000) for size in (6, 7, 9, 10, 12)}
    for factor, size, below in ((7 / 6, 7, 6), (10 / 9, 10, 9), (12 / 10, 12, 10)):
        longer = Load(arrivals, [hold * factor for hold in holds])
        assert p95(replay(longer, size).waits, 30_000) == pytest.approx(at[below], rel=0.05)


def test_range_reaches_as_far_as_holds_moved() -> None:
    still, moving = moved(lambda _: 1.0), moved([0.75, 1.3, 0.85, 1.15, 1.0].__getitem__)
    arrivals, holds = bursty(COUNT, 1)
    longer = p95_at(recorded(arrivals, [1.25 * hold for hold in holds], size=10))
    before, after = row(still, 10), row(moving, 10)
    assert before.range is not None
    assert after.range is not None
    assert before.p95 is not None
    assert after.range[1] > longer > before.p95
    assert after.range[1] - after.range[0] > 1.2 * (before.range[1] - before.range[0])


def test_range_reaches_a_tenth_of_the_hold_at_least() -> None:
    traffic = bursty(COUNT, 1)
    experiment = Experiment(recorded(*traffic, size=10))
    found = experiment.at([10]).rows[0]
    scene = set_up(recorded(*traffic, size=10), NO_CHANGE, 0)
    assert scene is not None
    _, plain = scene.first(10)
    longer = p95_at(recorded(traffic[0], [exp(0.1) * hold for hold in traffic[1]], size=10))
    assert plain.ranges is not None
    assert found.range is not None
    reach = longer - plain.points[95.0]
    assert found.range[1] == pytest.approx(plain.ranges[95.0][1] + reach, rel=0.05)


def test_one_slot_has_a_range_too() -> None:
    arrivals = [n / 20 for n in range(12_000)]
    found = row(recorded(arrivals, [0.045] * 12_000, size=1), 1)
    assert found.p95 == 0.0
    assert found.range is not None
    assert found.range[0] == 0.0


def test_holds_that_move_cost_the_grade_and_are_told() -> None:
    assert [grade_of(each) for each in (0.0, 0.08, 0.1, 0.2, 0.21)] == ["A", "A", "B", "B", "C"]
    prediction = predict(moved([0.7, 1.4, 0.8, 1.2, 1.0].__getitem__), [10, 12])
    assert {each.grade for each in prediction.rows} == {"C"}
    assert any(text.startswith("Holds moved by ") for text in prediction.banner)
    calm = predict(moved(lambda _: 1.0, size=9, count=40_000), [9])
    assert calm.grade == "A"
    assert any("stood still" in text for text in calm.sentences)


def test_fit_that_holds_as_they_were_contradict_is_a_direction() -> None:
    """Three cores: the fit is right, but nobody knows that from the trace."""
    seen = saturating(12_000, 16, 3, 2)
    found = row(seen, 4)
    unchanged = p95_at(recorded(list(seen.asked), list(seen.hold), size=4))
    assert found.grade == "C"
    assert found.note.startswith("With holds as they were p95 would be ")
    assert found.range is not None
    assert found.range[0] <= p95_at(saturating(12_000, 4, 3, 2)) <= found.range[1]
    assert found.range[1] >= unchanged


def test_wide_range_is_not_the_best_grade() -> None:
    """The same traffic; the shorter trace knows less of it."""
    few, many = (row(recorded(*bursty(count, 1), size=9), 9) for count in (12_000, 40_000))
    for found, grade in ((few, "B"), (many, "A")):
        assert found.p95 is not None
        assert found.range is not None
        assert (found.range[1] > 2 * found.p95 + 0.01) is (grade == "B")
        assert found.grade == grade
