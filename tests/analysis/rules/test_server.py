"""R06, R07, R23 and R24, and the budget."""

from dataclasses import replace

import pytest

from dashboard.analysis import budget
from dashboard.analysis.case import Case
from dashboard.analysis.rules.pooler import double, prepared
from dashboard.analysis.rules.server import saturated, too_many
from dashboard.model.backends import NO_ACTIVITY, Activity, Backend
from dashboard.model.limits import ServerLimit
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import asyncpg_pool, connector, measured, options, pool, site
from tests.analysis.traces import bursty, recorded, saturating

LIMIT = ServerLimit(max_connections=100, workers=4)
REPORTS = asyncpg_pool(name="reports")


def test_budget_sums_pools_and_workers() -> None:
    (found,) = budget.of([pool(), REPORTS, connector()], LIMIT)
    assert (found.server, found.wanted, found.usable, found.left) == ("db:5432", 72, 97, 25)
    assert found.formula() == "(5 + 5) x 4 + 8 x 4 = 72"
    assert found.reserve() == "max_connections 100 - 3 reserved = 97"
    assert found.sentence() == (
        "2 pools of 4 workers may open 72 connections; the server has 97 for them."
    )
    assert (found.room("orders"), found.room("reports")) == (16, 14)


def test_budget_without_limit_shows_the_formula_only() -> None:
    (found,) = budget.of([pool()], ServerLimit())
    assert (found.wanted, found.usable, found.left, found.is_broken) == (10, None, None, False)
    assert found.sentence() == (
        "1 pool may open 10 connections; nobody said how many the server has."
    )
    assert found.reserve().startswith("Enter the server's limit: SHOW max_connections")


def test_boundless_pool_breaks_every_budget() -> None:
    (found,) = budget.of([pool(max=None)], LIMIT)
    assert (found.wanted, found.is_broken) == (None, True)
    assert found.formula() == "no bound"


@pytest.mark.parametrize(
    "address",
    ["db/shop", "DB:5432/shop", "db.:5432", "db:5432/other"],
)
def test_one_server_has_many_spellings(address: str) -> None:
    (found,) = budget.of([pool(address=address), REPORTS], LIMIT)
    assert (found.server, found.wanted) == ("db:5432", 72)


@pytest.mark.parametrize(
    "address",
    [
        "localhost/shop",
        "127.0.0.1:5432/shop",
        "[::1]:5432/shop",
        "/var/run/postgresql/shop",
        "/var/run/postgresql:5432/shop",
        "shop",
    ],
)
def test_this_machine_is_one_server(address: str) -> None:
    here = replace(REPORTS, address="localhost:5432/reports")
    (found,) = budget.of([pool(address=address), here], LIMIT)
    assert (found.server, found.wanted) == ("localhost:5432", 72)


def test_other_ports_and_kinds_are_other_servers() -> None:
    pools = [
        pool(),
        pool(name="second", address="db:5433/shop"),
        pool(name="third", address="db/shop", backend="MySQL"),
        pool(name="fourth", address=""),
        pool(name="fifth", address="[fe80::1]/shop"),
    ]
    assert [each.server for each in budget.of(pools, LIMIT)] == [
        "[fe80::1]:5432",
        "db:3306",
        "db:5432",
        "db:5433",
        "fourth",
    ]


def test_server_tells_only_of_itself() -> None:
    activity = Activity(max_connections=60, reserved=3, pools=frozenset({"orders"}))
    other = pool(name="other", address="elsewhere:5432/shop")
    found = budget.of([pool(), other], ServerLimit(), activity)
    assert [(each.server, each.usable) for each in found] == [
        ("db:5432", 57),
        ("elsewhere:5432", None),
    ]
    named = budget.of([other], ServerLimit(), replace(activity, server="elsewhere:5432"))
    assert [each.usable for each in named] == [57]


def test_pooler_does_not_use_up_the_server() -> None:
    behind = pool(address="db:6432/shop", size=400, max=400)
    (found,) = budget.of([behind], LIMIT)
    assert (found.usable, found.is_broken) == (None, False)
    assert found.sentence() == (
        "1 pool of 4 workers may open 1,600 connections to a pooler, which has its own to the "
        "server."
    )
    assert found.reserve() == "the port is a pooler's: its max_client_conn counts"
    assert too_many(Case(pool=behind, server=LIMIT)) is None


def test_single_pool_has_no_sum() -> None:
    (found,) = budget.of([REPORTS], ServerLimit())
    assert found.formula() == "8"


