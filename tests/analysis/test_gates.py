"""The gates at their borders: how much is enough, and what keeps a larger pool back."""

from dataclasses import replace

import pytest

from dashboard.analysis import gates
from dashboard.analysis.case import Case
from dashboard.analysis.lab import Lab
from dashboard.analysis.rules.holding import more_threads
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Seen
from dashboard.model.snapshot import Nesting
from dashboard.model.whatif import Demand
from tests.analysis.rules.cases import NOW, OTHER, SITE, options, pool, suspect


def trace(count: int, bursts: int, seconds: float = 100.0) -> Lab:
    """Evenly spread requests; one of each of so many seconds waited."""
    asked = [n * seconds / count for n in range(count)]
    wait = [0.0] * count
    for burst in range(bursts):
        wait[burst * count // 20] = 0.2
    hold, none = [0.001] * count, [0] * count
    one = [1] * count
    demand = Demand(
        asked=asked, wait=wait, hold=hold, outcome=none, site=one, owner=none, duration=seconds,
        size=5,
    )  # fmt: skip
    return Lab(demand, {SITE: 1})


@pytest.mark.parametrize(
    ("count", "bursts", "seconds", "words"),
    [
        (9_999, 10, 100.0, "collecting: 9,999 of 10,000 checkouts"),
        (10_000, 9, 100.0, "collecting: 10,000 of 10,000 checkouts, bursts 9 of 10"),
        (3_100, 2, 100.0, "collecting: 3,100 of 10,000 checkouts, bursts 2 of 10"),
        (10_000, 10, 59.0, "collecting: 59 of 60 seconds"),
        (10_000, 10, 100.0, ""),
        (10_000, 0, 100.0, ""),
    ],
)
def test_enough_is_checkouts_bursts_and_a_minute(
    count: int, bursts: int, seconds: float, words: str
) -> None:
    assert gates.data(Case(pool=pool(), lab=trace(count, bursts, seconds))) == words


@pytest.mark.parametrize(
    ("verdict", "certainty", "is_kept"),
    [
        ("lost", "proven", True),
        ("orphaned", "probable", True),
        ("overdue", "possible", False),
        ("held_elsewhere", "probable", False),
        ("ghost", "probable", True),
    ],
)
def test_probable_leak_keeps_a_larger_pool_back(
    verdict: str, certainty: str, *, is_kept: bool
) -> None:
    found = (suspect(verdict, certainty), suspect(verdict, certainty, call_site=OTHER))
    words = "do not enlarge: 2 connections leak at shop/orders.py:88 and 1 more line"
    assert gates.leak(Case(pool=pool(), suspects=found)) == (words if is_kept else "")


@pytest.mark.parametrize(
    ("slots", "timeouts", "is_kept"), [(10, 1, True), (11, 1, False), (10, 0, False)]
)
def test_nesting_that_can_lock_keeps_a_larger_pool_back(
    slots: int, timeouts: int, *, is_kept: bool
) -> None:
    nesting = Nesting(outer=SITE, inner=OTHER, count=9, depth=2, owners=10)
    shown = pool(nestings=(nesting,), max=slots, timeouts=timeouts)
    assert bool(gates.nested(Case(pool=shown))) is is_kept


def test_budget_ends_where_the_server_does() -> None:
    case = Case(pool=pool(), server=ServerLimit(max_connections=43, workers=2))
    assert gates.room(case, 20) == ""
    assert gates.room(case, 21).endswith("so this pool may have 20 in each worker, not 21")


def test_threads_do_not_enlarge_what_leaks_or_has_no_room() -> None:
    shown = pool(kind="QueuePool", pending_requests=15, used=10, at=NOW)
    case = Case(pool=shown, seen=Seen(threads=25))
    assert options(more_threads(case))[:2] == ["-    pool_size=5,", "+    pool_size=35,"]
    leaking = more_threads(replace(case, suspects=(suspect(),)))
    assert leaking is not None
    assert "pool_size" not in leaking.change
    assert "Do not enlarge: 1 connection leaks at shop/orders.py:88." in leaking.evidence
    full = more_threads(replace(case, server=ServerLimit(max_connections=30)))
    assert full is not None
    assert "pool_size" not in full.change
    assert full.effect == "With 10 threads no thread waits for a thread."
