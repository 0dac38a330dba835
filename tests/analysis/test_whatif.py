from collections.abc import Iterator
from dataclasses import astuple, replace
from math import inf, isfinite

import pytest

from dashboard.analysis.demand import rows_of
from dashboard.analysis.imputing import imputations
from dashboard.analysis.sizing import candidates, depth, staffing
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change, Demand, Held, Prediction, Queued, Row
from tests.analysis.traces import bursty, closed, p95_at, poisson, recorded

EMPTY = Demand(
    asked=(), wait=(), hold=(), outcome=(), site=(), owner=(), duration=0.0, size=5
)  # fmt: skip


def numbers(prediction: Prediction) -> Iterator[float]:
    for row in prediction.rows:
        for value in astuple(row):
            values = value if isinstance(value, tuple) else (value,)
            yield from (each for each in values if isinstance(each, float))


def of_size(prediction: Prediction, size: int) -> Row:
    return next(row for row in prediction.rows if row.size == size)


def test_empty_trace_says_what_it_collects() -> None:
    prediction = predict(EMPTY)
    assert prediction.rows == ()
    assert prediction.banner == ("Collecting: 0 of 1,000 checkouts, 0 of 60 seconds.",)


def test_nothing_is_said_below_a_minute() -> None:
    prediction = predict(recorded(*bursty(4000, 1), size=8), [8])
    assert prediction.rows == ()
    assert prediction.banner[0] == "Collecting: 25 of 60 seconds."


def test_few_checkouts_give_counts_only() -> None:
    demand = recorded(*poisson(1500, 20, 0.1, 1), size=4)
    row = predict(demand, [4]).rows[0]
    assert (row.p95, row.range, row.timeouts, row.grade) == (None, None, 0, "D")


def test_some_checkouts_give_a_range_only() -> None:
    demand = recorded(*poisson(4000, 20, 0.1, 1), size=3)
    prediction = predict(demand, [3])
    row = prediction.rows[0]
    assert (row.p50, row.p95, row.p99) == (None, None, None)
    assert row.range is not None
    assert row.grade == "C"
    assert prediction.banner[0].startswith("Collecting: 4,000 of 10,000 checkouts, bursts ")


def test_enough_checkouts_give_p95_and_plenty_p99() -> None:
    some = predict(recorded(*bursty(20_000, 1), size=10), [10]).rows[0]
    many = predict(recorded(*bursty(40_000, 1), size=10), [10]).rows[0]
    assert some.p95 is not None
    assert some.p99 is None
    assert many.p99 is not None
    assert many.p99_range is not None


def test_present_size_is_predicted_as_recorded() -> None:
    demand = recorded(*bursty(40_000, 1), size=10)
    row = predict(demand, [10]).rows[0]
    assert row.p95 == p95_at(demand)
    assert row.grade == "A"


def test_flat_server_is_predicted_from_either_side() -> None:
    traffic = bursty(40_000, 1)
    truth = p95_at(recorded(*traffic, size=9))
    assert of_size(predict(recorded(*traffic, size=13), [9]), 9).p95 == pytest.approx(truth)
    assert of_size(predict(recorded(*traffic, size=7), [9]), 9).p95 == pytest.approx(truth)


def test_range_holds_another_day() -> None:
    rows = [predict(recorded(*bursty(40_000, s), size=12), [9]).rows[0] for s in range(6)]
    truth = p95_at(recorded(*bursty(200_000, 99), size=9))
    inside = [row.range is not None and row.range[0] <= truth <= row.range[1] for row in rows]
    assert sum(inside) >= 5


def test_timed_out_requests_stay_in_the_demand() -> None:
    traffic = bursty(40_000, 4)
    demand = recorded(*traffic, size=7, timeout=0.1)
    share = sum(demand.outcome) / 40_000
    truth = sum(recorded(*traffic, size=9, timeout=0.1).outcome)
    kept = predict(demand, [9]).rows[0]
    dropped = [i for i, what in enumerate(demand.outcome) if what == 0]
    naive = demand.picked(lambda column: [column[i] for i in dropped])
    assert share > 0.1
    assert kept.timeouts == pytest.approx(truth, rel=0.15)
    assert predict(naive, [9]).rows[0].timeouts == pytest.approx(0, abs=0.1 * truth)
    assert kept.grade in {"C", "D"}


