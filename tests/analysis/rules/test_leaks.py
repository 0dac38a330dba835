"""R11, R12 and R27."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.leaks import idle_in_transaction, leaking, unread
from dashboard.model.findings import Suspect
from tests.analysis.rules.cases import NOW, OTHER, asyncpg_pool, connector, pool, site, suspect


def test_proven_leak_names_line_and_end() -> None:
    found = (suspect(), suspect(held_for=90.0), suspect("orphaned", "probable", call_site=OTHER))
    advice = leaking(Case(pool=pool(used=4), suspects=found))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R11", "critical", "high")
    assert advice.title == "shop/orders.py:88 does not return its connections"
    assert advice.evidence == (
        (
            "shop/orders.py:88 place_order: 2 connections, the longest held for 12 min, last by "
            "task Task-7."
        ),
        "Nothing refers to the connection any more.",
        "1 connection more: 1 at shop/reports.py:12.",
        "One slot is lost every 20 min; the 6 free slots are gone in about 2 h.",
    )
    assert "+    async with engine.connect() as connection:" in advice.change
    assert advice.effect == "3 slots come back and stay."


def test_probable_leak_is_less_certain() -> None:
    advice = leaking(Case(pool=asyncpg_pool(), suspects=(suspect("orphaned", "probable"),)))
    assert advice is not None
    assert advice.confidence == "medium"
    assert "+    async with pool.acquire() as connection:" in advice.change


def test_slot_that_came_back_is_no_slot_lost() -> None:
    advice = leaking(Case(pool=pool(), suspects=(suspect(ended_at=NOW),)))
    assert advice is not None
    assert advice.effect == "1 connection would not have been thrown away and opened anew."


@pytest.mark.parametrize(
    "found",
    [
        (),
        (suspect("overdue", "possible"),),
        (suspect("returned", "probable"),),
        (suspect("long_query", "probable"),),
    ],
)
def test_unproven_or_returned_is_no_leak(found: tuple[Suspect, ...]) -> None:
    assert leaking(Case(pool=pool(), suspects=found)) is None
    assert unread(Case(pool=connector(), suspects=found)) is None


def stalled(quiet: float) -> Suspect:
    return suspect("stalled", "probable", quiet_for=quiet, evidence=("idle in transaction",))


def test_idle_transaction_commits_before_slow_work() -> None:
    shown = pool(call_sites=(site(),))
    advice = idle_in_transaction(Case(pool=shown, suspects=(stalled(45.0),)))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R12", "critical")
    assert advice.evidence[0] == "1 transaction idle for 45 s."
    assert "idle_in_transaction_session_timeout = '60s'" in advice.change
    assert advice.effect.startswith("Its holds shrink by 92%")


def test_several_short_idle_transactions_are_told() -> None:
    several = idle_in_transaction(Case(pool=pool(), suspects=(stalled(6.0), stalled(7.0))))
    assert several is not None
    assert several.severity == "warning"


@pytest.mark.parametrize("found", [(), (stalled(6.0),), (stalled(3.0), stalled(4.0))])
def test_short_idle_transactions_are_fine(found: tuple[Suspect, ...]) -> None:
    assert idle_in_transaction(Case(pool=pool(), suspects=found)) is None


def test_unread_response_is_released_by_a_block() -> None:
    found = (suspect(pool="bank"), suspect("overdue", "probable", pool="bank"))
    advice = unread(Case(pool=connector(lost=4), suspects=found))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R27", "critical", "high")
    assert "+    async with session.get(url) as response:" in advice.change
    assert leaking(Case(pool=connector(), suspects=found)) is None
    ended = tuple(replace(each, ended_at=NOW) for each in found)
    later = unread(Case(pool=connector(), suspects=ended))
    assert later is not None
    assert later.severity == "warning"
