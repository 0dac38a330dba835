"""Rules about days and recycle times: the clock is moved on."""

import sqlite3
import time
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, QueuePool, create_engine

from dashboard import Dashboard
from tests.analysis.traces import poisson, recorded

from .advised import Leaping, advised, hold, spoken
from .conftest import Dash, MakeEngine
from .test_advising import records, remember

DAY = 86_400.0


@pytest.fixture
def clock() -> Leaping:
    """Stands until it is moved on: what takes no time here takes none on a slow machine."""
    return Leaping(speed=0.0)


@pytest.fixture
def leaping(make_dash: Dash, clock: Leaping) -> Dashboard:
    """A dashboard whose time can be moved on."""
    return make_dash(clock=clock)


@pytest.mark.parametrize(("size", "days", "rules"), [(20, 8, ["R03"]), (20, 6, []), (4, 8, [])])
def test_idle_week_shrinks_a_large_pool(
    leaping: Dashboard,
    make_engine: MakeEngine,
    clock: Leaping,
    size: int,
    days: float,
    rules: list[str],
) -> None:
    engine = make_engine(pool_size=size)
    leaping.watch(engine, name="orders")
    hold(engine, 2)
    clock.advance(days * DAY)
    assert spoken(leaping) == rules


@pytest.mark.parametrize(("out", "is_told"), [(1, True), (13, False)])
def test_week_that_was_looked_at_counts_by_the_second(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping, out: int, *, is_told: bool
) -> None:
    engine = make_engine(pool_size=20)
    leaping.watch(engine, name="orders")
    hold(engine, 13)  # A peak that lasted for milliseconds.
    (record,) = records(leaping)
    with ExitStack() as held:
        for _ in range(out):
            held.enter_context(engine.connect())
        clock.advance(7 * 3600)
        leaping.snapshot()
    for _ in range(32):
        clock.advance(5.5 * 3600)
        leaping.snapshot()
    remember(record, recorded(*poisson(31_000, 40.0, 0.001, 3), size=20, semantics="queuepool"))
    assert (advised(leaping, "R03") is not None) is is_told


def slow_to_connect(clock: Leaping, pause: list[float], **options: Any) -> Engine:
    """Each connect takes `pause[0]` seconds."""

    def connect() -> sqlite3.Connection:
        clock.advance(pause[0])
        return sqlite3.connect(":memory:", check_same_thread=False)

    return create_engine("sqlite://", poolclass=QueuePool, creator=connect, **options)


@pytest.mark.parametrize(("pause", "rules"), [(0.05, ["R09"]), (0.0, [])])
def test_cold_start_is_advised(
    leaping: Dashboard, clock: Leaping, pause: float, rules: list[str]
) -> None:
    pauses = [pause]
    engine = slow_to_connect(clock, pauses, pool_size=5, max_overflow=0)
    leaping.watch(engine, name="orders")
    hold(engine, 5)
    clock.advance(70)
    pauses[0] = 0.0
    for _ in range(50):
        hold(engine, 1)
    clock.advance(60)
    assert spoken(leaping) == rules
    engine.dispose()


@pytest.mark.parametrize(("pause", "rules"), [(0.03, ["R10"]), (0.0, [])])
def test_recycling_at_once_is_advised(
    leaping: Dashboard, clock: Leaping, pause: float, rules: list[str]
) -> None:
    pauses = [0.0]
    engine = slow_to_connect(clock, pauses, pool_size=6, max_overflow=0, pool_recycle=1)
    leaping.watch(engine, name="orders")
    hold(engine, 6)
    for _ in range(3):
        hold(engine, 1)
        clock.advance(60)
    time.sleep(1.05)
    pauses[0] = pause
    hold(engine, 6)
    assert spoken(leaping) == rules
    engine.dispose()


@pytest.mark.parametrize(
    ("ping_takes", "held", "is_told"), [(1e-3, 0.0, True), (1e-4, 3e-3, False)]
)
def test_ping_is_weighed_after_a_quiet_month(
    leaping: Dashboard,
    make_engine: MakeEngine,
    clock: Leaping,
    monkeypatch: pytest.MonkeyPatch,
    ping_takes: float,
    held: float,
    *,
    is_told: bool,
) -> None:
    engine = make_engine(pool_pre_ping=True)
    ping = engine.dialect.do_ping

    def over_the_network(connection: Any) -> bool:
        clock.advance(ping_takes)
        return ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", over_the_network)
    leaping.watch(engine, name="orders")
    for _ in range(120):
        with engine.connect():
            clock.advance(held)
    clock.advance(31 * DAY)
    assert (advised(leaping, "R22") is not None) is is_told
