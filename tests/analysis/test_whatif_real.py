"""The replay beside a real PostgreSQL; `benchmarks.whatif_real` does it at length."""

from typing import TYPE_CHECKING

import pytest

from benchmarks.whatif_runs import record
from dashboard.analysis.demand import rows_of
from dashboard.analysis.measuring import measure
from dashboard.analysis.replay import Load, replay

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres


@pytest.mark.parametrize("library", ["asyncpg", "sqlalchemy"])
def test_replay_waits_as_long_as_callers_did(postgres: "Postgres", library: str) -> None:
    """By a stopwatch of the callers' own, which times the event loop too."""
    run = record(postgres, "sleep", (library, 2, 1, None), 2.5)
    rows = rows_of(run.demand)
    load = Load(rows.asked, rows.hold)
    assert len(run.waits) == len(rows) > 200
    assert run.p95 > 0.1
    assert measure(load, replay(load, 2), None).points[95.0] == pytest.approx(run.p95, rel=0.25)
    assert measure(load, replay(load, 12), None).points[95.0] < 0.5 * run.p95
