"""The head of a diff: from how many checkouts, and when."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.overflow import unlimited
from dashboard.analysis.rules.size import too_small
from dashboard.model.findings import Advice
from tests.analysis.rules.cases import DAY, measured, pool
from tests.analysis.traces import bursty, recorded


def head(advice: Advice | None) -> str:
    """Its first line, from `from` on."""
    assert advice is not None
    return "from" + advice.change.splitlines()[0].partition("from")[2]


@pytest.mark.parametrize(
    ("age", "checkouts", "said"),
    [
        (3600.0, 41_200, "from 41,200 checkouts, Tue 09:00-10:00 UTC"),
        (DAY / 2, 1, "from 1 checkout, Mon 22:00 - Tue 10:00 UTC"),
        (9 * DAY, 7, "from 7 checkouts, 08 Nov 10:00 - 17 Nov 10:00 UTC"),
    ],
)
def test_head_tells_how_long_the_watch_was(age: float, checkouts: int, said: str) -> None:
    shown = pool(age, config={"max_overflow": -1}, max=None, checkouts=checkouts)
    assert head(unlimited(Case(pool=shown))) == said


def test_head_of_a_replay_tells_what_was_replayed() -> None:
    case = measured(pool(), recorded(*bursty(12_000, 1), size=7))
    case = replace(case, pool=replace(case.pool, checkouts=90_000))
    assert head(too_small(case)).startswith("from 12,000 checkouts, Tue 09:58-10:00 UTC")
