"""What is known of those who hold, wait and held, on real pools."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dashboard import Dashboard
from dashboard.model.distribution import buckets_of
from dashboard.model.snapshot import Checkout

from .conftest import MakeEngine
from .given import Clock, orders, soon

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres


def only(dash: Dashboard) -> Checkout:
    (checkout,) = orders(dash).open
    return checkout


@asynccontextmanager
async def sqlite(path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}/shop.db")
    yield engine
    await engine.dispose()


async def test_now_is_what_its_user_does(dash: Dashboard, clock: Clock, tmp_path: Path) -> None:
    async with sqlite(tmp_path) as engine:
        dash.watch(engine, name="orders")
        is_over = asyncio.Event()

        async def ship(connection: AsyncConnection) -> None:
            await connection.execute(text("select 1"))
            await is_over.wait()

        async with engine.connect() as connection:
            shipping = asyncio.create_task(ship(connection))
            await soon(lambda: only(dash).statements == 1)
            clock.advance(2)
            assert {"ship"} == {
                each.function.rpartition(".")[2] for each in only(dash).now if not each.is_library
            }
            is_over.set()
            await shipping


def test_task_that_left_a_connection_has_ended(
    dash: Dashboard, clock: Clock, tmp_path: Path
) -> None:
    async def main() -> None:
        async with sqlite(tmp_path) as engine:
            dash.watch(engine, name="orders")
            kept = []

            async def work() -> None:
                kept.append(await engine.connect())

            await asyncio.create_task(work())
            gc.collect()
            clock.advance(30)
            left = only(dash)
            assert (left.owner.kind, left.owner.is_alive) == ("task", False)
            assert (left.owner_ended_for, left.handed_over) == (30.0, False)
            await kept[0].close()

    asyncio.run(main())


def test_gathered_task_has_ended_since_its_statement(
    dash: Dashboard, clock: Clock, tmp_path: Path
) -> None:
    async def main() -> None:
        async with sqlite(tmp_path) as engine:
            dash.watch(engine, name="orders")
            kept = []

            async def work() -> None:
                kept.append(await engine.connect())
                clock.advance(5)
                await kept[0].execute(text("select 1"))

            tasks = [asyncio.create_task(work())]
            await asyncio.gather(*tasks)
            clock.advance(30)
            assert (only(dash).held_for, only(dash).owner_ended_for) == (35.0, 30.0)
            await kept[0].close()

    asyncio.run(main())


def test_connection_fetched_under_a_deadline_is_not_an_orphan(
    dash: Dashboard, clock: Clock, tmp_path: Path
) -> None:
    """On 3.11 `wait_for` acquires in a task of its own, which has ended when it returns."""

    async def main() -> None:
        async with sqlite(tmp_path) as engine:
            dash.watch(engine, name="orders")
            for start in (engine.connect().start(), engine.connect()):
                connection = await asyncio.wait_for(start, 5)
                clock.advance(30)
                held = only(dash)
                assert held.owner.is_alive or held.handed_over
                await connection.execute(text("select 1"))
                assert str(only(dash).user) == f"task {_name()}"
                await connection.close()

    asyncio.run(main())


def _name() -> str:
    task = asyncio.current_task()
    assert task is not None
    return task.get_name()


def test_asyncpg_fetched_under_a_deadline_is_its_callers(
    dash: Dashboard, clock: Clock, postgres: "Postgres"
) -> None:
    async def main() -> None:
        async with asyncpg.create_pool(postgres.dsn(), min_size=1, max_size=2) as pool:
            dash.watch(pool, name="orders")
            connection = await asyncio.wait_for(pool.acquire(), 5)
            clock.advance(30)
            held = only(dash)
            assert (held.owner.name, held.owner.is_alive) == (_name(), True)
            assert held.owner_ended_for is None
            other = await pool.acquire()
            assert [each.beside for each in orders(dash).open] == [(2,), (1,)]
            await pool.release(connection)
            await pool.release(other)

    asyncio.run(main())


def test_thread_that_left_a_connection_has_ended(
    dash: Dashboard, engine: Engine, clock: Clock
) -> None:
    dash.watch(engine, name="orders")
    kept: list[Connection] = []
    thread = threading.Thread(target=lambda: kept.append(engine.connect()), name="exporter")
    thread.start()
    thread.join()
    clock.advance(30)
    left = only(dash)
    assert (str(left.owner), left.owner.is_alive) == ("thread exporter", False)
    assert left.owner_ended_for == 30.0
    kept[0].close()


def hold(engine: Engine, clock: Clock, *steps: float) -> None:
    """Quiet times, with a statement between."""
    with engine.connect() as connection:
        clock.advance(steps[0])
        for seconds in steps[1:]:
            connection.execute(text("select 1"))
            clock.advance(seconds)


def test_what_came_back_is_remembered(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    hold(engine, clock, 1)
    (_, record), *_ = dash._watches.records()
    (site,) = orders(dash).call_sites
    record.bounds = dict.fromkeys(record.sites.tallies, 10.0)
    hold(engine, clock, 9, 9, 9)
    assert orders(dash).recently_back == ()
    hold(engine, clock, 2, 12)
    clock.advance(5)
    seen = orders(dash)
    (back,) = seen.recently_back
    assert (back.quiet, back.bound, back.held_for, back.ended_ago) == (12.0, 10.0, 14.0, 5.0)
    assert (back.call_site, back.connection, back.owner.kind) == (site.call_site, 1, "thread")
    (site,) = seen.call_sites
    assert (site.came_back, site.checkouts, site.statements) == (1, 3, 3)


def test_quiet_time_and_hold_are_told_apart(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    hold(engine, clock, 4)
    hold(engine, clock, 1, 2, 1)
    (site,) = orders(dash).call_sites
    assert dict(site.use_time.counts) == {buckets_of([4.0])[0]: 2}
    assert dict(site.quiet_time.counts) == {buckets_of([each])[0]: 1 for each in (4.0, 2.0)}


def test_lost_connection_has_its_number(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        engine.raw_connection()
        gc.collect()
        (lost,) = orders(dash).recently_lost
    assert lost.connection == 2


def test_line_that_made_the_pool_is_told(dash: Dashboard, make_engine: MakeEngine) -> None:
    with dash.watch_all():
        engine = make_engine()
        (pool,) = dash.snapshot().pools.values()
        assert pool.born_at is not None
        assert pool.born_at.function.endswith("sqlite")
        engine.dispose()


def test_site_holds_what_dispose_left_out(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        engine.dispose()
        clock.advance(3)
        (site,) = orders(dash).call_sites
        assert (site.checkouts, site.open, site.total_hold) == (1, 1, 3.0)