def test_files_and_closed_pools_have_no_budget() -> None:
    assert budget.of([pool(backend="SQLite"), pool(state="closed"), connector()], LIMIT) == ()


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"max_connections": 0}, {"deadline": 0}])
def test_impossible_limits_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"workers|max_connections|deadline"):
        ServerLimit(**wrong)


def test_server_tells_its_own_limit() -> None:
    backends = {pid: Backend(pid=pid, state="idle") for pid in range(14)}
    activity = Activity(backends=backends, max_connections=60, reserved=3)
    told = ServerLimit(workers=2).told_by(activity, ours=5)
    assert (told.max_connections, told.reserved, told.other_clients) == (60, 3, 4)
    assert told.usable == 53
    assert LIMIT.told_by(activity, ours=5) == LIMIT
    assert ServerLimit().told_by(NO_ACTIVITY, ours=5) == ServerLimit()


def test_too_many_connections_are_shared_out() -> None:
    shown = pool(size=20, max=30, config={"pool_size": 20, "max_overflow": 10})
    case = Case(pool=shown, pools=(shown, REPORTS), server=LIMIT)
    advice = too_many(case)
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R06", "critical", "high")
    assert advice.title == "The pools may ask the server for 152 connections; it has 97"
    assert options(advice) == [
        "-    pool_size=20,",
        "+    pool_size=16,",
        "-    max_overflow=10,",
        "+    max_overflow=0,",
    ]
    assert too_many(replace(case, pool=REPORTS)) is None


def test_pool_beyond_the_default_is_asked_about() -> None:
    shown = pool(size=500, max=510, config={"pool_size": 500})
    advice = too_many(Case(pool=shown))
    assert advice is not None
    assert (advice.confidence, advice.title) == ("low", "This pool may open 510 connections")
    assert "SHOW max_connections" in advice.change


@pytest.mark.parametrize(
    ("shown", "limit"),
    [(pool(), LIMIT), (pool(), ServerLimit()), (pool(backend="SQLite", max=500), LIMIT)],
)
def test_pools_within_the_budget_are_left_alone(shown: PoolSnapshot, limit: ServerLimit) -> None:
    assert too_many(Case(pool=shown, server=limit)) is None


def test_saturated_server_asks_for_fewer() -> None:
    case = measured(asyncpg_pool(), saturating(11_000, 14, 5, 1))
    advice = saturated(replace(case, pool=replace(case.pool, call_sites=(site(),))))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R07", "medium")
    assert advice.evidence[0].startswith("Within a call site, holds at busy times are ")
    assert options(advice)[0] == "-    max_size=14,"
    assert options(advice)[1] in {f"+    max_size={size}," for size in range(4, 13)}
    assert advice.effect.startswith("p95 wait ")


def test_flat_server_is_no_bottleneck() -> None:
    assert saturated(measured(asyncpg_pool(), recorded(*bursty(12_000, 1), size=12))) is None
    assert saturated(measured(asyncpg_pool(), saturating(6000, 14, 5, 1))) is None
    assert saturated(Case(pool=pool())) is None


POOLED = "db:6432/shop"


def test_statement_cache_behind_a_pooler_is_told() -> None:
    advice = prepared(Case(pool=asyncpg_pool(address=POOLED)))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R23", "medium")
    assert options(advice) == ["-    statement_cache_size=100,", "+    statement_cache_size=0,"]
    behind = prepared(Case(pool=pool(address=POOLED)))
    assert behind is not None
    assert (behind.severity, behind.confidence) == ("info", "low")


@pytest.mark.parametrize(
    "shown",
    [
        asyncpg_pool(),
        asyncpg_pool(address=POOLED, config={"statement_cache_size": 0}),
        pool(address=POOLED, kind="QueuePool"),
        pool(address=POOLED, kind="NullPool"),
    ],
)
def test_no_pooler_or_no_cache_is_fine(shown: PoolSnapshot) -> None:
    assert prepared(Case(pool=shown)) is None


def test_large_pool_before_a_pooler_is_told() -> None:
    shown = asyncpg_pool(address=POOLED, size=30, max=30, config={"max_size": 30})
    advice = double(Case(pool=shown))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R24", "low")
    assert options(advice) == ["-    max_size=30,", "+    max_size=20,"]
    told = double(Case(pool=shown, server=ServerLimit(pooler=40, workers=2)))
    assert told is not None
    assert (told.confidence, options(told)[1]) == ("medium", "+    max_size=20,")


def test_small_pool_before_a_pooler_is_fine() -> None:
    assert double(Case(pool=pool(address=POOLED))) is None
    assert double(Case(pool=pool(size=50, max=90))) is None
