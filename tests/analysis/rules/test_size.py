"""R01 to R03, and the gates that keep a larger pool back."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.lab import Lab
from dashboard.analysis.rules.size import exhausted, oversized, too_small
from dashboard.model.findings import Advice
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Seen
from dashboard.model.snapshot import LoopLag, Nesting
from dashboard.model.whatif import TIMEOUT, Demand, Held
from tests.analysis.rules.cases import (
    DAY,
    NOW,
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
from tests.analysis.traces import bursty, poisson, recorded, saturating

BURSTS = bursty(12_000, 1)


@pytest.fixture(scope="module")
def small() -> Case:
    """Bursts at a pool of 7 that would be calm at 16."""
    return measured(asyncpg_pool(), recorded(*BURSTS, size=7))


@pytest.fixture(scope="module")
def spent() -> Case:
    """Callers that give up after 0.1 s at a pool of 6."""
    return measured(asyncpg_pool(), recorded(*BURSTS, size=6, timeout=0.1))


def asked_for(advice: Advice | None) -> int:
    """The size that a diff asks for."""
    added = [each for each in options(advice) if each.startswith("+")]
    return int(added[0].rpartition("=")[2].rstrip(","))


def test_pool_that_gives_nothing_back_is_told() -> None:
    """Both slots are out since the first second, and everybody after that gave up."""
    demand = Demand(
        asked=[1.0 + 0.05 * n for n in range(1_800)],
        wait=[0.2] * 1_800,
        hold=[0.0] * 1_800,
        outcome=[TIMEOUT] * 1_800,
        site=[1] * 1_800,
        owner=list(range(1_800)),
        size=2,
        timeout=0.2,
        duration=91.2,
        open=(Held(asked=0.0, wait=0.0, age=91.2), Held(asked=0.5, wait=0.0, age=90.7)),
    )
    case = measured(pool(), demand)
    advice = exhausted(case)
    assert advice is not None
    assert advice.title == "1,800 callers gave up waiting for a connection"
    assert advice.held_back == "collecting: 1,802 of 10,000 checkouts, bursts 1 of 10"
    advice = too_small(case)
    assert advice is not None
    assert "2.0 in the busiest seconds; the pool has 2." in advice.evidence[2]


def test_pool_too_small_gets_the_least_that_does(small: Case) -> None:
    advice = too_small(small)
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R01", "warning", "medium")
    assert advice.evidence[1].startswith("Every slot was taken at 100% of ")
    assert options(advice)[0] == "-    max_size=7,"
    assert advice.held_back == ""
    wanted = asked_for(advice)
    assert small.lab is not None
    enough, below = small.lab.predict([wanted]).rows[0], small.lab.predict([wanted - 1]).rows[0]
    assert enough.range is not None
    assert below.range is not None
    assert enough.range[1] <= 0.010 < below.range[1]


def test_diff_names_reason_and_what_is_unknown(small: Case) -> None:
    advice = too_small(replace(small, service="orders-api"))
    assert advice is not None
    lines = advice.change.splitlines()
    assert lines[0].startswith('# pool "orders" (orders-api) - R01, MEDIUM, from 12,000 checkouts')
    assert lines[1].startswith("# predicted p95 wait ")
    assert lines[-1] == (
        "# not predicted: the server's own limits above 7 concurrent (never observed)"
    )


def test_overflow_stays_when_the_size_grows() -> None:
    shown = pool(config={"pool_size": 3, "max_overflow": 4})
    case = measured(shown, recorded(*BURSTS, size=3, overflow=4, semantics="queuepool"))
    advice = too_small(case)
    assert options(advice)[0] == "-    pool_size=3,"
    assert asked_for(advice) + 4 == asked_for(
        too_small(measured(asyncpg_pool(), recorded(*BURSTS, size=7)))
    )


def test_calm_pool_is_left_alone() -> None:
    calm = measured(asyncpg_pool(), recorded(*BURSTS, size=25))
    assert too_small(calm) is None
    assert exhausted(calm) is None


def test_waits_beside_free_slots_are_not_its_size(small: Case) -> None:
    assert small.lab is not None
    wide = replace(small.lab.demand, size=30)
    assert too_small(replace(small, lab=Lab(wide))) is None


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (3000, "collecting: 3,000 of 10,000 checkouts, bursts 7 of 10"),
        (9000, "collecting: 9,000 of 10,000 checkouts"),
    ],
)
def test_little_data_is_collected(count: int, words: str) -> None:
    early = measured(asyncpg_pool(), recorded(*bursty(count, 1), size=7))
    advice = too_small(early)
    assert advice is not None
    assert (advice.held_back, advice.change, advice.severity) == (words, "", "info")


def test_leaking_pool_is_not_enlarged(small: Case) -> None:
    leaks = (suspect(), suspect("orphaned", "probable"))
    advice = too_small(replace(small, suspects=leaks))
    assert advice is not None
    assert advice.held_back == "do not enlarge: 2 connections leak at shop/orders.py:88"
    assert advice.change == ""
    unsure = too_small(replace(small, suspects=(suspect("overdue", "possible"),)))
    assert unsure is not None
    assert unsure.held_back == ""


def test_nested_checkouts_are_not_enlarged(spent: Case) -> None:
    nesting = Nesting(outer=SITE, inner=OTHER, count=40, depth=2, owners=9)
    shown = replace(spent.pool, nestings=(nesting,))
    advice = exhausted(replace(spent, pool=shown))
    assert advice is not None
    assert advice.held_back == (
        "do not enlarge: shop/orders.py:88 holds a connection and asks for another, "
        "up to 9 at a time"
    )


def test_budget_of_the_server_holds_back(small: Case) -> None:
    tight = ServerLimit(max_connections=40, workers=4)
    advice = too_small(replace(small, server=tight))
    assert advice is not None
    assert advice.held_back.startswith("do not enlarge: 1 pool of 4 workers may open 28 ")
    assert advice.change == ""


def test_blocked_loop_is_no_small_pool(small: Case) -> None:
    lag = LoopLag(name="MainThread", lag=1.25, since=NOW, is_blocked=True)
    advice = too_small(replace(small, pool=replace(small.pool, blocked_by=lag)))
    assert advice is not None
    assert advice.held_back == (
        "do not enlarge: the event loop of MainThread is blocked, for 1.25 s by now"
    )


def test_slow_server_is_not_enlarged() -> None:
    case = measured(asyncpg_pool(), saturating(11_000, 14, 5, 1))
    advice = too_small(case)
    assert advice is not None
    assert advice.held_back.startswith("do not enlarge: the server slows down with what is out")


def test_always_full_pool_asks_for_an_experiment() -> None:
    case = measured(asyncpg_pool(), recorded(*poisson(12_000, 100, 0.1, 1), size=11))
    advice = too_small(case)
    assert advice is not None
    assert advice.confidence == "low"
    assert advice.effect.endswith("Try it for 10 minutes.")


def test_exhaustion_names_who_held(spent: Case) -> None:
    advice = exhausted(spent)
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R02", "critical")
    assert advice.evidence[0].endswith(" callers gave up, with all 6 slots taken.")
    assert advice.evidence[1].startswith("Held then by shop/orders.py:88 100% (the last 20 ")
    assert "timeouts " in advice.effect
    assert options(advice)[0] == "-    max_size=6,"


def test_holder_that_does_not_work_releases_earlier(spent: Case) -> None:
    shown = replace(spent.pool, call_sites=(site(),))
    advice = exhausted(replace(spent, pool=shown))
    assert advice is not None
    assert advice.evidence[-1] == "shop/orders.py:88 uses 7.5% of the time that it holds."
    assert "the connection is back by now" in advice.change
    assert "max_size" not in advice.change


def test_timeouts_at_a_free_pool_are_no_exhaustion(spent: Case) -> None:
    assert spent.lab is not None
    wide: Demand = replace(spent.lab.demand, size=30)
    assert exhausted(replace(spent, lab=Lab(wide, {SITE: 1}))) is None


def test_pool_that_a_week_did_not_need_shrinks() -> None:
    shown = pool(8 * DAY, size=50, max=60, peak=10, config={"pool_size": 50})
    advice = oversized(Case(pool=shown, server=ServerLimit(workers=4)))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R03", "medium")
    assert options(advice) == ["-    pool_size=50,", "+    pool_size=12,"]
    assert advice.effect.endswith("152 server connections free for others.")


@pytest.mark.parametrize(
    "shown",
    [
        pool(6 * DAY, size=50, max=60, peak=10),
        pool(8 * DAY, size=50, max=60, peak=24),
        pool(8 * DAY, size=50, max=60, peak=0, checkouts=0),
        connector(8 * DAY, peak=3),
    ],
)
def test_used_or_young_pool_keeps_its_size(shown: object) -> None:
    assert oversized(Case(pool=shown)) is None  # type: ignore[arg-type]


CALM = poisson(31_000, 40.0, 0.02, 3)
WEEK = {0: 400_000.0, 3: 203_000.0, 6: 1_000.0, 20: 300.0}


def weekly(levels: dict[int, float], **facts: object) -> Case:
    """A pool of 50 over eight days, calm at the end; it once had 30 out."""
    shown = pool(8 * DAY, peak=30, **facts)
    demand = recorded(*CALM, size=50, semantics="queuepool")
    return replace(measured(shown, demand), seen=Seen(levels=levels))


def test_rare_peak_does_not_keep_a_pool_large() -> None:
    advice = oversized(weekly(WEEK))
    assert advice is not None
    assert options(advice) == ["-    pool_size=50,", "+    pool_size=8,"]
    assert advice.evidence == (
        (
            "At most 6 of 50 were out for 99.9 % of the time in 8 days (31,000 checkouts); the "
            "peak was 30."
        ),
    )
    assert advice.effect.startswith("Waits unchanged: p99 is 0 in the replay; who comes in a peak")


@pytest.mark.parametrize(
    "levels",
    [
        {0: 400_000.0, 24: 204_000.0},  # 24 + 2 is more than half.
        {6: 603_000.0, 24: 700.0},  # For 0.116 % of the time.
        {0: 500_000.0},  # Most of the week, and of the rest nobody knows.
    ],
)
def test_level_that_is_needed_keeps_the_size(levels: dict[int, float]) -> None:
    assert oversized(weekly(levels)) is None


def test_border_of_the_usual_level() -> None:
    assert oversized(weekly({0: 400_000.0, 23: 204_000.0})) is not None
    assert oversized(weekly({6: 603_800.0, 24: 600.0})) is not None


def test_wait_in_the_replay_keeps_the_size() -> None:
    case = weekly({0: 604_000.0, 1: 800.0})
    busy = recorded(*poisson(31_000, 300.0, 0.02, 3), size=50, semantics="queuepool")
    assert oversized(replace(case, lab=Lab(busy, {SITE: 1}))) is None
    assert oversized(replace(case, lab=None)) is None
