"""How connections end, and what lies between: real programs, and their healthy twins."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard import Dashboard
from dashboard.backends import Backends
from dashboard.model.backends import Activity
from tests.settings.proxy import Proxy

from .advised import Leaping, advised, spoken
from .conftest import Dash
from .given import Clock
from .test_advice_http import hello, read, session_of
from .test_advice_postgres import ask, backend_of, kill, opened

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

IDLE = 0.2


async def test_first_statement_on_a_dead_connection_is_named(
    dash: Dashboard, postgres: "Postgres", clock: Clock
) -> None:
    async with opened(postgres) as engine:
        dash.watch(engine, name="orders")
        await kill(postgres, await backend_of(engine))
        clock.advance(IDLE)
        with pytest.raises(DBAPIError):
            await ask(engine)
        advice = advised(dash, "R20")
    assert advice is not None
    assert advice.title == "1 connection handed out dead"
    assert advice.evidence[1] == "The driver said: InterfaceError."


async def test_connection_that_dies_at_work_was_not_stale(
    dash: Dashboard, postgres: "Postgres", clock: Clock
) -> None:
    async with opened(postgres) as engine:
        dash.watch(engine, name="orders")
        pid = await backend_of(engine)
        clock.advance(IDLE)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await kill(postgres, pid)
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 2"))
        assert dash.snapshot().pools["orders"].closed_by["error"] == 1
        advice = advised(dash, "R20")
    assert advice is not None
    assert advice.title == "Nothing notices a connection that died"


async def test_cancelled_caller_is_no_stale_connection(
    dash: Dashboard, postgres: "Postgres", clock: Clock
) -> None:
    async with opened(postgres) as engine:
        dash.watch(engine, name="orders")
        await ask(engine)
        clock.advance(IDLE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03), engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
        assert dash.snapshot().pools["orders"].closed_by["error"] == 1
        advice = advised(dash, "R20")
    assert advice is not None
    assert advice.title == "Nothing notices a connection that died"


@pytest.mark.parametrize("is_silent", [True, False])
async def test_release_that_was_cut_off_is_told(
    dash: Dashboard, postgres: "Postgres", *, is_silent: bool
) -> None:
    async with Proxy(postgres.port) as proxy:
        await proxy.up()
        url = postgres.url.replace(f":{postgres.port}", f":{proxy.port}")
        pool = await asyncpg.create_pool(url, min_size=1, max_size=1)
        dash.watch(pool, name="catalogue")
        for _ in range(2):
            connection = await pool.acquire(timeout=2.0)
            await pool.release(connection)
        connection = await pool.acquire(timeout=0.5 if is_silent else 10.0)
        proxy.is_silent = is_silent
        if is_silent:
            with pytest.raises(TimeoutError):
                await pool.release(connection)
        else:
            await pool.release(connection)
        advice = advised(dash, "R30")
        pool.terminate()
    assert (advice is not None) is is_silent
    if advice is not None:
        assert advice.evidence[1] == "1 connection ended at the release lately."


@asynccontextmanager
async def in_front_of(postgres: "Postgres") -> AsyncIterator[str]:
    """The server at a pooler's address."""
    async with Proxy(postgres.port) as proxy:
        for port in (6432, 6543):
            with socket.socket() as free:
                if free.connect_ex(("127.0.0.1", port)):
                    proxy.port = port
        await proxy.up()
        yield postgres.url.replace(f":{postgres.port}", f":{proxy.port}")


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"max_size": 30}, ["R23", "R24"]),
        ({"max_size": 21, "statement_cache_size": 0}, ["R24"]),
        ({"max_size": 20, "statement_cache_size": 0}, []),
    ],
)
async def test_pool_before_a_pooler_stays_small(
    dash: Dashboard, postgres: "Postgres", options: dict[str, Any], rules: list[str]
) -> None:
    async with (
        in_front_of(postgres) as url,
        asyncpg.create_pool(url, min_size=1, **options) as pool,
    ):
        dash.watch(pool, name="catalogue")
        assert await pool.fetchval("SELECT 1") == 1
        assert spoken(dash) == rules


