"""What settings alone say."""

from collections.abc import Mapping

import pytest

from dashboard.analysis.advice import of_case, of_settings
from dashboard.analysis.case import Case
from dashboard.analysis.defaults import pool_of
from dashboard.analysis.rules import RULES
from dashboard.analysis.rules.overflow import unlimited
from dashboard.analysis.rules.rule import Found, Rule, rule
from dashboard.model.limits import ServerLimit
from tests.analysis.rules.cases import names, options, pool

GOOD = {"pool_pre_ping": True}
LIMIT = ServerLimit(max_connections=100, workers=4, deadline=10.0)


@pytest.mark.parametrize(
    ("library", "settings", "spoken"),
    [
        ("sqlalchemy", GOOD, []),
        ("sqlalchemy", {"pool_recycle": 900}, []),
        ("sqlalchemy", {}, ["R20"]),
        ("sqlalchemy", {"pool_recycle": 3600}, ["R20"]),
        ("sqlalchemy", {**GOOD, "max_overflow": -1}, ["R05"]),
        ("sqlalchemy", {**GOOD, "pool_size": 500}, ["R06"]),
        ("asyncpg", {"min_size": 10, "max_size": 20}, ["R29"]),
        ("asyncpg", {"max_inactive_connection_lifetime": 0}, ["R21", "R29"]),
        ("aiohttp", {"limit": 100, "limit_per_host": 20}, []),
        ("aiohttp", {"limit": 0}, ["R05"]),
        ("aiohttp", {"ttl_dns_cache": None}, ["R28"]),
        ("aiohttp", {"ttl_dns_cache": 3600}, ["R28"]),
    ],
)
def test_settings_alone_have_something_to_say(
    library: str, settings: Mapping[str, object], spoken: list[str]
) -> None:
    assert names(of_settings("orders", library, "", settings)) == spoken


def test_limits_of_the_server_are_checked() -> None:
    found = of_settings("orders", "sqlalchemy", "", {**GOOD, "pool_size": 20}, LIMIT)
    assert names(found) == ["R06", "R08"]
    budget = next(each for each in found if each.rule == "R06")
    assert (budget.severity, budget.confidence) == ("warning", "high")
    assert options(budget) == ["+    max_overflow=4,"]
    fits = {**GOOD, "pool_size": 12, "max_overflow": 12, "pool_timeout": 5}
    assert of_settings("orders", "sqlalchemy", "", fits, LIMIT) == []


def test_pools_beside_count_in_the_budget() -> None:
    reports = pool_of("reports", "asyncpg", "", {"max_size": 20}, "db:5432/shop")
    given = {**GOOD, "pool_size": 10, "max_overflow": 0, "pool_timeout": 2}
    place = "db:5432/shop"
    alone = of_settings("orders", "sqlalchemy", "", given, LIMIT, address=place)
    limit = ServerLimit(max_connections=100, workers=4)
    both = of_settings(
        "orders", "sqlalchemy", "", {**given, "pool_size": 25}, limit, address=place,
        beside=[reports],
    )  # fmt: skip
    assert alone == []
    assert [each.rule for each in both] == ["R06"]
    assert both[0].evidence[0] == "25 x 4 + 20 x 4 = 180."


def test_rule_that_fails_leaves_the_others() -> None:
    @rule("R99", "Breaks", needs="settings", why="", silent="")
    def breaks(case: Case) -> Found | None:
        raise ZeroDivisionError(case.pool.name)

    broken: list[tuple[str, Exception]] = []

    def broke(which: Rule, error: Exception) -> None:
        broken.append((which.id, error))

    case = Case(pool=pool(max=None, config={"max_overflow": -1}))
    found = of_case(case, [breaks, unlimited], broke)
    assert [each.rule for each in found] == ["R05"]
    assert [(which, str(error)) for which, error in broken] == [("R99", "orders")]
    with pytest.raises(ZeroDivisionError):
        of_case(case, [breaks])


def test_pooler_is_told_by_its_port() -> None:
    found = of_settings("orders", "asyncpg", "", {"max_size": 40}, address="db:6432/shop")
    assert names(found) == ["R23", "R24", "R29"]


def test_files_and_null_pools_need_no_guard() -> None:
    assert of_settings("cache", "sqlalchemy", "", {}, backend="SQLite") == []
    assert of_settings("orders", "sqlalchemy", "NullPool", {}) == []
    assert of_settings("orders", "sqlalchemy", "StaticPool", {}) == []


def test_only_given_options_are_taken_away() -> None:
    (advice,) = of_settings("orders", "sqlalchemy", "", {"pool_size": 5})
    assert options(advice)[0] == "+    pool_pre_ping=True,"
    assert advice.change.splitlines()[0] == '# pool "orders" - R20, HIGH'


def test_there_are_thirty_rules_each_explained() -> None:
    assert [each.id for each in RULES] == [f"R{n:02}" for n in range(1, 31)]
    assert all(len(each.why) > 150 and each.silent.endswith(".") for each in RULES)
    assert len({each.name for each in RULES}) == 30
