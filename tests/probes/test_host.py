"""The host never notices: its results, exceptions, memory, threads and child processes."""

import asyncio
import gc
import os
import pickle
import sqlite3
import sys
import threading
import time
import traceback
import weakref
from typing import Any

import pytest
from sqlalchemy import create_engine, event, exc, pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from dashboard.probes import tap
from dashboard.probes.sinks import Tee
from dashboard.probes.swap import probe_of

from .contract import EmitterEyes, LedgerEyes


def _connect() -> Any:
    return sqlite3.connect(":memory:", check_same_thread=False)


def _refuse(*_: object) -> None:
    raise OSError("refused")


def _engine(**options: Any) -> Any:
    return create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=2, max_overflow=0, pool_timeout=0.01, **options
    )


@pytest.mark.parametrize("pre_ping", [False, True])
def test_exception_is_the_hosts_own(pre_ping: bool) -> None:  # noqa: FBT001
    def fail(engine: Any) -> list[str]:
        event.listen(engine, "do_connect", _refuse)
        with pytest.raises(OSError, match="refused") as caught:
            engine.raw_connection()
        return [each.name for each in traceback.extract_tb(caught.tb)]

    bare, watched = _engine(pool_pre_ping=pre_ping), _engine(pool_pre_ping=pre_ping)
    tapped = tap(watched, LedgerEyes().sink)
    plain, ours = fail(bare), fail(watched)
    assert len(plain) <= len(ours) <= len(plain) + 1
    assert [name for name in ours if name != "connect"] == [n for n in plain if n != "connect"]
    tapped.remove(tapped.sinks[0])


def test_pool_passes_for_itself() -> None:
    engine = _engine()
    engine.connect().close()
    its = engine.pool
    before = (its.__class__, repr(its)[:40], its.status(), str(engine), hash(its))
    with pytest.raises(Exception, match=r".") as unpicklable:
        pickle.dumps(engine)
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)
    assert (its.__class__, repr(its)[:40], its.status(), str(engine), hash(its)) == before
    assert isinstance(its, QueuePool)
    assert type(its.recreate()) is not type(its)
    with pytest.raises(type(unpicklable.value)):
        pickle.dumps(engine)
    tapped.remove(eyes.sink)
    engine.dispose()


def test_class_swapped_after_us_survives() -> None:
    its = QueuePool(_connect)
    eyes = LedgerEyes()
    tapped = tap(its, eyes.sink)
    theirs = type("Theirs", (type(its),), {})
    its.__class__ = theirs
    its.connect().close()
    assert (eyes.returned, probe_of(its)) == (1, tapped.probe)
    tapped.remove(eyes.sink)
    assert type(its) is theirs
    its.connect().close()
    assert (eyes.returned, probe_of(its)) == (1, None)
    its.dispose()


def test_threads_leave_no_trace() -> None:
    its = QueuePool(_connect, pool_size=4, max_overflow=2, timeout=10)
    eyes = LedgerEyes()
    failed: list[BaseException] = []

    def hammer() -> None:
        try:
            for turn in range(150):
                connection = its.connect()
                if turn % 50 == 49:
                    connection.invalidate()
                connection.close()
        except BaseException as error:  # noqa: BLE001 -- told to the test
            failed.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=hammer) for _ in range(16)]
    try:
        for thread in threads[:8]:
            thread.start()
        tapped = tap(its, eyes.sink)  # in the middle of it
        for thread in threads[8:]:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failed == []
    assert (eyes.used, eyes.waiting, eyes.errors) == (0, 0, 0)
    assert (its.checkedout(), its.checkedin()) == (0, eyes.idle)
    assert eyes.sites == []
    tapped.remove(eyes.sink)
    its.dispose()


def test_owner_is_the_thread() -> None:
    its = QueuePool(_connect)
    eyes = EmitterEyes()
    tapped = tap(its, eyes.sink)
    thread = threading.Thread(target=lambda: its.connect().close(), name="worker-7")
    thread.start()
    thread.join()
    (got,) = eyes.of("CheckedOut")
    assert (got.owner.kind, got.owner.name) == ("thread", "worker-7")
    tapped.remove(eyes.sink)
    its.dispose()


@pytest.mark.parametrize("kind", [pool.QueuePool, pool.NullPool, pool.StaticPool])
def test_two_hundred_rounds_leave_nothing(kind: type[Any]) -> None:
    refs = []

    def round_trip() -> None:
        engine = create_engine("sqlite://", poolclass=kind)
        sink = LedgerEyes().sink
        tap(engine, sink)
        engine.connect().close()
        engine.dispose()
        engine.connect().close()
        refs.append(weakref.ref(engine.pool))

    for _ in range(20):
        round_trip()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        round_trip()
    gc.collect()
    assert [ref() for ref in refs if ref() is not None] == []
    assert len(gc.get_objects()) - before < 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_child_has_its_own_counts() -> None:
    engine = _engine()
    eyes = LedgerEyes()
    tapped = tap(engine, eyes.sink)
    held = engine.connect()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            eyes.record.reset()
            engine.dispose(close=False)
            tapped.probe.adopt(eyes.sink)
            inner = engine.connect()
            first = (eyes.used, eyes.idle)
            inner.close()
            told = f"{first} {(eyes.used, eyes.idle)} {eyes.returned} {eyes.errors}"
            os.write(writable, told.encode())
        finally:
            os._exit(0)
    os.close(writable)
    os.waitpid(child, 0)
    assert os.read(readable, 100) == b"(1, 0) (0, 1) 1 0"
    os.close(readable)
    assert (eyes.used, eyes.returned) == (1, 0)
    held.close()
    assert (eyes.used, eyes.idle, eyes.returned) == (0, 1, 1)
    tapped.remove(eyes.sink)
    engine.dispose()


def test_reading_does_not_create_the_queue() -> None:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool)
    tapped = tap(engine, LedgerEyes().sink)
    assert tapped.probe.own_counts() == (0, 0)
    assert "_queue" not in vars(vars(engine.pool)["_pool"])
    tapped.remove(tapped.sinks[0])


def test_interrupts_pass_through() -> None:
    for error in (KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(1)):
        engine, eyes = _engine(), LedgerEyes()
        tapped = tap(engine, eyes.sink)

        def interrupt(*_: object, error: BaseException = error) -> None:
            raise error

        event.listen(engine, "do_connect", interrupt)
        with pytest.raises(type(error)) as caught:
            engine.raw_connection()
        assert caught.value is error
        assert (eyes.failures, eyes.used, eyes.waiting) == ({"cancelled": 1}, 0, 0)
        tapped.remove(eyes.sink)


def test_timeout_is_the_librarys_own() -> None:
    engine = _engine()
    tapped = tap(engine, Tee([LedgerEyes().sink, EmitterEyes().sink]))
    out = [engine.connect(), engine.connect()]
    began = time.monotonic()
    with pytest.raises(exc.TimeoutError, match="QueuePool limit of size 2 overflow 0 reached"):
        engine.connect()
    assert time.monotonic() - began < 2
    for connection in out:
        connection.close()
    tapped.remove(tapped.sinks[0])
    engine.dispose()
