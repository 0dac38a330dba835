"""Sinks that are no ledger: events for a callable, and several sinks at once."""

import gc
import itertools
import sqlite3
import weakref
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from dashboard.model.claim import Connection, new_claim
from dashboard.model.errors import DashboardError
from dashboard.model.events import PoolEvent
from dashboard.probes import tap
from dashboard.probes.emitter import Emitter
from dashboard.probes.frames import NOWHERE
from dashboard.probes.owners import NOBODY
from dashboard.probes.sinks import Tee

from .contract import EmitterEyes, LedgerEyes


def _pool(size: int = 2) -> QueuePool:
    creator: Any = sqlite3.connect
    return QueuePool(lambda: creator(":memory:"), pool_size=size, max_overflow=0)


def _emitter() -> tuple[Emitter, list[Any]]:
    seen: list[PoolEvent] = []
    ticks = itertools.count(1)
    return Emitter("orders", seen.append, lambda: float(next(ticks))), seen


def test_use_counts_in_close_event() -> None:
    pool, eyes = _pool(), EmitterEyes()
    tap(pool, eyes.sink)
    for _ in range(3):
        pool.connect().close()
    pool.dispose()
    assert [(each.reason, each.uses) for each in eyes.of("ConnectionClosed")] == [
        ("pool_closed", 3)
    ]


def test_created_and_ready_share_number() -> None:
    emitter, seen = _emitter()
    for connection in (77, 78):
        emitter.creating(connection)
        emitter.created(connection, Connection(0.0))
    assert [each.connection for each in seen] == [1, 1, 2, 2]


def test_failed_connects_are_not_kept() -> None:
    emitter, _ = _emitter()
    for connection in range(5000):
        emitter.creating(connection)
    assert len(emitter._opening) <= 1001


def test_raising_callable_is_counted_only() -> None:
    def refuse(_: PoolEvent) -> None:
        raise RuntimeError

    pool = _pool()
    emitter = Emitter("orders", refuse, lambda: 0.0)
    tapped = tap(pool, emitter)
    pool.connect().close()
    assert emitter.errors == 5
    tapped.remove(emitter)
    pool.dispose()


def test_callable_may_use_the_pool() -> None:
    pool = _pool()
    seen: list[str] = []

    def nest(event: PoolEvent) -> None:
        seen.append(event.kind)
        if seen.count("CheckedIn") == 1 and event.kind == "CheckedIn":
            pool.connect().close()

    tapped = tap(pool, Emitter("orders", nest, lambda: 0.0))
    pool.connect().close()
    assert seen[4:] == [
        "CheckedIn",
        "CheckoutStarted",
        "ConnectionCreated",
        "ConnectionReady",
        "CheckedOut",
        "CheckedIn",
    ]
    tapped.remove(tapped.sinks[0])
    pool.dispose()


def test_return_after_clear_is_told() -> None:
    emitter, seen = _emitter()
    claim = new_claim(0.0, NOWHERE, NOBODY, None)
    emitter.asked(claim)
    emitter.got(claim, 5, 5)
    emitter.cleared()
    assert emitter.returned(5) is False
    assert emitter.returned(5) is True
    assert [each.kind for each in seen] == [
        "CheckoutStarted",
        "CheckedOut",
        "PoolCleared",
        "CheckedIn",
    ]


def test_waiting_claim_outlives_its_sinks() -> None:
    first, seen_first = _emitter()
    second, seen_second = _emitter()
    sinks: list[Any] = [first, second]
    tee = Tee(sinks)
    claim = new_claim(0.0, NOWHERE, NOBODY, None)
    tee.asked(claim)
    sinks.remove(first)
    tee.got(claim, 5, 5)
    tee.returned(5)
    assert [each.kind for each in seen_first] == ["CheckoutStarted"]
    assert [each.kind for each in seen_second] == ["CheckoutStarted", "CheckedOut", "CheckedIn"]
    assert tee._copies == {}


def test_each_sink_has_its_own_clock() -> None:
    early: list[Any] = []
    late: list[Any] = []
    tee = Tee([Emitter("a", early.append, lambda: 10.0), Emitter("b", late.append, lambda: 1010.0)])
    claim = new_claim(9.0, NOWHERE, NOBODY, None)
    tee.asked(claim)
    tee.got(claim, 5, 5)
    assert [(each.at, getattr(each, "wait_time", None)) for each in early] == [
        (9.0, None),
        (10.0, 1.0),
    ]
    assert [(each.at, getattr(each, "wait_time", None)) for each in late] == [
        (1009.0, None),
        (1010.0, 1.0),
    ]


def test_empty_slot_stays_empty_in_tee() -> None:
    first, second = LedgerEyes(), LedgerEyes()
    facts = Connection(0.0)
    facts.is_open = False
    Tee([first.sink, second.sink]).known(5, facts)
    assert [eyes.sink.connections[5].is_open for eyes in (first, second)] == [False, False]


def test_second_sink_begins_with_what_is_out() -> None:
    pool = _pool()
    first, second = LedgerEyes(), LedgerEyes()
    tapped = tap(pool, first.sink)
    held = pool.connect()
    assert tap(pool, second.sink) is tapped
    assert (first.used, second.used) == (1, 1)
    held.close()
    assert (first.idle, second.idle) == (1, 1)
    assert (first.errors, second.errors, second.sink.unmatched) == (0, 0, 0)
    assert (tapped.remove(first.sink), tapped.remove(second.sink)) == (False, True)
    pool.dispose()


def test_nothing_is_told_after_stop() -> None:
    pool, eyes = _pool(), EmitterEyes()
    tapped = tap(pool, eyes.sink)
    held = pool.connect()
    tapped.remove(eyes.sink)
    told = len(eyes.seen)
    held.close()
    pool.connect().close()
    pool.dispose()
    assert len(eyes.seen) == told


def test_removed_sink_is_collected() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    first, second = LedgerEyes(), LedgerEyes()
    tapped = tap(engine, first.sink)
    tap(engine, second.sink)
    tapped.remove(first.sink)
    ref = weakref.ref(first.record)
    del first
    gc.collect()
    assert ref() is None
    tapped.remove(second.sink)


def test_unsupported_object_is_named() -> None:
    with pytest.raises(DashboardError, match=r"^no probe for builtins\.dict; supported: .*sqlalc"):
        tap({}, LedgerEyes().sink)
