"""Which pools are watched, and as what."""

import gc
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from sqlalchemy import NullPool, QueuePool, StaticPool, create_engine, exc, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AssertionPool, Pool, SingletonThreadPool

from dashboard.model.origin import CallSite
from dashboard.probes.swap import probe_of
from dashboard.watching import Watches
from dashboard.watching_all import WatchAll, watch_all

_POOLS = [QueuePool, NullPool, StaticPool, SingletonThreadPool, AssertionPool]


def _connect() -> Any:
    raise AssertionError("nobody connects here")


def _names(every: WatchAll) -> list[str]:
    return [each.name for each in every.watches]


def _made_at(every: WatchAll) -> list[CallSite]:
    return [vars(each)["born_at"] for each in every.watches]


@contextmanager
def _constructor_replaced(kind: type, plain: Callable[..., None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "__init__", plain)
        yield


def test_engine_is_named_after_its_database(every: WatchAll, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    other = create_engine(f"sqlite:///{tmp_path}/shop.db")
    assert _names(every) == [f"{tmp_path}/shop.db", f"{tmp_path}/shop.db (2)"]
    assert [each.probe.tap for each in every.watches] == [
        probe_of(engine.pool).tap,
        probe_of(other.pool).tap,
    ]


def test_password_is_in_no_name(every: WatchAll) -> None:
    engine = create_engine("postgresql+psycopg://user:secret@db.local:5433/shop")
    assert _names(every) == ["db.local:5433/shop"]
    engine.dispose()


def test_async_engine_is_watched(every: WatchAll) -> None:
    engine = create_async_engine("postgresql+asyncpg://user:secret@db.local/shop")
    assert _names(every) == ["db.local/shop"]
    assert probe_of(engine.sync_engine.pool) is not None


def test_line_that_made_it_is_known(every: WatchAll) -> None:
    engine, line = create_engine("sqlite://"), inspect.currentframe()
    assert engine is not None
    assert line is not None
    (site,) = _made_at(every)
    assert site.file.endswith("test_births.py")
    assert (site.line, site.function) == (
        line.f_code.co_firstlineno + 1,
        "test_line_that_made_it_is_known",
    )


@pytest.mark.parametrize("kind", _POOLS)
def test_bare_pool_is_watched_and_complete(every: WatchAll, kind: type[Pool]) -> None:
    pool = kind(_connect)
    assert _names(every) == [kind.__name__]
    assert pool.__class__ is kind


def test_class_of_application_is_watched(every: WatchAll) -> None:
    class Mine(QueuePool):
        def __init__(self) -> None:
            super().__init__(_connect)
            self.is_complete = True

    pool = Mine()
    assert _names(every) == ["Mine"]
    assert pool.is_complete
    assert [site.function for site in _made_at(every)] == ["test_class_of_application_is_watched"]


def test_recreated_pool_keeps_its_one_watch(every: WatchAll) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    before, (watched,) = engine.pool, every.watches
    engine.dispose()
    assert engine.pool is not before
    assert every.watches == (watched,)
    assert probe_of(engine.pool) is watched.probe
    with engine.connect() as connection:
        connection.execute(text("select 1"))
    engine.dispose()


def test_pool_recreated_from_an_older_one_is_watched(watches: Watches) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    with watch_all(watches) as every:
        assert _names(every) == []
        engine.dispose()
        assert len(every.watches) == 1
        assert probe_of(engine.pool) is every.watches[0].probe


def test_pool_that_was_there_stays_alone(watches: Watches) -> None:
    pool = QueuePool(_connect)
    with watch_all(watches) as every:
        assert _names(every) == []
        assert type(pool) is QueuePool


async def test_session_and_its_connector_are_one(every: WatchAll) -> None:
    async with aiohttp.ClientSession(base_url="http://bank.local:81/") as session:
        assert len(every.watches) == 1
        assert probe_of(session.connector) is every.watches[0].probe
        assert _names(every) == ["bank.local:81"]


async def test_connector_made_first_is_watched_once(every: WatchAll) -> None:
    connector = aiohttp.TCPConnector(limit=3)
    async with aiohttp.ClientSession(base_url="http://bank.local/", connector=connector):
        assert len(every.watches) == 1


async def test_connector_takes_its_sessions_name(every: WatchAll) -> None:
    connector = aiohttp.TCPConnector(limit=3)
    if not hasattr(probe_of(connector), "meet"):
        pytest.skip("the probe cannot meet the owner of its pool")
    async with aiohttp.ClientSession(base_url="http://bank.local/", connector=connector):
        assert _names(every) == ["bank.local:80"]


async def test_asyncpg_pool_is_watched_before_it_opens(every: WatchAll) -> None:
    pool = asyncpg.create_pool("postgresql://user:secret@db.local:5433/shop")
    assert _names(every) == ["db.local:5433/shop"]
    assert probe_of(pool) is not None


def test_constructor_that_fails_makes_no_watch(every: WatchAll) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'sise'"):
        QueuePool(_connect, sise=5)
    with pytest.raises(TypeError, match="Invalid argument"):
        create_engine("sqlite://", sise=5)
    assert _names(every) == []


def test_exception_has_one_frame_more_at_most(every: WatchAll) -> None:
    with pytest.raises(exc.ArgumentError, match="reset_on_return") as caught:
        NullPool(_connect, reset_on_return="sideways")  # type: ignore[arg-type]
    places = [entry.path for entry in caught.traceback]
    assert sum("pool-dashboard" in str(place) for place in places) == 1


@pytest.mark.parametrize(
    "kind",
    [Pool, QueuePool, asyncpg.Pool, aiohttp.BaseConnector, aiohttp.ClientSession],
    ids=lambda kind: kind.__module__ + "." + kind.__name__,
)
def test_constructor_looks_the_same(watches: Watches, kind: type[Any]) -> None:
    def looks() -> tuple[object, ...]:
        one = vars(kind)["__init__"]
        code = one.__code__
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        flags = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        names = one.__name__, one.__qualname__, one.__module__, one.__doc__
        return (*names, inspect.signature(one), given, flags, one.__defaults__)

    before, plain = looks(), vars(kind)["__init__"]
    with watch_all(watches):
        assert vars(kind)["__init__"] is not plain
        assert looks() == before
    assert vars(kind)["__init__"] is plain


async def test_librarys_warning_still_names_the_caller(every: WatchAll) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("user"))
    await session.close()
    files = {Path(each.filename).name for each in caught if "'auth'" in str(each.message)}
    assert files == {"test_births.py"}


def test_pool_is_not_kept_alive(every: WatchAll, watches: Watches) -> None:
    for _ in range(200):
        QueuePool(_connect)
    gc.collect()
    pool = QueuePool(_connect)
    assert [each.name for each, _ in watches.records()] == [_names(every)[-1]]
    assert probe_of(pool) is not None
    assert len(every._made) < 200


def test_limit_of_pools_is_counted(every: WatchAll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.watching_all.MOST", 2)
    pools = [QueuePool(_connect) for _ in range(5)]
    assert [type(pool) is QueuePool for pool in pools] == [False, False, True, True, True]
    assert every.skipped == 3


def test_threads_that_make_pools_get_names_of_their_own(every: WatchAll) -> None:
    pools: list[Pool] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        pools.extend(QueuePool(_connect) for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    numbers = [f" ({number})" for number in range(2, 41)]
    assert sorted(_names(every)) == sorted(f"QueuePool{number}" for number in ["", *numbers])


def test_failure_of_ours_stays_ours(watches: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with watch_all(watches) as every:
        monkeypatch.setattr(watches, "add", fail)
        assert QueuePool(_connect).checkedout() == 0
        monkeypatch.setattr("dashboard.probes._births._place", fail)
        assert QueuePool(_connect).checkedout() == 0
        assert (every.errors, every.last_error) == (2, "birth: MemoryError")


def test_constructor_without_code_is_wrapped(watches: Watches) -> None:
    class Plain:
        """A callable that is no function."""

        def __get__(self, pool: Any, kind: type | None = None) -> Callable[..., None]:
            return lambda *args, **kwargs: plain(pool, *args, **kwargs)

    plain: Callable[..., None] = vars(NullPool).get("__init__") or Pool.__init__
    odd: Any = Plain()
    with _constructor_replaced(Pool, odd), watch_all(watches) as every:
        pool = NullPool(_connect, recycle=5)
        assert pool._recycle == 5
        assert _names(every) == ["NullPool"]
