"""The call site is the line that awaits, on the other side of SQLAlchemy's greenlet."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

from dashboard.model.claim import SITE
from dashboard.probes import tap
from dashboard.recorder.ledger import WIDTH

from .contract import LedgerEyes
from .seen import Seen


@pytest.fixture
async def engine(tmp_path: Path) -> Any:
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    yield made
    await made.dispose()


@pytest.fixture
def beyond(engine: AsyncEngine) -> Iterator[Seen]:
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)
    yield Seen(eyes)
    tapped.remove(eyes.sink)


async def in_a_block(engine: AsyncEngine, check: Callable[[], None]) -> None:
    async with engine.connect():
        check()


async def in_a_transaction(engine: AsyncEngine, check: Callable[[], None]) -> None:
    async with engine.begin():
        check()


async def awaited(engine: AsyncEngine, check: Callable[[], None]) -> None:
    connection = await engine.connect()
    check()
    await connection.close()


async def in_a_session(engine: AsyncEngine, check: Callable[[], None]) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 1"))
        check()


async def run_inside(engine: AsyncEngine, check: Callable[[], None]) -> None:
    def inside(session: Any) -> None:
        session.execute(text("SELECT 1"))
        check()

    async with AsyncSession(engine) as session:
        await session.run_sync(inside)


async def connect_inside(engine: AsyncEngine, check: Callable[[], None]) -> None:
    """The frames of `engine.connect()`, but the application's are below them in the greenlet."""

    def inside(_: Any) -> None:
        with engine.sync_engine.connect():
            check()

    async with AsyncSession(engine) as session:
        await session.run_sync(inside)


async def at_the_pool(engine: AsyncEngine, check: Callable[[], None]) -> None:
    """Nothing but our hook is in the greenlet."""
    connection = await greenlet_spawn(engine.sync_engine.pool.connect)
    check()
    await greenlet_spawn(connection.close)


WAYS: list[Callable[..., Awaitable[None]]] = [
    in_a_block,
    in_a_transaction,
    awaited,
    in_a_session,
    run_inside,
    connect_inside,
    at_the_pool,
]
NAMES: dict[Callable[..., Awaitable[None]], str] = {
    run_inside: "inside",
    connect_inside: "inside",
}


async def checked(way: Callable[..., Awaitable[None]], engine: AsyncEngine, beyond: Seen) -> None:
    seen: list[str] = []
    await way(engine, lambda: seen.append(beyond.function()))
    assert seen == [NAMES.get(way, way.__name__)]


@pytest.mark.parametrize("way", WAYS)
async def test_async_call_site_is_the_line_that_awaits(
    engine: AsyncEngine, beyond: Seen, way: Callable[..., Awaitable[None]]
) -> None:
    for _ in range(3):
        await checked(way, engine, beyond)


async def test_async_ways_alternate(engine: AsyncEngine, beyond: Seen) -> None:
    for _ in range(3):
        for way in WAYS:
            await checked(way, engine, beyond)


async def test_async_helper_is_nearer_than_its_caller(engine: AsyncEngine, beyond: Seen) -> None:
    async def nested(depth: int, check: Callable[[], None]) -> None:
        if depth:
            await nested(depth - 1, check)
        else:
            await in_a_block(engine, check)

    seen: list[str] = []
    for depth in (0, 3, 0, 1, 3):
        await nested(depth, lambda: seen.append(beyond.function()))
    assert seen == ["in_a_block"] * 5


async def test_async_sites_in_one_loop_have_their_lines(engine: AsyncEngine, beyond: Seen) -> None:
    first = test_async_sites_in_one_loop_have_their_lines.__code__.co_firstlineno
    lines = []
    for _ in range(3):
        async with engine.connect():
            lines.append(beyond.site().line - first)
        async with engine.connect():
            lines.append(beyond.site().line - first)
    assert lines == [4, 6, 4, 6, 4, 6]


