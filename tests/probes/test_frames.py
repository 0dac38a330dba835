"""The call site is the application's line, however the pool is reached."""

import asyncio
import sys
import types
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from dashboard.model.claim import SITE
from dashboard.probes import frames, tap
from dashboard.probes.frames import NOWHERE, Locator, Site, site_at
from dashboard.recorder.ledger import WIDTH

from .contract import LedgerEyes


class _Connection:
    def rollback(self) -> None: ...

    def close(self) -> None: ...


class Seen:
    """Where the checkouts that are out were asked for."""

    def __init__(self, eyes: LedgerEyes) -> None:
        self._eyes = eyes

    def site(self) -> Site:
        """Of the only one that is out."""
        (claim,) = self._eyes.sink.open.values()
        site: Site = claim[SITE]
        return site

    def function(self) -> str:
        """Its name; the file is this one, or made up."""
        assert self.site().file in {"", "tests/probes/test_frames.py"}
        return self.site().function.rpartition(".")[2]


@pytest.fixture
def pool() -> QueuePool:
    return QueuePool(_Connection, pool_size=2)  # type: ignore[arg-type]


@pytest.fixture
def seen(pool: QueuePool) -> Iterator[Seen]:
    eyes = LedgerEyes()
    tapped = tap(pool, eyes.sink)
    yield Seen(eyes)
    tapped.remove(eyes.sink)


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


def orders(pool: QueuePool) -> Any:
    return pool.connect()


def reports(pool: QueuePool) -> Any:
    return pool.connect()


def outer(pool: QueuePool) -> Any:
    return orders(pool)


def test_alternating_sites_are_told_apart(pool: QueuePool, seen: Seen) -> None:
    for take in (orders, reports, outer, reports, orders, outer, outer):
        connection = take(pool)
        assert seen.function() == ("orders" if take is outer else take.__name__)
        connection.close()


def test_two_sites_in_one_loop_have_their_lines(pool: QueuePool, seen: Seen) -> None:
    first = test_two_sites_in_one_loop_have_their_lines.__code__.co_firstlineno
    lines = []
    for _ in range(3):
        connection = pool.connect()
        lines.append(seen.site().line - first)
        connection.close()
        connection = pool.connect()
        lines.append(seen.site().line - first)
        connection.close()
    assert lines == [4, 7, 4, 7, 4, 7]


@pytest.mark.parametrize("depth", [0, 1, 5, 40])
def test_depth_does_not_matter(pool: QueuePool, seen: Seen, depth: int) -> None:
    def recurse(left: int) -> Any:
        return recurse(left - 1) if left else pool.connect()

    for _ in range(3):
        connection = recurse(depth)
        assert seen.function() == "recurse"
        connection.close()


def test_lambda_and_generator_are_call_sites(pool: QueuePool, seen: Seen) -> None:
    take: Callable[[], Any] = lambda: pool.connect()  # noqa: E731, PLW0108

    def generate() -> Iterator[Any]:
        while True:
            yield pool.connect()

    for _ in range(2):
        connection = take()
        assert seen.function() == "<lambda>"
        connection.close()
        connection = next(generate())
        assert seen.function() == "generate"
        connection.close()


def _module(source: str, file: str, pool: QueuePool) -> types.ModuleType:
    module = types.ModuleType("made")
    vars(module)["pool"] = pool
    exec(compile(source, file, "exec"), vars(module))  # noqa: S102 -- the test's own source
    return module


def test_code_of_a_module_is_a_call_site(pool: QueuePool, seen: Seen) -> None:
    module = _module("\nconnection = pool.connect()\n", "/srv/shop/settings.py", pool)
    assert (seen.site().function, seen.site().line) == ("<module>", 2)
    module.connection.close()


def test_typed_code_is_a_call_site(pool: QueuePool, seen: Seen) -> None:
    typed: dict[str, Any] = {"pool": pool, "__name__": "__main__"}
    exec(compile("connection = pool.connect()\n", "<stdin>", "exec"), typed)  # noqa: S102
    assert (seen.site().file, seen.site().line) == ("<stdin>", 1)
    typed["connection"].close()


def test_generated_code_passes_the_blame_on(pool: QueuePool, seen: Seen) -> None:
    made: dict[str, Any] = {"pool": pool, "__name__": "made"}
    exec(compile("connection = pool.connect()\n", "<string>", "exec"), made)  # noqa: S102
    assert seen.function() == "test_generated_code_passes_the_blame_on"
    made["connection"].close()


_PACKAGE = "/usr/lib/python3/site-packages/shop/store.py"


def test_installed_package_passes_the_blame_on(pool: QueuePool, seen: Seen) -> None:
    store = _module("def take():\n    return pool.connect()\n", _PACKAGE, pool)
    connection = store.take()
    assert seen.function() == "test_installed_package_passes_the_blame_on"
    connection.close()


def test_installed_application_is_its_own_call_site() -> None:
    """Nothing but installed code and the event loop below: the nearest frame has to do."""
    found: list[Site] = []
    locator = Locator()
    source = "def take(search):\n    found.append(search())\n"
    store = _module(source, _PACKAGE, QueuePool(_Connection))  # type: ignore[arg-type]
    vars(store)["found"] = found

    async def main() -> None:
        asyncio.get_running_loop().call_soon(store.take, lambda: _hook(locator))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert [(site.function, site.line) for site in found] == [("take", 2)]


def _hook(locator: Locator) -> Site:
    return locator.search(2)


def test_library_alone_is_nowhere() -> None:
    found: list[Site] = []
    locator = Locator()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: found.append(locator.search(2)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert found == [NOWHERE]


def test_same_line_is_the_same_site() -> None:
    sites = {site_at(sys._getframe()) for _ in range(3)}
    assert len(sites) == 1


def test_too_many_sites_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_SITES", 0)
    namespace: dict[str, Any] = {"sys": sys, "site_at": site_at}
    exec("site = site_at(sys._getframe())", namespace)  # noqa: S102 -- the test's own source
    assert namespace["site"] is frames.OTHER


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


WAYS: list[Callable[..., Awaitable[None]]] = [
    in_a_block,
    in_a_transaction,
    awaited,
    in_a_session,
    run_inside,
]
NAMES: dict[Callable[..., Awaitable[None]], str] = {run_inside: "inside"}


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
    assert names == {NAMES.get(way, way.__name__): 5 for way in WAYS}