@pytest.mark.parametrize(("cache", "is_told"), [(100, True), (0, False)])
async def test_statement_that_another_connection_prepared_is_told(
    dash: Dashboard, postgres: "Postgres", cache: int, *, is_told: bool
) -> None:
    async with asyncpg.create_pool(
        postgres.url, min_size=1, max_size=1, statement_cache_size=cache
    ) as pool:
        dash.watch(pool, name="catalogue")
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT 1")
            await connection.execute("DEALLOCATE ALL")  # As if it had got another connection.
            with suppress(asyncpg.InvalidSQLStatementNameError):
                await connection.fetchval("SELECT 1")
        advice = advised(dash, "R23")
    assert (advice is not None) is is_told
    if advice is not None:
        assert (advice.severity, advice.confidence) == ("warning", "high")
        assert advice.evidence[0].startswith("1 statement failed since the watch began")


async def test_unprepared_statement_of_an_engine_is_told(
    dash: Dashboard, postgres: "Postgres"
) -> None:
    async with opened(postgres, pool_pre_ping=True) as engine:
        dash.watch(engine, name="orders")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1/0"))
            await connection.rollback()
            assert advised(dash, "R23") is None
            await connection.execute(text("DEALLOCATE ALL"))
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1"))
        advice = advised(dash, "R23")
    assert advice is not None
    assert advice.confidence == "high"
    assert '"statement_cache_size": 0' in advice.change


@asynccontextmanager
async def by_name() -> AsyncIterator[str]:
    """A server that is called by a name."""
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


class Slow(aiohttp.ThreadedResolver):
    """As across a network."""

    async def resolve(self, *args: Any, **options: Any) -> Any:
        """What the system says, a little later."""
        await asyncio.sleep(0.002)
        return await super().resolve(*args, **options)


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"force_close": True, "ttl_dns_cache": 0}, ["R28"]),
        ({"force_close": True, "ttl_dns_cache": 60}, []),
        ({"ttl_dns_cache": 0}, []),
    ],
)
async def test_lookups_at_every_connect_are_told(
    dash: Dashboard, options: dict[str, Any], rules: list[str]
) -> None:
    connector = {"resolver": Slow(), "family": socket.AF_INET, **options}
    async with by_name() as url, session_of(dash, **connector) as session:
        for _ in range(12):
            await read(session, url)
        assert spoken(dash) == rules


class Later(Backends):
    """What the server says, its times moved on with the clock."""

    def __init__(self, dsn: str, clock: Leaping) -> None:
        super().__init__(dsn)
        self._clock = clock

    def look(self) -> Activity:
        """A look of now, as it would be then."""
        activity, ahead = super().look(), self._clock.ahead
        later = {
            pid: replace(
                each,
                since=(each.since or 0.0) + ahead,
                in_transaction=(each.in_transaction or 0.0) + ahead,
                age=(each.age or 0.0) + ahead,
            )
            for pid, each in activity.backends.items()
        }
        return replace(activity, backends=later)


@pytest.mark.parametrize("is_committed", [False, True])
async def test_transaction_that_idles_is_told(
    make_dash: Dash, postgres: "Postgres", *, is_committed: bool
) -> None:
    clock = Leaping()
    dash = make_dash(clock=clock)
    dash._reader._backends = Later(postgres.dsn(), clock)
    async with opened(postgres, pool_pre_ping=True) as engine:
        dash.watch(engine, name="orders")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_backend_pid()"))
            if is_committed:
                await connection.commit()
            early = await asyncio.to_thread(advised, dash, "R12")
            clock.advance(40.0)  # The bank thinks.
            advice = await asyncio.to_thread(advised, dash, "R12")
    dash._reader._backends.stop()
    assert early is None
    assert (advice is None) is is_committed
    if advice is not None:
        assert advice.severity == "critical"
        assert advice.evidence[0].startswith("1 transaction idle for 4")
        assert "idle_in_transaction_session_timeout" in advice.change