def test_without_a_timeout_the_dropped_demand_waits() -> None:
    traffic = bursty(40_000, 4)
    demand = recorded(*traffic, size=7, timeout=0.1)
    truth = p95_at(recorded(*traffic, size=9))
    row = predict(demand, [9], Change(timeout=inf)).rows[0]
    assert row.timeouts == 0
    assert row.p95 == pytest.approx(truth, rel=0.2)


def test_many_imputed_requests_are_said_and_cost_the_grade() -> None:
    demand = recorded(*bursty(40_000, 4), size=3, timeout=0.005)
    prediction = predict(demand, [4, 12])
    assert prediction.imputed_share > 0.3
    assert {row.grade for row in prediction.rows} == {"D"}
    assert any("Their holds are drawn" in text for text in prediction.banner)


def test_all_timed_out_gives_no_row() -> None:
    count = 2000
    demand = Demand(
        asked=[n / 10 for n in range(count)],
        wait=[1.0] * count,
        hold=[0.0] * count,
        outcome=[1] * count,
        site=[1] * count,
        owner=[0] * count,
        duration=200.0,
        size=5,
        timeout=1.0,
    )
    prediction = predict(demand)
    assert prediction.rows == ()
    assert prediction.banner == (
        "No checkout of this window has ended, so nothing is known about holds.",
    )


def test_cancelled_caller_leaves_when_it_left() -> None:
    demand = replace(
        recorded([n / 10 for n in range(2000)], [0.01] * 2000, size=1),
        timeout=5.0,
        outcome=[4 if n == 7 else 0 for n in range(2000)],
        wait=[0.3 if n == 7 else 0.0 for n in range(2000)],
    )
    rows = rows_of(demand)
    patience = rows.patience(5.0)
    assert rows.missing == [7]
    assert patience[6:9] == [5.0, 0.3, 5.0]


def test_open_checkout_lasts_at_least_as_long_as_it_has() -> None:
    demand = recorded([float(n) for n in range(100)], [n / 100 for n in range(100)], size=50)
    demand = replace(demand, open=(Held(90.0, 0.0, 0.9, 1), Held(50.0, 0.0, 40.0, 1)))
    rows = rows_of(demand)
    drawn = [[holds[i] for i in rows.missing] for holds in imputations(rows, 20)]
    assert {long for long, _ in drawn} == {40.0}
    assert all(0.9 < short < 1.0 for _, short in drawn)
    assert len({short for _, short in drawn}) > 3


def test_who_still_waits_is_demand() -> None:
    demand = replace(recorded([0.0, 1.0], [5.0, 5.0], size=1), waiting=(Queued(3.0, 1),))
    rows = rows_of(demand)
    assert rows.asked == [0.0, 1.0, 3.0]
    assert rows.missing == [2]


def test_failed_connects_are_left_out() -> None:
    demand = replace(recorded([0.0, 1.0, 2.0], [1.0] * 3, size=1), outcome=[0, 3, 2])
    assert (len(rows_of(demand)), rows_of(demand).left_out) == (1, 2)


def test_lost_slots_are_missing() -> None:
    traffic = bursty(40_000, 1)
    demand = recorded(*traffic, size=8)
    leaky = replace(demand, size=10, lost=2)
    assert predict(leaky, [10]).rows[0].p95 == p95_at(demand)
    assert predict(leaky, [10], Change(are_leaks_fixed=True)).rows[0].p95 == pytest.approx(
        p95_at(recorded(*traffic, size=10))
    )
    assert predict(leaky, [2]).rows[0].note == "Every slot of this size is lost."


def test_size_below_the_load_says_so() -> None:
    demand = recorded(*bursty(40_000, 1), size=10)
    row = predict(demand, [2]).rows[0]
    assert (row.p95, row.range, row.timeouts) == (None, None, None)
    assert row.note.startswith("Below the offered load of 3.0 connections")


