"""How advice is kept ready: quick, steady, and never about another pool."""

import threading
import time
from array import array
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from dashboard import Dashboard
from dashboard.advising import _steady
from dashboard.analysis.case import Case
from dashboard.analysis.lab import worth
from dashboard.analysis.rules.size import too_small
from dashboard.model.distribution import buckets_of
from dashboard.model.whatif import Demand
from dashboard.recorder.pool import PoolRecord
from tests.analysis.rules.cases import asyncpg_pool, measured
from tests.analysis.traces import bursty, recorded

from .conftest import Dash, MakeEngine

MANY = 30_000


def remember(record: PoolRecord, demand: Demand) -> None:
    """What the recorder would have written of a demand that ended just now."""
    count, now = len(demand.asked), record.now()
    order = sorted(range(count), key=lambda i: demand.asked[i] + demand.wait[i] + demand.hold[i])
    begin = now - 1 - max(demand.asked)
    columns: list[Any] = [
        [begin + demand.asked[i] for i in order],
        [demand.wait[i] for i in order],
        [demand.hold[i] for i in order],
        [1] * count,
        [0] * count,
        [1] * count,
        [demand.host[i] if demand.host else 0 for i in order],
        [demand.outcome[i] for i in order],
    ]
    record.trace.extend(count, *columns)
    record.checkouts = record.checkins = count
    record.lifetime["wait"] = Counter(buckets_of(demand.wait))
    record.lifetime["use"] = Counter(buckets_of(demand.hold))


@pytest.fixture(scope="module")
def busy() -> Demand:
    return recorded(*bursty(MANY, 1), size=7, semantics="queuepool")


def records(dash: Dashboard) -> list[PoolRecord]:
    return [record for _, record in dash._watches.records()]


@pytest.fixture
def six(dash: Dashboard, make_engine: MakeEngine, busy: Demand) -> Dashboard:
    """Six pools that are all too small."""
    for number in range(6):
        dash.watch(make_engine(pool_size=7), name=f"pool {number}")
    for record in records(dash):
        remember(record, busy)
    return dash


def test_advice_on_six_pools_is_quick(six: Dashboard) -> None:
    began = time.thread_time()
    found = six.advice()
    first = time.thread_time() - began
    assert [(each.rule, each.pool) for each in found] == [("R01", f"pool {n}") for n in range(6)]
    assert first < 1.5  # CPU seconds; 0.5 on a machine with nothing else to do.
    began = time.thread_time()
    assert six.advice() == found
    assert time.thread_time() - began < first / 3


def test_advice_may_be_asked_for_at_once(six: Dashboard) -> None:
    answers: list[list[str]] = []

    def ask() -> None:
        answers.append([each.change for each in six.advice()])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert answers == [answers[0]] * 4
    assert len(answers[0]) == 6


def test_prediction_that_hardly_differs_is_told_as_before() -> None:
    advice = too_small(measured(asyncpg_pool(), recorded(*bursty(12_000, 1), size=7)))
    assert advice is not None
    assert advice.benefit is not None
    changed = replace(advice, change="-    max_size=7,\n+    max_size=16,")
    near = replace(changed, benefit=advice.benefit * 1.2)
    far = replace(changed, benefit=advice.benefit * 1.3)
    assert _steady(near, advice) == advice
    assert _steady(far, advice) == far
    assert _steady(changed, None) == changed
    held = replace(near, held_back="do not enlarge")
    assert _steady(held, advice) == held


def test_only_as_much_is_replayed_as_has_bursts() -> None:
    asked = array("d", range(100_000))
    calm = array("d", bytes(8 * 100_000))
    often = array("d", [0.5 if i % 100 == 0 else 0.0 for i in range(100_000)])
    seldom = array("d", [0.5 if i % 20_000 == 0 else 0.0 for i in range(100_000)])
    assert [worth(asked, waits) for waits in (calm, often, seldom)] == [30_000, 12_500, 100_000]


def test_unused_pool_has_settings_only(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash()
    dash.watch(engine, name="orders")
    case = dash._reader._advisor.case("orders", dash.snapshot(), [])
    assert isinstance(case, Case)
    assert case.lab is None  # Nobody asked yet.
    assert dash._reader._advisor.case("nobody", dash.snapshot(), []) is None
    assert dash._reader.collecting() == {"orders": "collecting: 0 of 10,000 checkouts"}
