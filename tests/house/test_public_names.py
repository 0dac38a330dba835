"""The public names, used as the README says; mypy reads what the tests do not run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dashboard

_NAMES = [
    "Advice",
    "CallSite",
    "Dashboard",
    "DashboardError",
    "Incident",
    "PoolSnapshot",
    "Snapshot",
    "Suspect",
    "expect",
    "mark",
    "watch",
]


def test_package_exports_only_public_names() -> None:
    assert sorted(set(dashboard.__all__) - set(_NAMES)) == []
    assert [name for name in dashboard.__all__ if not hasattr(dashboard, name)] == []


def test_every_public_name_is_used_here() -> None:
    source = Path(__file__).read_text()
    assert [name for name in dashboard.__all__ if f"dashboard.{name}" not in source] == []


def embed(pool: object) -> dashboard.Snapshot:
    """As a host application would."""
    dash = dashboard.Dashboard(
        title="Orders", allow_unauthenticated=True, leak_after=30.0, allowed_hosts=["orders.test"]
    )
    dash.watch(pool).stop()
    with dash.watch(pool, name="reports"), dash.serve(port=0):
        with dashboard.expect(hold=600):
            dashboard.mark("deploy 1.4.2")
        return dash.snapshot()


def observe(pool: object) -> list[object]:
    """Events only."""
    seen: list[object] = []
    with dashboard.watch(pool, seen.append):
        return seen


def read(snapshot: dashboard.Snapshot) -> tuple[datetime, Mapping[str, dashboard.PoolSnapshot]]:
    """A snapshot is plain data."""
    return snapshot.at, snapshot.pools


def figures(pool: dashboard.PoolSnapshot) -> tuple[int, int, float | None]:
    """Counts are integers, times are float seconds."""
    return pool.used + pool.idle, pool.pending_requests, pool.wait_time.percentile(95)


def judge(dash: dashboard.Dashboard) -> list[dashboard.Suspect]:
    """What the dashboard thinks of it."""
    return dash.suspects()


def place(suspect: dashboard.Suspect) -> dashboard.CallSite:
    """The line to look at."""
    return suspect.call_site


def read_later(advice: dashboard.Advice, incident: dashboard.Incident) -> tuple[str, str]:
    """Findings are plain data too."""
    return advice.change, incident.cause


def refuse(pool: object) -> str:
    """Every error of ours has one root, and a message that says what to do."""
    try:
        dashboard.Dashboard(allow_unauthenticated=True).watch(pool)
    except dashboard.DashboardError as error:
        return str(error)
    return "watched"
