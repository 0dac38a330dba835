"""How it ends: identical constructors, other parties, other dashboards, forks."""

import os
import sys
import time
from typing import Any

import pytest
from aiohttp import BaseConnector, ClientSession
from asyncpg import Pool as AsyncpgPool
from sqlalchemy import Engine, QueuePool
from sqlalchemy.pool import Pool

from dashboard.probes._births import BIRTHS
from dashboard.watching import Watches
from dashboard.watching_all import stop_all, watch_all

_KINDS: list[type[Any]] = [Pool, QueuePool, Engine, AsyncpgPool, BaseConnector, ClientSession]


def _connect() -> Any:
    raise AssertionError("nobody connects here")


def _constructors() -> list[object]:
    return [vars(kind)["__init__"] for kind in _KINDS]


def test_stopping_restores_identical_constructors(watches: Watches) -> None:
    before, finders = _constructors(), list(sys.meta_path)
    every = watch_all(watches)
    assert [now is then for now, then in zip(_constructors(), before, strict=True)] == [False] * 6
    every.stop()
    every.stop()
    assert [now is then for now, then in zip(_constructors(), before, strict=True)] == [True] * 6
    assert sys.meta_path == finders
    assert BIRTHS._wrapped == []


def test_stopping_ends_the_watches_it_made(watches: Watches) -> None:
    by_hand = QueuePool(_connect)
    mine = watches.add(by_hand, "mine")
    with watch_all(watches) as every:
        pool = QueuePool(_connect)
        (watched,) = every.watches
    assert (every.is_stopped, watched.is_stopped, mine.is_stopped) == (True, True, False)
    assert type(pool) is QueuePool
    assert [each.name for each, _ in watches.records()] == ["mine"]
    assert repr(every) == "<WatchAll: stopped>"


def test_twice_is_the_same(watches: Watches) -> None:
    every = watch_all(watches)
    assert watch_all(watches) is every
    pool = QueuePool(_connect)
    assert [each.name for each in every.watches] == ["QueuePool"]
    assert repr(every) == "<WatchAll: 1 pools>"
    stop_all(watches)
    stop_all(watches)
    assert type(pool) is QueuePool
    again = watch_all(watches)
    assert again is not every
    again.stop()


def test_two_dashboards_share_the_constructors(watches: Watches) -> None:
    other = Watches(time.monotonic)
    plain = Pool.__init__
    first, second = watch_all(watches), watch_all(other)
    pool = QueuePool(_connect)
    assert first.watches[0].probe is second.watches[0].probe
    first.stop()
    assert Pool.__init__ is not plain
    assert type(pool) is not QueuePool
    assert len(second.watches) == 1
    second.stop()
    assert Pool.__init__ is plain
    assert type(pool) is QueuePool


def test_other_partys_wrapper_stays_and_passes_through(
    watches: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = QueuePool.__init__
    calls = []
    every = watch_all(watches)
    ours: Any = QueuePool.__init__

    def theirs(self: QueuePool, *args: Any, **kwargs: Any) -> None:
        calls.append(args)
        ours(self, *args, **kwargs)

    monkeypatch.setattr(QueuePool, "__init__", theirs)
    every.stop()
    assert QueuePool.__init__ is theirs
    assert type(QueuePool(_connect)) is QueuePool
    with watch_all(watches) as again:
        pool = QueuePool(_connect)
        assert len(again.watches) == 1
        assert type(pool) is not QueuePool
    assert QueuePool.__init__ is theirs
    assert calls == [(_connect,), (_connect,)]
    monkeypatch.undo()  # Puts back what they had found: ours, which only passes through.
    assert QueuePool.__init__ is ours
    watch_all(watches).stop()
    assert QueuePool.__init__ is plain


@pytest.mark.parametrize("value", ["1", "yes"])
def test_disabled_touches_nothing(
    watches: Watches, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_DISABLED", value)
    before, finders = _constructors(), list(sys.meta_path)
    with watch_all(watches) as every:
        assert every.is_stopped
        assert [now is then for now, then in zip(_constructors(), before, strict=True)] == (
            [True] * 6
        )
        assert sys.meta_path == finders
    assert watch_all(watches) is not every
    stop_all(watches)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_of_a_fork_goes_on(watches: Watches) -> None:
    with watch_all(watches) as every:
        parent = QueuePool(_connect)
        reading, writing = os.pipe()
        with every._lock:  # As if another thread were making a pool.
            BIRTHS.under_way.add(id(parent))
            child = os.fork()
            if not child:
                pool = QueuePool(_connect)
                os.write(writing, f"{len(every.watches)} {type(pool) is QueuePool}".encode())
                os._exit(0)
            BIRTHS.under_way.clear()
        os.waitpid(child, 0)
        assert os.read(reading, 100).decode() == "2 False"
        assert len(every.watches) == 1
        os.close(reading)
        os.close(writing)
