"""Whatever a recorder may write down: the engine beside the plainest one, and what must hold."""

from dataclasses import astuple, replace
from math import inf, isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis import chains
from dashboard.analysis.hosts import Limits, replay_hosts
from dashboard.analysis.replay import LEAST_HOLD, Load, Replayed, replay
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change, Demand, Held, Prediction, Queued

#: Quarters of a second, so that much happens at the same instant; holds of zero are many.
TIME = st.integers(0, 24).map(lambda n: n / 4)
HOLD = st.sampled_from((0.0, 0.0, 0.25, 1.0, 3.0, 20.0))
PATIENCE = st.sampled_from((0.0, 0.25, 1.0, inf, inf))
#: When, how long, how patient, whose.
CALLS = st.lists(st.tuples(TIME, HOLD, PATIENCE, st.integers(0, 3)), min_size=1, max_size=25)
Calls = list[tuple[float, float, float, int]]


def plainest(load: Load, links: chains.Links, slots: int) -> Replayed:
    """By looking at everybody at every instant at which something may happen."""
    asks = list(load.arrivals)
    done = Replayed(asks)
    out: list[float] = []
    upcoming = {i for i, before in enumerate(links.before) if before < 0}
    while upcoming:
        i = min(upcoming, key=lambda each: (asks[each], -1 if links.before[each] < 0 else 0, each))
        upcoming.discard(i)
        start = asks[i]
        out = [end for end in out if end > start]
        while len(out) >= slots:
            start = min(out)
            out.remove(start)
        if start - asks[i] > load.patience[i]:
            out.append(start)
            done.left.append(i)
            done.left_after.append(load.patience[i])
            end = asks[i] + load.patience[i]
        else:
            end = start + load.holds[i]
            out.append(end)
            if start > asks[i]:
                done.waited.append(i)
                done.waits.append(start - asks[i])
        if links.after[i] >= 0:
            asks[links.after[i]] = end + links.gaps[links.after[i]]
            upcoming.add(links.after[i])
    return done


def told(done: Replayed) -> tuple[dict[int, float], dict[int, float]]:
    return (
        dict(zip(done.waited, done.waits, strict=True)),
        dict(zip(done.left, done.left_after, strict=True)),
    )


def prepared(calls: Calls) -> tuple[Load, chains.Links]:
    """Arrivals apart from those of returns, so that each order is the only one."""
    calls = sorted(calls, key=lambda each: each[0])
    asked = [at + place * 1e-3 for place, (at, *_) in enumerate(calls)]
    ended = [at + hold for at, (_, hold, *_) in zip(asked, calls, strict=True)]
    links = chains.links(asked, ended, [owner for *_, owner in calls])
    load = Load(asked, [hold for _, hold, *_ in calls], [each[2] for each in calls])
    return load, links


@given(CALLS, st.integers(1, 4))
def test_chained_replay_is_the_plainest(calls: Calls, slots: int) -> None:
    load, links = prepared(calls)
    ours, plain = chains.replay_chained(load, links, slots), plainest(load, links, slots)
    for one, other in zip(told(ours), told(plain), strict=True):
        assert one == pytest.approx(other)
    assert ours.asks == pytest.approx(plain.asks)


@given(CALLS, st.integers(1, 4))
def test_chained_hosts_are_the_plainest(calls: Calls, slots: int) -> None:
    load, links = prepared(calls)
    ours = replay_hosts(load, [1] * len(load), Limits(slots), links)
    plain = plainest(load, links, slots)
    waits, left = told(ours)
    assert {i: wait for i, wait in waits.items() if wait} == pytest.approx(told(plain)[0])
    assert left == pytest.approx(told(plain)[1])


@given(CALLS, st.integers(1, 4))
def test_skip_ahead_is_the_plainest(calls: Calls, slots: int) -> None:
    load, _ = prepared(calls)
    alone = chains.links(load.arrivals, load.arrivals, [0] * len(load))
    for one, other in zip(
        told(replay(load, slots)), told(plainest(load, alone, slots)), strict=True
    ):
        assert one == pytest.approx(other)


@given(CALLS, st.integers(1, 6))
def test_nobody_waits_longer_at_a_larger_size(calls: Calls, slots: int) -> None:
    arrivals = sorted(at for at, *_ in calls)
    load = Load(arrivals, [hold for _, hold, *_ in calls])
    less, more = told(replay(load, slots))[0], told(replay(load, slots + 1))[0]
    assert all(wait <= less[i] + 1e-9 for i, wait in more.items())


def test_all_at_once_are_served_in_turn() -> None:
    load = Load([1.0] * 6, [2.0] * 6)
    assert replay(load, 2).waits == [2.0, 2.0, 4.0, 4.0]
    assert replay(load, 1).waits == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert replay(load, 6).waits == []


def test_holds_of_zero_take_no_time_and_end() -> None:
    load = Load([0.0] * 1000, [0.0] * 1000)
    done = replay(load, 1)
    assert len(done.waits) == 999
    assert max(done.waits) == pytest.approx(999 * LEAST_HOLD)


