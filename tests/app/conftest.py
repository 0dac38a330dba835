"""Dashboards and engines that end with their test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from dashboard import Dashboard

from .given import Clock, sqlite

Dash = Callable[..., Dashboard]
MakeEngine = Callable[..., Engine]


@pytest.fixture(autouse=True)
def _no_token_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own environment decides nothing here."""
    monkeypatch.delenv("POOL_DASHBOARD_TOKEN", raising=False)


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """`make_engine(pool_size=…)`: a sqlite engine, disposed after the test."""
    made: list[Engine] = []

    def make(**options: Any) -> Engine:
        made.append(sqlite(**options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """Two connections, no overflow."""
    return make_engine()


@pytest.fixture
def make_dash() -> Iterator[Dash]:
    """`make_dash(leak_after=…)`: a dashboard, stopped after the test."""
    made: list[Dashboard] = []

    def make(**options: Any) -> Dashboard:
        made.append(Dashboard(**options))
        return made[-1]

    yield make
    for dash in made:
        dash.stop()


@pytest.fixture
def clock() -> Clock:
    """Stands until the test moves it."""
    return Clock()


@pytest.fixture
def dash(make_dash: Dash, request: pytest.FixtureRequest) -> Dashboard:
    """One without options; on the test's clock where it has one."""
    if "clock" in request.fixturenames:
        return make_dash(clock=request.getfixturevalue("clock"))
    return make_dash()
