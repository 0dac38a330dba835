"""Rules that pools of a real PostgreSQL bring up, and their healthy twins do not."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dashboard import Dashboard
from dashboard.model.backends import Activity, Backend
from dashboard.model.limits import ServerLimit

from .advised import Leaping, advised, spoken
from .conftest import Dash
from .given import Clock, soon

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

Open = Callable[..., Any]


@asynccontextmanager
async def opened(postgres: "Postgres", **options: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(postgres.dsn("asyncpg"), **{"pool_size": 2, **options})
    try:
        yield engine
    finally:
        await engine.dispose()


async def backend_of(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        found: int = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        return found


async def kill(postgres: "Postgres", pid: int) -> None:
    """As a restart or a firewall does, while nobody looks."""
    other = await asyncpg.connect(postgres.url)
    assert await other.fetchval("SELECT pg_terminate_backend($1, 30000)", pid)
    await other.close()
    for _ in range(10):  # The end is there; the driver reads it in the loop's next turns.
        await asyncio.sleep(0)


async def ask(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def test_connection_that_died_idle_is_told(
    dash: Dashboard, postgres: "Postgres", clock: Clock
) -> None:
    async with opened(postgres) as engine:
        dash.watch(engine, name="orders")
        await kill(postgres, await backend_of(engine))
        clock.advance(0.2)  # It lies idle for longer than it will be used.
        with pytest.raises(DBAPIError):
            await ask(engine)
        advice = advised(dash, "R20")
    assert advice is not None
    assert (advice.severity, advice.title) == ("warning", "1 connection handed out dead")
    assert "+    pool_pre_ping=True," in advice.change
    assert "error.connection_invalidated" in advice.change


async def test_disposed_engine_is_no_second_pool(dash: Dashboard, postgres: "Postgres") -> None:
    async with opened(postgres) as first, opened(postgres) as second:
        for engine in (first, second):
            dash.watch(engine)
            await ask(engine)
        advice = advised(dash, "R16")
        assert advice is not None
        assert advice.title == "2 pools lead to the same database"
        await first.dispose()
        assert advised(dash, "R16") is None


async def test_ping_leaves_nothing_to_advise(
    dash: Dashboard, postgres: "Postgres", clock: Clock
) -> None:
    async with opened(postgres, pool_pre_ping=True) as engine:
        dash.watch(engine, name="orders")
        await kill(postgres, await backend_of(engine))
        clock.advance(0.2)
        await ask(engine)
        assert dash.advice() == []


@pytest.mark.parametrize(
    ("options", "rules"),
    [({}, ["R20"]), ({"pool_recycle": 600}, []), ({"pool_size": 200}, ["R06", "R20"])],
)
async def test_settings_of_a_live_engine_are_read(
    dash: Dashboard, postgres: "Postgres", options: dict[str, Any], rules: list[str]
) -> None:
    async with opened(postgres, **options) as engine:
        dash.watch(engine, name="orders")
        assert spoken(dash) == rules


async def test_long_idle_times_are_told(make_dash: Dash, postgres: "Postgres") -> None:
    clock = Leaping()
    dash = make_dash(clock=clock)
    async with opened(postgres, pool_recycle=900) as engine:
        dash.watch(engine, name="orders")
        await ask(engine)
        await ask(engine)
        assert advised(dash, "R21") is None
        clock.advance(400)
        await ask(engine)
        advice = advised(dash, "R21")
        assert advice is not None
        assert advice.confidence == "medium"
        assert advised(dash, "R21", ServerLimit(longest_idle=3600)) is None


async def test_budget_counts_every_worker(dash: Dashboard, postgres: "Postgres") -> None:
    async with opened(postgres, pool_pre_ping=True) as engine:
        dash.watch(engine, name="orders")
        limit = ServerLimit(max_connections=60, workers=8)
        advice = advised(dash, "R06", limit)
        assert advice is not None
        assert advice.evidence[0] == "(2 + 10) x 8 = 96."
        assert "+    max_overflow=5," in advice.change
        assert advised(dash, "R06", ServerLimit(max_connections=100, workers=8)) is None


async def test_limit_that_the_server_told_is_used(dash: Dashboard, postgres: "Postgres") -> None:
    async with opened(postgres, pool_pre_ping=True, max_overflow=70) as engine:
        dash.watch(engine, name="orders")
        pid = await backend_of(engine)
        activity = Activity(
            backends={each: Backend(pid=each, state="idle") for each in (pid, 1, 2)},
            max_connections=60,
            reserved=3,
            pools=frozenset({"orders"}),
            ours=1,
        )
        told = replace(dash.snapshot(), server=activity)
        advisor = dash._reader._advisor
        (advice,) = [each for each in advisor.advise(told, []) if each.rule == "R06"]
        assert "max_connections 60 - 3 reserved - 2 of other clients = 55." in advice.evidence
        elsewhere = replace(told, server=replace(activity, pools=frozenset()))
        assert [each.rule for each in advisor.advise(elsewhere, [])] == []


async def test_server_is_asked_for_idle_pools_too(postgres: "Postgres") -> None:
    dash = Dashboard(backends=postgres.url)
    async with pooled(postgres) as busy, pooled(postgres, min_size=0, max_size=70) as idle:
        dash.watch(busy, name="busy")
        dash.watch(idle, name="idle")
        await soon(lambda: advised(dash, "R06"))
        advice = advised(dash, "R06")
        dash.stop()
    assert advice is not None
    assert (advice.pool, advice.severity) == ("idle", "critical")
    assert advice.evidence[0] == "2 + 70 = 72."


@asynccontextmanager
async def pooled(postgres: "Postgres", **options: Any) -> AsyncIterator["asyncpg.Pool[Any]"]:
    async with asyncpg.create_pool(
        postgres.url, **{"min_size": 1, "max_size": 2, **options}
    ) as pool:
        yield pool


async def both(pool: "asyncpg.Pool[Any]", meeting: asyncio.Barrier) -> None:
    async with pool.acquire():
        await meeting.wait()
        async with pool.acquire(timeout=0.2):
            pass


async def test_nesting_below_the_floor_is_critical(dash: Dashboard, postgres: "Postgres") -> None:
    async with pooled(postgres) as pool:
        dash.watch(pool, name="catalogue")
        meeting = asyncio.Barrier(2)
        ended = await asyncio.gather(
            both(pool, meeting), both(pool, meeting), return_exceptions=True
        )
        advice = advised(dash, "R14")
    assert [type(each) for each in ended] == [TimeoutError, TimeoutError]
    assert advice is not None
    assert advice.severity == "critical"
    assert "2 x (2 - 1) + 1 = 3 slots are safe; the pool has 2." in advice.evidence


async def test_endless_wait_is_told(make_dash: Dash, postgres: "Postgres") -> None:
    clock = Leaping()
    dash = make_dash(clock=clock)
    async with pooled(postgres, max_size=1) as pool:
        dash.watch(pool, name="catalogue")
        async with pool.acquire():
            waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
            await asyncio.sleep(0)
            assert advised(dash, "R29") is None
            clock.advance(40)
            advice = advised(dash, "R29")
        assert await waiting == 1
    assert advice is not None
    assert advice.evidence[0] == "The longest wait was 40 s; nothing ended it."


@pytest.mark.parametrize(("patience", "is_told"), [(0.001, True), (5.0, False)])
async def test_short_acquire_timeout_is_told(
    dash: Dashboard, postgres: "Postgres", patience: float, *, is_told: bool
) -> None:
    async with pooled(postgres, max_size=1) as pool:
        dash.watch(pool, name="catalogue")
        for _ in range(100):
            connection = await pool.acquire()
            await pool.release(connection)
        with suppress(TimeoutError):  # It was asked for, in time or not.
            connection = await pool.acquire(timeout=patience)
            await pool.release(connection, timeout=5)
        assert (advised(dash, "R30") is not None) is is_told


async def test_pooler_is_told_before_the_first_query(dash: Dashboard) -> None:
    unopened = asyncpg.create_pool("postgresql://shop@127.0.0.1:6432/shop", max_size=30)
    dash.watch(unopened, name="catalogue")
    assert spoken(dash) == ["R23", "R24"]


async def test_direct_pool_needs_no_care(dash: Dashboard, postgres: "Postgres") -> None:
    async with pooled(postgres) as pool:
        dash.watch(pool, name="catalogue")
        await pool.fetchval("SELECT 1")
        assert dash.advice() == []


async def test_leaking_pool_is_not_enlarged(dash: Dashboard, postgres: "Postgres") -> None:
    async with pooled(postgres, max_size=1) as pool:
        dash.watch(pool, name="catalogue")

        async def forget() -> None:
            await pool.acquire()

        await asyncio.create_task(forget())
        gc.collect()
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.02)
        told = {each.rule: each for each in dash.advice()}
        pool.terminate()
    assert sorted(told) == ["R02", "R11"]
    assert told["R02"].held_back.startswith("do not enlarge: 1 connection leaks at tests/app/test_")
    assert told["R02"].change == ""
    assert "async with pool.acquire() as connection:" in told["R11"].change


@pytest.mark.parametrize(("size", "held_back"), [(2, "do not enlarge"), (3, "collecting")])
async def test_pool_that_locks_itself_up_is_not_enlarged(
    dash: Dashboard, postgres: "Postgres", size: int, held_back: str
) -> None:
    async with pooled(postgres, max_size=size) as pool:
        dash.watch(pool, name="catalogue")
        meeting = asyncio.Barrier(2)
        owners = (both(pool, meeting), both(pool, meeting))
        await asyncio.gather(*owners, return_exceptions=True)
        async with AsyncExitStack() as stack:
            for _ in range(size):
                await stack.enter_async_context(pool.acquire())
            with pytest.raises(TimeoutError):
                await asyncio.create_task(_ask_for_one(pool))
        advice = advised(dash, "R02")
    assert advice is not None
    assert advice.held_back.startswith(held_back)


async def _ask_for_one(pool: "asyncpg.Pool[Any]") -> None:
    async with pool.acquire(timeout=0.02):
        pass