OUTCOME = st.sampled_from((0, 0, 0, 0, 1, 2, 3, 4))
ROWS = st.lists(
    st.tuples(st.floats(0, 1.5), st.floats(0, 0.5), st.floats(0, 2), OUTCOME, st.integers(0, 4)),
    min_size=12,
    max_size=24,
)
Recorded = list[tuple[float, float, float, int, int]]
POOL = st.sampled_from(
    (
        {"size": 1},
        {"size": 3, "timeout": 0.5, "semantics": "asyncpg"},
        {"size": 2, "overflow": 2, "timeout": 0.3},
        {"size": 2, "overflow": -1},
        {"size": None},
        {"size": 0, "overflow": 3},
        {"size": 4, "lost": 3},
        {"size": 5, "semantics": "aiohttp", "limit_per_host": 2, "keep": 0.0},
        {"size": None, "semantics": "aiohttp", "limit_per_host": 1},
    )
)


def demand(rows: Recorded, pool: dict[str, object], *, times: int = 110) -> Demand:
    """The rows again and again, 1.7 seconds apart; in order of ending, as a trace has them."""
    every = [
        (at + 1.7 * time, wait, 0.0 if what else hold, what, owner)
        for time in range(times)
        for at, wait, hold, what, owner in rows
    ]
    every.sort(key=lambda each: each[0] + each[1] + each[2])
    asked, wait, hold, outcome, owner = (list(column) for column in zip(*every, strict=True))
    is_http = pool.get("semantics") == "aiohttp"
    made: Demand = Demand(
        asked=asked,
        wait=wait,
        hold=hold,
        outcome=outcome,
        site=[1 + each % 2 for each in owner],
        owner=owner,
        host=owner if is_http else (),
        duration=1.7 * times,
        open=(Held(5.0, 0.1, 1.7 * times - 5.1, 1, 7, 1),),
        waiting=(Queued(1.7 * times - 1, 1, 8, 2),),
        **pool,  # type: ignore[arg-type]
    )
    return made


def is_sound(prediction: Prediction, count: int) -> None:
    for row in prediction.rows:
        for value in astuple(row):
            for each in value if isinstance(value, tuple) else (value,):
                assert not isinstance(each, float) or isfinite(each)
        pairs = (
            (row.p95, row.range),
            (row.p50, row.p50_range),
            (row.p99, row.p99_range),
            (row.timeouts, row.timeouts_range),
            (row.idle_share, row.idle_range),
        )
        for point, found in pairs:
            if point is not None and found is not None:
                assert found[0] <= point + 1e-9
                assert point <= found[1] + 1e-9
        assert row.timeouts is None or 0 <= row.timeouts <= count
        assert row.idle_share is None or 0 <= row.idle_share <= 1
        assert row.grade in {"A", "B", "C", "D"}


@pytest.mark.slow
@settings(max_examples=20)
@given(ROWS, POOL, st.sampled_from((Change(), Change(hold=1.5), Change(timeout=0.2))))
def test_any_demand_has_a_sound_prediction(
    rows: Recorded, pool: dict[str, object], change: Change
) -> None:
    made = demand(rows, pool)
    is_sound(predict(made, [1, 3, 8], change), len(made.asked) + 2)


def test_failures_for_other_reasons_change_nothing() -> None:
    rows: Recorded = [(n / 20, 0.0, 0.1 + n % 3 / 10, 0, 0) for n in range(20)]
    failed: Recorded = [(0.013, 0.7, 0.0, 2, 0), (0.71, 0.9, 0.0, 3, 0)]
    without, beside = demand(rows, {"size": 3}), demand([*rows, *failed], {"size": 3})
    one, other = predict(without, [2, 3, 4]), predict(beside, [2, 3, 4])
    assert other.rows == one.rows
    assert any("220 that failed for other reasons are left out" in s for s in other.sentences)


def test_clock_of_the_recorder_changes_nothing() -> None:
    rows: Recorded = [(n / 16, 0.0, 0.25, 0, 0) for n in range(16)]
    made = demand(rows, {"size": 3})
    later = replace(
        made,
        asked=[at + 2**20 for at in made.asked],
        open=tuple(replace(each, asked=each.asked + 2**20) for each in made.open),
        waiting=tuple(replace(each, asked=each.asked + 2**20) for each in made.waiting),
    )
    for one, other in zip(
        predict(made, [2, 3, 4]).rows, predict(later, [2, 3, 4]).rows, strict=True
    ):
        assert (other.timeouts, other.grade) == (one.timeouts, one.grade)
        assert other.idle_share == pytest.approx(one.idle_share)
        assert other.range == pytest.approx(one.range)


def test_pool_without_a_bound_is_said_to_have_none() -> None:
    rows: Recorded = [(n / 16, 0.0, 0.25, 0, 0) for n in range(16)]
    text = "The pool has no bound: each row is one that has."
    assert text in predict(demand(rows, {"size": None})).sentences
    assert text in predict(demand(rows, {"size": 2, "overflow": -1})).sentences
    assert text not in predict(demand(rows, {"size": 2})).sentences
