"""What a pool looked like when it ran out: real pools, real time-outs, and nobody has to look."""

import asyncio
import gc
import json
import os
import re
import threading
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dashboard import Dashboard
from dashboard.demo.postgres import Postgres

from .conftest import Dash, MakeEngine
from .given import Clock, ask, eventually
from .running_out import QUICK, all_out, charge, only, refuse


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(**QUICK)


def test_timeout_is_an_incident(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with all_out(engine):
        refuse(engine, 3)
    incident = only(dash)
    assert (incident.pool, incident.cause, incident.timeouts) == ("orders", "timeout", 3)
    assert incident.ended_at is None
    assert re.fullmatch(r"orders-\d{8}-\d{6}", incident.id)
    assert re.fullmatch(
        r"orders ran out at \d\d:\d\d:\d\d: 2 of 2 connections were out, both at "
        r"tests/app/running_out\.py:\d+ charge, held for [\d. ms to]+; "
        r"3 callers timed out within a second\.",
        incident.sentence,
    ), incident.sentence
    frozen = incident.snapshot
    assert (frozen.used, frozen.idle, frozen.pending_requests, frozen.timeouts) == (2, 0, 1, 0)
    assert [each.call_site.function for each in frozen.open] == ["charge", "charge"]
    assert [each.call_site.function for each in frozen.waiting] == ["refuse"]
    assert frozen.waiting[0].waited_for >= 0.05
    assert frozen.config["pool_timeout"] == 0.05
    assert frozen.at is not None
    assert frozen.at - incident.at < timedelta(seconds=0.01)
    assert [each.kind for each in incident.events] == [
        "PoolOpened",
        *["ConnectionCreated", "ConnectionReady", "CheckedOut"] * 2,
    ]
    assert dash.snapshot().pools["orders"].used == 0


def test_threads_that_wait_are_one_incident(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_timeout=0.2)
    dash.watch(engine, name="orders")
    gave_up: list[BaseException] = []

    def pay() -> None:
        try:
            engine.connect()
        except PoolTimeoutError as error:
            gave_up.append(error)

    threads = [threading.Thread(target=pay, name=f"till {number}") for number in range(8)]
    with all_out(engine):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    incident = only(dash)
    assert (incident.timeouts, len(gave_up)) == (8, 8)
    seen = {each.owner.name for each in incident.snapshot.waiting}
    assert seen == {thread.name for thread in threads}


def test_two_episodes_are_two(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    with all_out(engine):
        refuse(engine, 2)
        clock.advance(61)
        refuse(engine)
    latest, first = dash.incidents()
    assert (first.timeouts, latest.timeouts) == (2, 1)
    assert first.ended_at == first.at
    assert latest.ended_at is None
    assert latest.snapshot.open[0].held_for == 61
    clock.advance(61)
    assert [each.ended_at is not None for each in dash.incidents()] == [True, True]


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/api/pools"])
def test_whoever_looks_finds_exhaustion(
    make_dash: Dash, make_engine: MakeEngine, clock: Clock, path: str
) -> None:
    dash = make_dash(clock=clock, allow_unauthenticated=True)
    engine = make_engine(pool_timeout=60)
    watch = dash.watch(engine, name="orders")
    waiter = threading.Thread(target=lambda: engine.connect().close())
    with all_out(engine):
        waiter.start()
        eventually(lambda: watch.probe.tap.sink.live.pending)  # type: ignore[union-attr]
        ask(dash, path)
        clock.advance(1.5)
        ask(dash, path)
        clock.advance(0.5)
    waiter.join()
    incident = only(dash)
    assert (incident.cause, incident.timeouts) == ("exhausted", 0)
    assert incident.sentence.endswith("; 1 caller was waiting, the longest for 1.5 s.")
    clock.advance(61)
    assert only(dash).sentence.endswith("for 1.5 s, and nobody timed out.")


async def test_asyncpg_timeout_is_an_incident(dash: Dashboard, postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
        dash.watch(pool, name="ledger")
        async with pool.acquire() as connection:
            pid = connection.get_server_pid()
            with pytest.raises(TimeoutError):
                await pool.acquire(timeout=0.05)
        incident = only(dash)
        assert (incident.cause, incident.timeouts) == ("timeout", 1)
        (holder,) = incident.snapshot.open
        assert (holder.backend_pid, holder.connection) == (pid, 1)
        dash.stop()


def test_what_is_lost_later_is_not_in_it(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    with all_out(engine):
        refuse(engine)
    clock.advance(1)
    charge(engine)  # Nobody keeps it.
    gc.collect()
    assert len(dash.snapshot().pools["orders"].recently_lost) == 1
    assert only(dash).snapshot.recently_lost == ()


def test_stopped_watch_leaves_its_incidents(dash: Dashboard, engine: Engine) -> None:
    watch = dash.watch(engine, name="orders")
    with all_out(engine):
        refuse(engine)
    watch.stop()
    incident = only(dash)
    assert (incident.pool, incident.timeouts) == ("orders", 1)
    assert incident.ended_at is not None
    assert incident.snapshot.used == 2


def test_failing_black_box_leaves_the_host_alone(dash: Dashboard, engine: Engine) -> None:
    def fails(_: object) -> list[Callable[[], tuple[()]]]:
        raise ZeroDivisionError

    dash.watch(engine, name="orders")
    ((_, record),) = dash._watches.records()
    record.box.doing = fails
    with all_out(engine):
        refuse(engine)
    assert dash.incidents() == []
    pool = dash.snapshot().pools["orders"]
    assert (pool.timeouts, pool.probe_errors) == (1, 1)


def test_child_begins_with_none(dash: Dashboard, engine: Engine) -> None:
    def refused() -> int:
        refuse(engine)
        return len(dash.incidents())

    dash.watch(engine, name="orders")
    with all_out(engine):
        refuse(engine)
        assert in_a_child(lambda: len(dash.incidents())) == 0
        assert in_a_child(refused) == 1
    assert len(dash.incidents()) == 1


def in_a_child(answer: Callable[[], object]) -> object:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sink, json.dumps(answer()).encode())
        except BaseException as error:  # noqa: BLE001 -- the child must end here
            os.write(sink, json.dumps(f"child: {error!r}").encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    return said


def test_incidents_count_as_memory(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    with all_out(engine):
        for _ in range(3):
            refuse(engine)
            clock.advance(61)
            dash.snapshot()
    kept = [episode.memory for episode in dash._watches.shelf.episodes]
    assert len(kept) == 3
    assert all(1000 < each < 4000 for each in kept), kept
    ((_, record),) = dash._watches.records()
    compared = dash._reader._comparing.memory
    assert dash.snapshot().overhead.memory == record.memory + sum(kept) + compared


async def test_caller_that_waits_under_a_deadline_of_its_own_is_an_incident(
    make_dash: Dash, postgres: Postgres, clock: Clock
) -> None:
    """`asyncio.wait_for(pool.acquire(), …)`: to the pool it is a cancellation, and nobody looks."""
    dash = make_dash(clock=clock)
    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
        dash.watch(pool, name="ledger")
        async with pool.acquire():
            for seconds in (0.5, 2.0):
                asks = asyncio.create_task(pool._acquire(None), name=f"asks for {seconds}")
                await asyncio.sleep(0)
                clock.advance(seconds)
                asks.cancel()
                await asyncio.gather(asks, return_exceptions=True)
        incident = only(dash)
        assert (incident.cause, incident.timeouts) == ("long_wait", 0)
        assert [each.owner.name for each in incident.snapshot.waiting] == ["asks for 2.0"]
        assert len(incident.snapshot.open) == 1
        dash.stop()