async def test_tasks_at_once_keep_their_sites(engine: AsyncEngine) -> None:
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)

    async def work(way: Callable[..., Awaitable[None]]) -> None:
        for _ in range(5):
            await way(engine, lambda: None)

    await asyncio.gather(*(work(way) for way in WAYS))
    tapped.remove(eyes.sink)
    rows = eyes.sink.rows
    names = Counter(site.function.rpartition(".")[2] for site in rows[SITE::WIDTH])
    assert names == Counter(5 * [NAMES.get(way, way.__name__) for way in WAYS])


async def waits_for(engine: AsyncEngine, check: Callable[[], None]) -> None:
    connection = await asyncio.wait_for(engine.connect().start(), 5)
    check()
    await connection.close()


async def gathers(engine: AsyncEngine, check: Callable[[], None]) -> None:
    (connection,) = await asyncio.gather(engine.connect().start())
    check()
    await connection.close()


async def shields(engine: AsyncEngine, check: Callable[[], None]) -> None:
    connection = await asyncio.wait_for(asyncio.shield(engine.connect().start()), 5)
    check()
    await connection.close()


async def awaits_a_task(engine: AsyncEngine, check: Callable[[], None]) -> None:
    connection = await asyncio.create_task(engine.connect().start())
    check()
    await connection.close()


@pytest.mark.parametrize("way", [waits_for, gathers, shields, awaits_a_task])
async def test_task_without_a_line_has_that_of_who_waits(
    engine: AsyncEngine, beyond: Seen, way: Callable[..., Awaitable[None]]
) -> None:
    for _ in range(5):
        await checked(way, engine, beyond)
        await checked(in_a_block, engine, beyond)


async def test_stack_goes_on_to_who_waits(engine: AsyncEngine, beyond: Seen) -> None:
    connection = await asyncio.wait_for(engine.connect().start(), 5)
    names = [name for _, _, name, is_library in beyond.site().stack if not is_library]
    assert names == ["test_stack_goes_on_to_who_waits"]
    await connection.close()


async def test_task_that_nobody_waits_for_has_its_name(engine: AsyncEngine, beyond: Seen) -> None:
    ended = asyncio.Event()
    task = asyncio.create_task(engine.connect().start())
    task.add_done_callback(lambda _: ended.set())
    await ended.wait()
    site = beyond.site()
    assert (site.file, site.line, site.function) == ("", 0, "(in a task) AsyncConnection.start")
    await task.result().close()


@pytest.fixture
def sync_engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path}/shop.db", connect_args={"check_same_thread": False})
    yield made
    made.dispose()


@pytest.fixture
def below(sync_engine: Engine) -> Iterator[Seen]:
    eyes = LedgerEyes()
    tapped = tap(sync_engine, eyes.sink)
    yield Seen(eyes)
    tapped.remove(eyes.sink)


async def test_worker_thread_has_the_line_that_waits(sync_engine: Engine, below: Seen) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as workers:
        workers.submit(int).result()
        for _ in range(5):
            connection = await loop.run_in_executor(workers, sync_engine.connect)
            assert below.function() == "test_worker_thread_has_the_line_that_waits"
            connection.close()


def test_worker_thread_that_nobody_waits_for_has_its_name(sync_engine: Engine, below: Seen) -> None:
    with ThreadPoolExecutor(1) as workers:
        connection = workers.submit(sync_engine.connect).result()
        assert below.site().function == "(in a thread) Engine.connect"
        connection.close()
        with Session(sync_engine) as session:
            workers.submit(session.execute, text("SELECT 1")).result()
            site = below.site()
            assert (site.file, site.line) == ("", 0)
            assert site.function == "(in a thread) Session.execute"


def test_failed_call_in_a_thread_is_not_kept_alive(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/missing/shop.db")
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)
    call = partial(engine.connect)
    gone = ref(call)
    with ThreadPoolExecutor(1) as workers:
        error = workers.submit(call).exception()
        workers.submit(int).result()
        del call
        assert isinstance(error, OperationalError)
        assert gone() is None
    tapped.remove(eyes.sink)
    engine.dispose()
