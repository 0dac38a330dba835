"""From a real database to the reader of the stream: sync and async, over HTTP."""

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, create_engine, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from dashboard import Dashboard, expect
from dashboard.serving import Server
from tests.web.listening import listening

from .conftest import Dash
from .given import eventually, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dashboard.demo.postgres import Postgres


@pytest.fixture
def orders(postgres: "Postgres") -> "Iterator[Engine]":
    """A sync engine on PostgreSQL."""
    engine = create_engine(
        postgres.dsn("psycopg"), pool_size=2, max_overflow=1, pool_timeout=0.2, pool_pre_ping=True
    )
    yield engine
    engine.dispose()


@pytest.fixture
async def reports(postgres: "Postgres") -> "AsyncIterator[AsyncEngine]":
    """An async engine on PostgreSQL."""
    engine = create_async_engine(
        postgres.dsn("asyncpg"), pool_size=2, max_overflow=0, pool_timeout=0.2
    )
    yield engine
    await engine.dispose()


def get(server: Server, path: str) -> Any:
    return httpx.get(server.url + path).json()


def pid_of(connection: Connection) -> int:
    return int(connection.scalar(text("select pg_backend_pid()")) or 0)


def test_engine_on_postgres_is_whole(dash: Dashboard, orders: Engine) -> None:
    dash.watch(orders, name="orders")
    with dash.serve(port=0) as server:
        with orders.connect() as connection:
            pid = pid_of(connection)
            found = get(server, "/api/pools/orders")
            (checkout,) = found["open"]
        assert (found["used"], found["idle"], found["count"], found["max"]) == (1, 0, 1, 3)
        assert (found["library"], found["backend"]) == ("sqlalchemy", "PostgreSQL")
        assert (checkout["backend_pid"], checkout["owner"]["name"]) == (pid, "MainThread")
        assert checkout["call_site"]["function"] == "test_engine_on_postgres_is_whole"
        after = get(server, "/api/pools/orders")
    assert (after["used"], after["idle"], after["checkouts"], after["checkins"]) == (0, 1, 1, 1)
    assert after["create_time"]["count"] == 1
    assert after["wait_time"]["p50"] > 0


async def test_async_session_is_whole(dash: Dashboard, reports: AsyncEngine) -> None:
    dash.watch(reports, name="reports")

    async def report() -> None:
        async with AsyncSession(reports) as session:
            await session.execute(text("select 1"))
            pool = dash.snapshot().pools["reports"]
            (checkout,) = pool.open
            assert (checkout.owner.kind, checkout.owner.name) == ("task", "reporter")
            assert checkout.call_site.function.endswith("report")
            assert checkout.call_site.file == "tests/app/test_end_to_end.py"
            assert (pool.used, pool.own_used) == (1, 1)

    await asyncio.create_task(report(), name="reporter")
    pool = dash.snapshot().pools["reports"]
    assert (pool.used, pool.idle, pool.own_idle, pool.checkouts) == (0, 1, 1, 1)


async def test_exhausted_pool_is_told(dash: Dashboard, reports: AsyncEngine) -> None:
    dash.watch(reports, name="reports")
    with dash.serve(port=0) as server:

        async def ready() -> httpx.Response:
            return await asyncio.to_thread(httpx.get, server.url + "/readyz")

        assert (await ready()).status_code == 200
        held = [await reports.connect() for _ in range(2)]

        async def ask() -> None:
            with pytest.raises(exc.TimeoutError):
                await reports.connect()

        asking = asyncio.create_task(ask())
        await soon(lambda: dash.snapshot().pools["reports"].waiting)
        answer = await ready()
        assert (answer.status_code, answer.json()["pools"][0]["name"]) == (503, "reports")
        await asking
        assert dash.snapshot().pools["reports"].timeouts == 1
        for each in held:
            await each.close()
        assert (await ready()).status_code == 200


async def test_cancelled_checkout_leaves_nothing(dash: Dashboard, reports: AsyncEngine) -> None:
    dash.watch(reports, name="reports")
    held = [await reports.connect() for _ in range(2)]
    asking = asyncio.create_task(reports.connect().start())
    await soon(lambda: dash.snapshot().pools["reports"].waiting)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for each in held:
        await each.close()
    pool = dash.snapshot().pools["reports"]
    assert pool.failures == {"cancelled": 1}
    assert (pool.used, pool.idle, pool.pending_requests, pool.unmatched) == (0, 2, 0, 0)


def test_killed_backend_keeps_the_count(
    dash: Dashboard, orders: Engine, postgres: "Postgres"
) -> None:
    dash.watch(orders, name="orders")
    with orders.connect() as connection:
        pid = pid_of(connection)
    other = create_engine(postgres.dsn("psycopg"))
    with other.connect() as killer:
        killer.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.dispose()
    with orders.connect() as connection:
        assert pid_of(connection) != pid
    pool = dash.snapshot().pools["orders"]
    assert (pool.used, pool.idle, pool.own_idle, pool.created) == (0, 1, 1, 2)
    assert (pool.closed, pool.unmatched) == (1, 0)


def test_checkout_is_streamed_within_a_second(dash: Dashboard, orders: Engine) -> None:
    dash.watch(orders, name="orders")
    with dash.serve(port=0) as server, listening(server.url) as stream:
        assert next(stream).event == "reset"
        began = time.monotonic()
        with orders.connect():
            for message in stream:
                if message.event == "batch" and message.data["pools"][0]["used"] == 1:
                    break
        assert time.monotonic() - began < 1


def test_leak_is_found_by_a_visitor(make_dash: Dash, orders: Engine) -> None:
    dash = make_dash(leak_after=0.05)
    dash.watch(orders, name="orders")
    forgotten: list[Connection] = []
    thread = threading.Thread(target=lambda: forgotten.append(orders.connect()))
    thread.start()
    thread.join()
    with dash.serve(port=0) as server, expect(hold=60), orders.connect():
        eventually(lambda: get(server, "/api/suspects"))
        (suspect,) = get(server, "/api/suspects")
        assert (suspect["pool"], suspect["verdict"]) == ("orders", "orphaned")
        assert suspect["certainty"] == "probable"
        assert suspect["call_site"]["file"] == "tests/app/test_end_to_end.py"
        forgotten.pop().close()
        (suspect,) = get(server, "/api/suspects")
        assert (suspect["verdict"], suspect["certainty"]) == ("returned", "possible")


def test_blocked_pool_does_not_block_the_page(dash: Dashboard, orders: Engine) -> None:
    dash.watch(orders, name="orders")
    held = [orders.connect() for _ in range(3)]
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            orders.connect()
        except exc.TimeoutError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    with dash.serve(port=0) as server:
        for each in threads:
            each.start()
        pages = [httpx.get(server.url + path).status_code for path in ("/", "/pools/orders")]
        for each in threads:
            each.join()
        assert pages == [200, 200]
        assert get(server, "/api/pools/orders")["timeouts"] == len(failures) == 10
    for connection in held:
        connection.close()
