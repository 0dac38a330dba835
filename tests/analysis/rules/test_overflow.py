"""R04 and R05."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.overflow import churn, unlimited
from dashboard.model.seen import Closing, Seen
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import DAY, asyncpg_pool, connector, options, pool, times

#: 900 overflow connections in an hour, half of them for less than 2 s.
CHURNING = pool(created=905, closed_by={"idle": 900}, peak=9, create_time=times(0.02, 0.08))
SHORT_LIVED = Seen(closings=(Closing(reason="idle", ago=1.0, age=2.0),))


def test_churn_gives_overflow_to_the_size() -> None:
    advice = churn(Case(pool=CHURNING, seen=SHORT_LIVED))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R04", "warning", "high")
    assert advice.evidence[0] == (
        "900 connections opened beyond pool_size in 1 h: 15 a minute, 2.2% of 41,200 checkouts."
    )
    assert options(advice) == [
        "-    pool_size=5,",
        "+    pool_size=9,",
        "-    max_overflow=5,",
        "+    max_overflow=1,",
    ]
    assert "Waits: not promised." in advice.effect


def test_many_opens_for_the_checkouts_are_churn() -> None:
    shown = replace(CHURNING, created=40, closed_by={"idle": 35}, checkouts=500)
    assert churn(Case(pool=shown)) is not None
    assert churn(Case(pool=replace(shown, checkouts=50_000))) is None


@pytest.mark.parametrize(
    "shown",
    [
        replace(CHURNING, created=12, closed_by={"idle": 7}),
        pool(30.0, created=905, closed_by={"idle": 900}),
        pool(created=905, closed_by={"idle": 900}, config={"max_overflow": 0}),
        pool(created=905, closed_by={"idle": 900}, kind="NullPool", size=None, max=None),
        asyncpg_pool(created=905, closed_by={"idle": 900}),
    ],
)
def test_kept_connections_are_no_churn(shown: PoolSnapshot) -> None:
    assert churn(Case(pool=shown, seen=SHORT_LIVED)) is None


def test_pool_without_bound_gets_one() -> None:
    shown = pool(config={"max_overflow": -1}, max=None, peak=17)
    advice = unlimited(Case(pool=shown))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R05", "warning")
    assert options(advice) == ["-    max_overflow=-1,", "+    max_overflow=14,"]
    boundless = pool(config={"pool_size": 0}, size=None, max=None, peak=4)
    assert options(unlimited(Case(pool=boundless))) == ["-    pool_size=0,", "+    pool_size=6,"]


def test_connector_without_limit_gets_one() -> None:
    shown = connector(config={"limit": 0}, size=None, max=None, peak=31)
    assert options(unlimited(Case(pool=shown))) == ["-    limit=0,", "+    limit=62,"]
    assert unlimited(Case(pool=connector())) is None


def test_overflow_of_an_idle_week_is_told() -> None:
    advice = unlimited(Case(pool=pool(8 * DAY, peak=4)))
    assert advice is not None
    assert advice.severity == "info"
    assert options(advice) == ["-    max_overflow=5,", "+    max_overflow=2,"]


def test_bound_without_traffic_rests_on_no_peak() -> None:
    quiet = unlimited(Case(pool=pool(config={"max_overflow": -1}, max=None, checkouts=0)))
    assert quiet is not None
    assert quiet.evidence == ("max_overflow=-1: a burst or a leak opens connections without end.",)
    assert options(quiet) == ["-    max_overflow=-1,", "+    max_overflow=10,"]
    open_end = unlimited(Case(pool=connector(config={"limit": 0}, max=None, checkouts=0)))
    assert options(open_end) == ["-    limit=0,", "+    limit=100,"]


@pytest.mark.parametrize(
    "shown",
    [
        pool(8 * DAY, peak=6),
        pool(6 * DAY, peak=4),
        pool(8 * DAY, peak=4, config={"max_overflow": 2}, max=7),
        asyncpg_pool(),
    ],
)
def test_used_or_young_overflow_stays(shown: PoolSnapshot) -> None:
    assert unlimited(Case(pool=shown)) is None
