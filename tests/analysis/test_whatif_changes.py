from dataclasses import replace
from math import inf

import pytest

from dashboard.analysis import slowdown
from dashboard.analysis.demand import rows_of
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change
from tests.analysis.traces import bursty, closed, p95_at, poisson, recorded, saturating, sharing


@pytest.mark.parametrize(
    "wrong", [{"timeout": -1}, {"overflow": -1}, {"hold": inf}, {"less": -1}, {"share": 0}]
)
def test_impossible_change_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Change(**wrong)  # type: ignore[arg-type]


def test_shorter_holds_wait_less() -> None:
    demand = recorded(*bursty(40_000, 1), size=8)
    as_is = predict(demand, [8]).rows[0]
    half = predict(demand, [8], Change(hold=0.5)).rows[0]
    other_site = predict(demand, [8], Change(hold=0.5, sites=frozenset({2}))).rows[0]
    less = predict(demand, [8], Change(less=0.010)).rows[0]
    assert as_is.p95 is not None
    assert half.p95 is not None
    assert less.p95 is not None
    assert half.p95 < 0.1 * as_is.p95
    assert less.p95 < 0.3 * as_is.p95
    assert other_site.p95 == as_is.p95


def test_more_workers_leave_each_fewer_callers() -> None:
    demand = recorded(*bursty(60_000, 1), size=8)
    prediction = predict(demand, [8], Change(share=2 / 3))
    assert prediction.collected == pytest.approx(40_000, rel=0.02)


def test_overflow_counts_churn() -> None:
    demand = recorded(*bursty(20_000, 1), size=4, overflow=8, semantics="queuepool")
    small, middle, large = predict(demand, [4, 12, 30]).rows
    assert small.opens is not None
    assert large.opens is not None
    assert middle.opens is not None
    assert small.opens > 3 * middle.opens
    assert large.opens == 0


def test_other_overflow_is_asked_for() -> None:
    demand = recorded(*bursty(20_000, 1), size=4, overflow=8, semantics="queuepool")
    row = predict(demand, [12], Change(overflow=0)).rows[0]
    assert (row.overflow, row.opens) == (0, None)
    assert row.p95 == pytest.approx(p95_at(demand))


def test_hosts_untold_are_labelled_approximate() -> None:
    demand = recorded(*bursty(20_000, 1), size=10, semantics="aiohttp")
    prediction = predict(demand, [10])
    assert prediction.rows[0].grade == "C"
    assert any("Hosts are not told apart" in text for text in prediction.sentences)


def test_host_limit_is_kept() -> None:
    demand = recorded(*bursty(20_000, 1), size=100, semantics="aiohttp")
    told = replace(demand, host=[1 + n % 2 for n in range(20_000)], limit_per_host=4)
    row = predict(told, [100]).rows[0]
    assert row.p95 is not None
    assert row.p95 > 0.05


def test_unknown_callers_get_both_numbers() -> None:
    demand = closed(users=40, think=0.15, hold=0.02, size=12, count=20_000, seed=5)
    prediction = predict(demand, [6])
    row = prediction.rows[0]
    truth = p95_at(closed(40, 0.15, 0.02, 6, 20_000, 6))
    assert prediction.mode == "unknown"
    assert prediction.grade in {"C", "D"}
    assert row.range is not None
    assert row.range[0] <= truth <= row.range[1]


def test_closed_callers_are_found_and_replayed() -> None:
    demand = closed(users=40, think=0.15, hold=0.02, size=4, count=30_000, seed=5)
    prediction = predict(demand, [5])
    truth = p95_at(closed(40, 0.15, 0.02, 5, 30_000, 6))
    assert prediction.mode == "closed"
    assert prediction.rows[0].p95 == pytest.approx(truth, rel=0.1)


def test_saturating_server_is_found_and_its_truth_in_range() -> None:
    wide, narrow = (saturating(12_000, size, 3, 2) for size in (16, 6))
    found = slowdown.judge(rows_of(wide), 16)
    row = predict(wide, [6]).rows[0]
    truth = p95_at(narrow)
    naive = p95_at(recorded(list(wide.asked), list(wide.hold), size=6))
    assert found.verdict == "saturating"
    assert row.grade in {"B", "C"}
    assert row.range is not None
    assert row.range[0] <= truth <= row.range[1]
    assert row.p95 is not None
    assert abs(row.p95 - truth) < 0.2 * abs(naive - truth)


def test_flat_server_opens_the_gate() -> None:
    found = slowdown.judge(rows_of(recorded(*bursty(20_000, 1), size=12)), 12)
    assert found.verdict == "flat"
    assert found.ratio == pytest.approx(1.0, abs=0.1)


def test_range_ends_with_the_patience_of_callers() -> None:
    row = predict(recorded(*bursty(12_000, 1), size=6, timeout=0.1), [6]).rows[0]
    assert row.p95 == 0.1
    assert row.range is not None
    assert row.range[1] == 0.1


@pytest.mark.parametrize(("cores", "verdict"), [(10, "saturating"), (100, "flat")])
def test_steady_traffic_is_told_by_its_tails(cores: int, verdict: str) -> None:
    """Eight are out on average: quartiles of six and ten lie too close."""
    demand = sharing(*poisson(12_000, 400, 0.02, 1), size=60, cores=cores)
    assert slowdown.judge(rows_of(demand), 60).verdict == verdict


def test_steady_traffic_keeps_to_erlangs_formula() -> None:
    """M/M/5 with 80 % busy, recorded at a pool where nobody waited."""
    row = predict(recorded(*poisson(100_000, 200, 0.02, 2), size=60), [5]).rows[0]
    assert row.grade in {"A", "B"}
    assert row.p95 == pytest.approx(0.0481, rel=0.05)


def test_pool_that_is_always_full_gives_a_range_only() -> None:
    arrivals, holds = poisson(12_000, 99, 0.04, 3)
    demand = recorded(arrivals, [h / 2 + 0.02 for h in holds], size=4)
    prediction = predict(demand, [8])
    row = prediction.rows[0]
    assert (row.p95, row.grade) == (None, "D")
    assert row.range is not None
    assert prediction.banner[0].startswith("The pool was full all the time")
