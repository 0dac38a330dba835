"""A blocked loop is called a blocked loop, not an exhausted pool."""

import asyncio
import re
import threading
import time

import pytest
from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard.analysis.loops import blamed
from dashboard.probes import loops
from dashboard.probes.loops import Loops
from dashboard.probes.sentry import NAME

from .conftest import Dash
from .given import Clock, soon


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_late_timeout_blames_the_loop(make_dash: Dash, clock: Clock) -> None:
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.05,
    )
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    async with engine.connect():
        asking = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0)
        clock.advance(3.25)
        with pytest.raises(PoolTimeoutError):
            await asking
    incident = dash.incidents()[0]
    assert incident.loop_lag == pytest.approx(3.2)
    assert incident.sentence.startswith(
        "The event loop was blocked for 3.2 s when callers of orders waited at "
    )
    await engine.dispose()


async def test_watcher_on_the_blocked_loop_learns_the_line(
    make_dash: Dash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a mounted dashboard: nobody else looks while its own loop is blocked."""
    monkeypatch.setattr(loops, "PERIOD", 0.02)
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.1,
    )
    dash = make_dash()
    dash.watch(engine, name="orders")

    def export_year() -> None:
        time.sleep(0.8)

    async with engine.connect():
        for _ in range(4):
            assert dash.snapshot().loops == ()
            await asyncio.sleep(0.02)
        asking = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0)
        export_year()
        with pytest.raises(PoolTimeoutError):
            await asking
        await soon(lambda: dash.snapshot().loops)
    (late,) = dash.snapshot().loops
    assert (late.is_blocked, late.pools) == (False, ("orders",))
    assert 0.5 < late.lag < 5
    assert blamed(late).endswith("export_year")
    assert re.match(
        r"The event loop was blocked for \S+ m?s by tests/app/test_blocked_loop\.py:\d+ "
        r"\S+export_year when callers of orders waited",
        dash.incidents()[0].sentence,
    ), dash.incidents()[0].sentence
    assert NAME in {thread.name for thread in threading.enumerate()}
    dash.stop()
    await soon(lambda: NAME not in {thread.name for thread in threading.enumerate()})
    await engine.dispose()


async def test_blocked_loop_is_called_so(
    make_dash: Dash, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "PERIOD", 0.01)
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
    )
    dash = make_dash(clock=clock)
    dash._reader._incidents._loops = Loops(clock)
    dash.watch(engine, name="orders")
    begun, release = threading.Event(), threading.Event()
    said: list[tuple[float, str]] = []

    def watcher() -> None:
        begun.wait(60)
        dash.snapshot()
        clock.advance(6)
        by = dash.snapshot().pools["orders"].blocked_by
        if by is not None:
            said.append((by.lag, blamed(by).rpartition(".")[2]))
        release.set()

    def export_year() -> None:
        begun.set()
        release.wait(60)

    thread = threading.Thread(target=watcher)
    thread.start()
    async with engine.connect():
        asking = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0)
        export_year()
    await (await asking).close()
    thread.join()
    assert said == [(6, "export_year")]
    incident = dash.incidents()[0]
    assert (incident.cause, incident.loop_lag) == ("exhausted", 6)
    assert re.match(
        r"The event loop was blocked for 6\.0 s by tests/app/test_blocked_loop\.py:\d+ "
        r"\S+export_year when callers of orders waited at \d\d:\d\d:\d\d: 1 of 1 connection was",
        incident.sentence,
    ), incident.sentence
    await engine.dispose()