def test_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes begin at 1, not 0"):
        predict(EMPTY, [5, 0])


def test_unlimited_pool_gets_sizes_to_choose() -> None:
    demand = recorded(*bursty(40_000, 1), size=100)
    for free in (replace(demand, size=None), replace(demand, size=5, overflow=-1)):
        prediction = predict(free)
        assert 6 <= len(prediction.rows) <= 14
        assert all(row.timeouts is not None for row in prediction.rows[1:])
        assert prediction.rows[-1].p95 == 0.0


def test_size_one_pool_is_predicted() -> None:
    demand = recorded(*poisson(20_000, 20, 0.02, 1), size=1)
    prediction = predict(demand)
    assert prediction.rows[0].size == 1
    assert prediction.rows[0].p95 == p95_at(demand)


def test_every_number_is_finite_and_has_a_range() -> None:
    for demand in (
        recorded(*bursty(20_000, 1), size=8, timeout=0.05),
        recorded(*bursty(20_000, 1), size=5, overflow=5, semantics="queuepool"),
        recorded([0.0] * 1500 + [100.0], [0.0] * 1501, size=1),
        recorded([n * 0.05 for n in range(3000)], [1e-6] * 3000, size=1),
        closed(10, 0.2, 0.05, 3, 12_000, 1),
    ):
        prediction = predict(demand)
        assert all(map(isfinite, numbers(prediction)))
        for row in prediction.rows:
            assert (row.p95 is None) or (row.range is not None)
            assert (row.p50 is None) is (row.p50_range is None)
            assert (row.p99 is None) is (row.p99_range is None)
            assert (row.timeouts is None) is (row.timeouts_range is None)
            assert row.range is None or row.range[0] <= row.range[1]
            assert row.grade in {"A", "B", "C", "D"}


def test_same_demand_gives_the_same_prediction() -> None:
    demand = recorded(*bursty(12_000, 1), size=8, timeout=0.05)
    assert predict(demand, [9]) == predict(demand, [9])


def test_candidates_lie_between_load_and_peak() -> None:
    assert candidates(3.2, 40, 10, 0, 0) == [4, 7, 8, 9, 10, 11, 12, 13, 15, 19, 20, 40]
    assert candidates(0.1, 1, 5, 0, 0) == [1, 3, 4, 5, 6, 7, 8, 10]
    assert candidates(3.2, 40, 5, 10, 0)[0] == 1
    assert 6 <= len(candidates(80.0, 300, None, 0, 0)) <= 14


def test_depth_grows_with_checkouts_and_bursts() -> None:
    assert astuple(depth(2_999, 99, 0.5)) == (False, False, False)
    assert astuple(depth(9_999, 99, 0.5)) == (True, False, False)
    assert astuple(depth(10_000, 9, 0.5)) == (True, False, False)
    assert astuple(depth(10_000, 0, 0.0)) == (True, True, False)
    assert astuple(depth(30_000, 29, 0.5)) == (True, True, False)
    assert astuple(depth(30_000, 30, 0.5)) == (True, True, True)


def test_staffing_is_the_load_and_twice_its_root() -> None:
    assert [staffing(load) for load in (0.0, 1.0, 13.0, 100.0)] == [1, 3, 21, 120]


def test_prediction_is_explained_in_the_traces_own_figures() -> None:
    told = predict(recorded(*bursty(40_000, 1), size=10, timeout=0.2), [10]).sentences
    assert told[0].startswith("40,000 recorded requests of ")
    assert any(text.startswith("A caller leaves after 200 ms; ") for text in told)
    assert any(text.startswith("At the present size the replay gives p95 ") for text in told)


def test_replay_that_misses_the_record_costs_the_grade() -> None:
    demand = recorded(*bursty(40_000, 1), size=10)
    slower = replace(demand, wait=[3 * wait + 0.05 for wait in demand.wait])
    assert predict(slower, [10]).rows[0].grade == "C"
