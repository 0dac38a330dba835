"""The call site is the application's line, however the pool is reached."""

import asyncio
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.pool import QueuePool

from dashboard.probes import frames, tap
from dashboard.probes.frames import NOWHERE, Locator, Site, site_at

from .contract import LedgerEyes
from .seen import Seen


class _Connection:
    def rollback(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def pool() -> QueuePool:
    return QueuePool(_Connection, pool_size=2)  # type: ignore[arg-type]


@pytest.fixture
def seen(pool: QueuePool) -> Iterator[Seen]:
    eyes = LedgerEyes()
    tapped = tap(pool, eyes.sink)
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


def test_comprehension_is_the_function_around_it(pool: QueuePool, seen: Seen) -> None:
    def take() -> list[list[Any]]:
        return [[pool.connect() for _ in range(1)] for _ in range(1)]

    name = "test_comprehension_is_the_function_around_it"
    for _ in range(2):
        ((connection,),) = take()
        assert seen.site().function == f"{name}.<locals>.take"
        connection.close()
        connection = next(pool.connect() for _ in range(1))
        assert seen.function() == name
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
