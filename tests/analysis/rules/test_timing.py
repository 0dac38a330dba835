"""R08, R29 and R30."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.timing import endless, short_release, too_patient
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Closing, Seen
from dashboard.model.snapshot import PoolSnapshot
from dashboard.model.whatif import CANCELLED, RETURNED, Demand
from tests.analysis.rules.cases import asyncpg_pool, connector, measured, options, pool, times
from tests.analysis.traces import bursty, recorded

DEADLINE = ServerLimit(deadline=10.0)


def test_timeout_above_the_deadline_is_shortened() -> None:
    holds = {"use_time": times(2.0, count=200)}
    shown = pool(config={"pool_timeout": 30.0}, lifetime=holds)
    advice = too_patient(Case(pool=shown, server=DEADLINE))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R08", "high")
    assert advice.evidence[0] == "pool_timeout is 30 s; whoever calls waits for 10 s."
    assert options(advice) == ["-    pool_timeout=30,", "+    pool_timeout=4,"]


def test_shortest_acquire_timeout_counts_for_asyncpg() -> None:
    advice = too_patient(
        Case(pool=asyncpg_pool(), server=DEADLINE, seen=Seen(acquire_timeout=12.0))
    )
    assert advice is not None
    assert advice.title == "The timeout of acquire() is above the callers' deadline"
    assert options(advice) == [
        "-    async with pool.acquire(timeout=12) as connection:",
        "+    async with pool.acquire(timeout=5) as connection:",
    ]


def test_shorter_timeout_is_replayed() -> None:
    case = measured(pool(), recorded(*bursty(12_000, 1), size=7, semantics="queuepool"))
    advice = too_patient(replace(case, server=ServerLimit(deadline=0.5)))
    assert advice is not None
    assert " give up" in advice.effect
    assert advice.effect.startswith("Waits without hope end earlier")


def test_connector_without_connect_timeout_gets_one() -> None:
    advice = too_patient(Case(pool=connector(), server=DEADLINE))
    assert options(advice) == ["+    timeout=aiohttp.ClientTimeout(total=10, connect=5),"]
    assert advice is not None
    assert "# half of 10 s: how long the work takes is not known" in advice.change
    given = {"total": 300.0, "connect": None, "sock_connect": 30.0}
    advice = too_patient(Case(pool=connector(config=given), server=DEADLINE))
    assert advice is not None
    assert advice.evidence[0] == "connect is not set, total 5 min; whoever calls waits for 10 s."
    assert advice.change.splitlines()[-3:] == [
        "# in aiohttp.ClientSession(...)",
        "-    timeout=aiohttp.ClientTimeout(total=300, sock_connect=30),",
        "+    timeout=aiohttp.ClientTimeout(total=10, sock_connect=30, connect=5),",
    ]
    assert too_patient(Case(pool=connector(config={"total": 9.5}), server=DEADLINE)) is None


@pytest.mark.parametrize(
    ("shown", "limit"),
    [
        (pool(), DEADLINE),
        (pool(config={"pool_timeout": 30.0}), ServerLimit()),
        (pool(kind="NullPool", config={"pool_timeout": 30.0}), DEADLINE),
        (asyncpg_pool(), DEADLINE),
    ],
)
def test_fitting_or_unknown_deadline_is_silent(shown: PoolSnapshot, limit: ServerLimit) -> None:
    assert too_patient(Case(pool=shown, server=limit)) is None


def impatient(moments: int, patience: float) -> Case:
    """Twelve callers that were cancelled after `patience`, a hundred that were served."""
    asked = [float(n) for n in range(100)] + [10.0 * (n % moments) for n in range(12)]
    demand = Demand(
        asked=asked,
        wait=[0.0] * 100 + [patience] * 12,
        hold=[0.5] * 100 + [0.0] * 12,
        outcome=[RETURNED] * 100 + [CANCELLED] * 12,
        site=[1] * 112,
        owner=list(range(1, 113)),
        size=5,
        timeout=30.0,
        duration=101.0,
    )
    return measured(pool(config={"pool_timeout": 30.0}), demand)


def test_cancelled_waiters_show_a_deadline() -> None:
    advice = too_patient(impatient(moments=6, patience=2.0))
    assert advice is not None
    assert (advice.severity, advice.confidence) == ("info", "low")
    assert advice.evidence[0] == (
        "12 callers were cancelled while they waited, half of them within 2 s, 95% within 2 s; "
        "pool_timeout is 30 s."
    )
    assert options(advice) == ["-    pool_timeout=30,", "+    pool_timeout=2,"]


@pytest.mark.parametrize(("moments", "patience"), [(1, 2.0), (4, 2.0), (6, 0.05), (6, 40.0)])
def test_cancelled_waiters_may_mean_nothing(moments: int, patience: float) -> None:
    """A shutdown; waits that nobody felt; those that the time-out would have ended."""
    assert too_patient(impatient(moments, patience)) is None


def test_endless_wait_asks_for_a_timeout() -> None:
    shown = asyncpg_pool(lifetime={"wait_time": times(0.01, 42.0)})
    advice = endless(Case(pool=shown))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R29", "warning")
    assert advice.evidence[0].startswith("The longest wait was 43 s")
    assert "pool.acquire(timeout=5)" in advice.change
    soon = endless(Case(pool=shown, server=ServerLimit(deadline=0.5)))
    assert soon is not None
    assert "pool.acquire(timeout=0.25)" in soon.change


@pytest.mark.parametrize(
    "shown",
    [asyncpg_pool(lifetime={"wait_time": times(12.0)}), pool(lifetime={"wait_time": times(42.0)})],
)
def test_short_waits_need_no_timeout(shown: PoolSnapshot) -> None:
    assert endless(Case(pool=shown)) is None
    if shown.library == "asyncpg":
        assert endless(Case(pool=shown, server=DEADLINE)) is not None


RESETS = asyncpg_pool(phases={"reset": times(0.02, count=200)})


def test_short_acquire_timeout_limits_the_release() -> None:
    advice = short_release(Case(pool=RESETS, seen=Seen(acquire_timeout=0.1)))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R30", "high")
    assert advice.evidence[0].startswith("acquire(timeout=0.1) is in use, and a reset takes 2")
    assert "pool.release(connection, timeout=5)" in advice.change


def test_release_that_was_cut_off_needs_no_count() -> None:
    cut = Seen(acquire_timeout=3.0, closings=(Closing(reason="error", ago=9.0, error="release"),))
    advice = short_release(Case(pool=RESETS, seen=cut))
    assert advice is not None
    assert advice.evidence[1] == "1 connection ended at the release lately."
    assert "less than ten times" not in advice.evidence[0]
    assert short_release(Case(pool=RESETS, seen=replace(cut, acquire_timeout=None))) is None


@pytest.mark.parametrize(
    ("shown", "timeout"),
    [
        (RESETS, 2.0),
        (RESETS, None),
        (asyncpg_pool(), 0.1),
        (replace(RESETS, phases={"reset": times(0.02, count=50)}), 0.1),
    ],
)
def test_long_enough_release_is_fine(shown: PoolSnapshot, timeout: float | None) -> None:
    assert short_release(Case(pool=shown, seen=Seen(acquire_timeout=timeout))) is None
