"""R09 and R10."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.starting import recycle_storm, storm
from dashboard.model.history import History
from dashboard.model.seen import Closing, Seen, Start
from tests.analysis.rules.cases import NOW, asyncpg_pool, options, pool, times

COLD = Start(
    opened_at_once=8, connect_first=0.4, connect_later=0.03, wait_first=0.5, wait_later=0.002
)


def test_cold_start_is_warmed_up() -> None:
    shown = pool(size=10, max=20)
    advice = storm(Case(pool=shown, seen=Seen(start=COLD)))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R09", "medium")
    assert advice.evidence == (
        "8 of 10 connections were opened within 2 s of the first.",
        "Connecting took 400 ms (p95) in the first minute, 30 ms afterwards.",
        "Callers waited for 500 ms (p95) in the first minute, 2 ms afterwards.",
    )
    assert "for _ in range(8)]" in advice.change


def test_asyncpg_warms_up_by_its_floor() -> None:
    advice = storm(Case(pool=asyncpg_pool(), seen=Seen(start=COLD)))
    assert options(advice) == ["-    min_size=2,", "+    min_size=8,"]


@pytest.mark.parametrize(
    "start",
    [
        None,
        replace(COLD, opened_at_once=5),
        replace(COLD, connect_first=0.05, wait_first=0.01),
    ],
)
def test_gentle_start_is_fine(start: Start | None) -> None:
    assert storm(Case(pool=pool(size=10, max=20), seen=Seen(start=start))) is None


def recycled(*agos: float) -> Seen:
    return Seen(closings=tuple(Closing(reason="stale", ago=ago, age=900.0) for ago in agos))


def hour(at_ten_minutes: float) -> History:
    """An hour by the minute; `at_ten_minutes` is the p99 wait ten minutes ago."""
    waits = [0.002] * 60
    waits[49] = waits[50] = at_ten_minutes
    return History(start=NOW.timestamp() - 3600, step=60.0, wait_p99=tuple(waits))


TOGETHER = recycled(600, 605, 610, 612, 618, 620, 1500)


def test_recycling_together_is_spread() -> None:
    advice = recycle_storm(Case(pool=pool(), seen=TOGETHER, history=hour(0.3)))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R10", "medium")
    assert advice.evidence == (
        (
            "6 of 7 recycled connections ended within 1 min 30 s of each other; pool_recycle is "
            "15 min."
        ),
        "Waits of 300 ms then; p99 is 2 ms usually.",
    )
    assert "900 * random.uniform(0.9, 1.1)" in advice.change


def test_recycling_round_after_round_is_spread() -> None:
    """Six of six, three times; a few connects in a busy minute move no percentile."""
    rounds = recycled(*(start + n for start in (60, 965, 1870) for n in range(6)))
    shown = pool(create_time=times(0.2))
    advice = recycle_storm(Case(pool=shown, seen=rounds, history=hour(0.002)))
    assert advice is not None
    assert advice.evidence == (
        (
            "18 of 18 recycled connections ended within 1 min 30 s of each other, round after "
            "round; pool_recycle is 15 min."
        ),
        "Waits of 199 ms then; p99 is 2 ms usually.",
    )
    evenly = recycled(*(60 + 150 * n for n in range(18)))
    assert recycle_storm(Case(pool=shown, seen=evenly, history=hour(0.002))) is None


@pytest.mark.parametrize(
    ("seen", "history"),
    [
        (TOGETHER, hour(0.002)),
        (TOGETHER, None),
        (recycled(600, 605, 610, 612, 618), hour(0.3)),
        (recycled(600, 900, 1200, 1500, 1800, 2100), hour(0.3)),
    ],
)
def test_recycling_without_waits_is_fine(seen: Seen, history: History | None) -> None:
    assert recycle_storm(Case(pool=pool(), seen=seen, history=history)) is None


def test_pool_that_never_recycles_has_no_storm() -> None:
    never = pool(config={"pool_recycle": -1})
    assert recycle_storm(Case(pool=never, seen=TOGETHER, history=hour(0.3))) is None
