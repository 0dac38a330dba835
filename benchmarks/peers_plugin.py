"""A pytest plugin for other projects' suites: every pool watched, and what came of each test."""

import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from dashboard.watching import Watches
from dashboard.watching_all import WatchAll, watch_all

#: Where the outcomes go, and whether pools are watched.
FILE = "POOL_DASHBOARD_PEERS_FILE"
WATCHED = "POOL_DASHBOARD_PEERS_WATCHED"

_outcomes: dict[str, str] = {}
_broken: dict[str, str] = {}
_watches = Watches(time.monotonic)
_all: WatchAll | None = watch_all(_watches) if os.environ.get(WATCHED) else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The worst of set-up, call and tear-down is the test's."""
    known = _outcomes.get(report.nodeid, "skipped")
    if report.failed or known == "failed":
        _outcomes[report.nodeid] = "failed"
    elif report.when == "call":
        _outcomes[report.nodeid] = report.outcome
    else:
        _outcomes[report.nodeid] = known


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """A probe that failed did no harm, but it saw nothing either."""
    for _, record in list(_watches._by_name.values()):
        if record.ledger.errors:
            _broken[item.nodeid] = str(record.ledger.last_error)
    return (yield)


def pytest_sessionfinish() -> None:
    """Write what came of it."""
    if _all is not None and _all.errors:
        _broken["watch_all"] = _all.last_error
    found = {"outcomes": _outcomes, "broken": _broken}
    Path(os.environ[FILE]).write_text(json.dumps(found))
