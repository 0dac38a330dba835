"""R13 to R15."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.holding import held_unused, more_threads, nested
from dashboard.model.seen import Seen
from dashboard.model.snapshot import CallSiteStats, Nesting, PoolSnapshot
from tests.analysis.rules.cases import (
    OTHER,
    SITE,
    asyncpg_pool,
    connector,
    measured,
    options,
    pool,
    site,
    suspect,
)
from tests.analysis.traces import bursty, recorded


def test_held_but_unused_is_released_earlier() -> None:
    shown = pool(call_sites=(site(),))
    advice = held_unused(Case(pool=shown))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R13", "medium")
    assert advice.evidence[0] == (
        "shop/orders.py:88 place_order: held for 40 ms on average, of which 3 ms (7.5%) in "
        "statements (1,000 checkouts, 1,000 statements)."
    )
    assert advice.evidence[2] == "That is 60% of all connection time of this pool."
    assert "await call_the_other_service(order)  # the connection is back by now" in advice.change
    assert advice.effect == "56% of the pool's connection time is free for others."


def test_release_is_replayed() -> None:
    case = measured(asyncpg_pool(), recorded(*bursty(12_000, 1), size=7))
    shown = replace(case.pool, call_sites=(site(share=1.0),))
    advice = held_unused(replace(case, pool=shown))
    assert advice is not None
    assert advice.effect.startswith("92% of the pool's connection time is free for others; p95 ")
    assert advice.effect.endswith("-> 0 ms (90% CI 0..0 ms).")


@pytest.mark.parametrize(
    "line",
    [
        site(checkouts=99),
        site(share=0.19),
        site(busy_time=20.0),
        site(total_hold=4.0, busy_time=0.3),
        site(statements=0),
    ],
)
def test_small_or_busy_lines_may_hold(line: CallSiteStats) -> None:
    shown = pool(call_sites=(line,))
    assert held_unused(Case(pool=shown)) is None


def test_unseen_statements_say_nothing() -> None:
    assert (
        held_unused(Case(pool=connector(call_sites=(site(statements=0, busy_time=0.0),)))) is None
    )


NESTED = Nesting(outer=SITE, inner=OTHER, count=41, depth=2, owners=10)


def test_nested_checkout_names_lines_and_floor() -> None:
    advice = nested(Case(pool=pool(nestings=(NESTED,))))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R14", "critical", "high")
    assert advice.evidence == (
        (
            "Held by shop/orders.py:88 place_order, asked for by shop/reports.py:12 monthly: 41 "
            "times, up to 2 at once by one owner, up to 10 owners at a time."
        ),
        "10 x (2 - 1) + 1 = 11 slots are safe; the pool has 10.",
    )
    assert "await book(connection, order)" in advice.change
    assert advice.change.endswith("# until then: at least 11 slots in all")


def test_nesting_below_the_floor_is_a_hint() -> None:
    few = replace(NESTED, owners=9)
    advice = nested(Case(pool=pool(nestings=(few,))))
    assert advice is not None
    assert advice.severity == "info"
    locked = nested(Case(pool=pool(nestings=(few,)), suspects=(suspect("deadlocked", "probable"),)))
    assert locked is not None
    assert locked.severity == "critical"
    assert nested(Case(pool=pool())) is None


def test_more_threads_than_slots_is_told() -> None:
    shown = pool(kind="QueuePool", pending_requests=15, used=10)
    advice = more_threads(Case(pool=shown, seen=Seen(threads=25)))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R15", "critical")
    assert options(advice)[:2] == ["-    pool_size=5,", "+    pool_size=35,"]
    assert "total_tokens = 10" in advice.change


@pytest.mark.parametrize(
    ("shown", "threads"),
    [
        (pool(kind="QueuePool", pending_requests=15), 10),
        (pool(kind="QueuePool"), 25),
        (pool(pending_requests=15), 25),
        (pool(kind="QueuePool", pending_requests=15, max=None), 25),
    ],
)
def test_enough_slots_for_all_threads_is_fine(shown: PoolSnapshot, threads: int) -> None:
    assert more_threads(Case(pool=shown, seen=Seen(threads=threads))) is None
