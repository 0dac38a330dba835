"""SQLAlchemy, plain, and by right: long, late, in other threads, and always returned."""

import asyncio
import queue
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from dashboard import expect

from .programs import SYNC, healthy
from .stages import WARM, SyncStage

QUERY = text("SELECT 1")


@healthy(SYNC, "heavy tail", slots=4)
def holds_have_a_heavy_tail(stage: SyncStage) -> None:
    """Work between statements takes milliseconds, sometimes a second, at times three."""
    random_of = random.Random(4)

    def order(pause: float) -> None:
        with stage.engine.connect() as connection:
            connection.execute(QUERY)
            time.sleep(pause)

    pauses = [0.01 * random_of.paretovariate(1.1) for _ in range(160)]
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(order, [min(pause, stage.long / 2) for pause in pauses]))
    order(stage.long)


@healthy(SYNC, "C-18", slots=3)
def burst_of_callers_queues_up(stage: SyncStage) -> None:
    """Forty callers at once for three slots, wave upon wave."""

    def order(_: int) -> None:
        with stage.engine.begin() as connection:
            connection.execute(text("SELECT pg_sleep(0.02)"))

    ends = time.monotonic() + stage.long
    with ThreadPoolExecutor(40) as callers:
        while time.monotonic() < ends:
            list(callers.map(order, range(40)))
            time.sleep(0.4)


@healthy(SYNC, "hand-over")
def one_thread_opens_another_closes(stage: SyncStage) -> None:
    """A reader thread opens and ends; a writer thread works with it for long and closes it."""

    def opened() -> Connection:
        connection = stage.engine.connect()
        connection.execute(QUERY)
        return connection

    def reader(handed: "queue.Queue[Connection]") -> None:
        handed.put(opened())

    stage.warm(lambda: opened().close())
    box: queue.Queue[Connection] = queue.Queue()
    thread = threading.Thread(target=reader, args=(box,), name="reader")
    thread.start()
    thread.join()
    connection = box.get()
    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        connection.execute(QUERY)
        time.sleep(0.4)
    connection.close()


@healthy(SYNC, "long query")
def query_takes_long_at_a_quick_site(stage: SyncStage) -> None:
    """The same line as always, but this customer has ten thousand orders."""

    def report(seconds: float = 0.0) -> None:
        with stage.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

    stage.warm(report)
    report(stage.long)


@healthy(SYNC, "nightly report")
def nightly_report_computes_while_it_holds(stage: SyncStage) -> None:
    """A line that runs once a night: two queries, and seconds of arithmetic between them."""
    with Session(stage.engine) as session:
        session.execute(QUERY)
        time.sleep(stage.long)
        session.execute(QUERY)


@healthy(SYNC, "nightly report")
def expected_report_at_a_quick_site(stage: SyncStage) -> None:
    """The line is quick all day; at night the same line says that it will be long."""

    def report(pause: float = 0.0) -> None:
        with stage.engine.connect() as connection:
            connection.execute(QUERY)
            time.sleep(pause)

    stage.warm(report)
    with expect(hold=600):
        report(stage.long)


@healthy(SYNC, "batch")
def batch_runs_many_short_statements(stage: SyncStage) -> None:
    """One hold, thousands of statements: long, but never quiet."""

    def batch(seconds: float = 0.0) -> None:
        with stage.engine.begin() as connection:
            connection.execute(QUERY)
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                connection.execute(QUERY)
                time.sleep(0.02)

    stage.warm(batch)
    batch(stage.long)


@healthy(SYNC, "advisory lock", options={"leak_after": 1.0})
def advisory_lock_is_held_while_it_leads(stage: SyncStage) -> None:
    """The leader keeps its connection as long as it leads, and says so."""
    with expect(hold=3600), stage.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(41)"))
        time.sleep(stage.long)
        connection.execute(text("SELECT pg_advisory_unlock(41)"))


@healthy(SYNC, "cursor")
def rows_are_read_slowly_from_a_cursor(stage: SyncStage) -> None:
    """A server-side cursor whose reader thinks about every page for a while."""

    def export(pause: float = 0.0) -> None:
        with stage.engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(text("SELECT generate_series(1, 50)"))
            for _ in result.partitions(10):
                time.sleep(pause)

    stage.warm(export)
    export(stage.long / 5)


@healthy(SYNC, "warm-up", slots=5)
def pool_is_warmed_up_at_once(stage: SyncStage) -> None:
    """Every slot is taken, and given back when the last one answers; then quick traffic."""
    opened = [stage.engine.connect() for _ in range(5)]
    for connection in opened:
        connection.execute(text("SELECT pg_sleep(0.2)"))
    for connection in opened:
        connection.close()
    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        with stage.engine.connect() as connection:
            connection.execute(QUERY)
        time.sleep(0.05)


@healthy(SYNC, "scoped session")
def scoped_session_belongs_to_a_worker(stage: SyncStage) -> None:
    """A worker thread keeps one session for a chain of jobs and removes it after the last."""
    sessions = scoped_session(sessionmaker(stage.engine))
    workers = ThreadPoolExecutor(1, thread_name_prefix="worker")

    def job() -> Any:
        return sessions.scalar(QUERY)

    for _ in range(WARM):
        workers.submit(job).result()
        workers.submit(sessions.remove).result()
    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        workers.submit(job).result()
        time.sleep(0.3)
    workers.submit(sessions.remove).result()
    workers.shutdown()


@healthy(SYNC, "nested", slots=4)
def audit_log_uses_a_second_connection(stage: SyncStage) -> None:
    """Nested, but the pool has room for it: a hazard at most."""

    def audit() -> None:
        with stage.engine.begin() as inner:
            inner.execute(QUERY)

    def handle() -> None:
        with stage.engine.begin() as outer:
            outer.execute(QUERY)
            audit()

    ends = time.monotonic() + stage.long
    while time.monotonic() < ends:
        handle()
        time.sleep(0.02)


@healthy(SYNC, "dispose")
def engine_is_disposed_while_it_works(stage: SyncStage) -> None:
    """New credentials: the old pool goes, its last connection finishes its work."""

    def work(seconds: float = 0.0) -> None:
        with stage.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(:half)"), {"half": seconds / 2})
            connection.execute(text("SELECT pg_sleep(:half)"), {"half": seconds / 2})

    stage.warm(work)
    thread = threading.Thread(target=work, args=(stage.long,), name="last one")
    thread.start()
    time.sleep(0.3)
    stage.engine.dispose()
    work()
    thread.join()


@healthy(SYNC, "LISTEN")
def driver_waits_for_notifications(stage: SyncStage) -> None:
    """The driver itself reads the socket: the pool's library sees no statement."""
    raw = stage.engine.raw_connection()
    connection = raw.driver_connection
    assert connection is not None
    connection.autocommit = True
    connection.execute("LISTEN orders")
    assert list(connection.notifies(timeout=stage.long)) == []
    connection.autocommit = False
    raw.close()


@healthy(SYNC, "C-18", slots=1, timeout=0.2)
def callers_give_up_in_a_rush(stage: SyncStage) -> None:
    """Too much load for one slot: time-outs, but whatever was taken comes back."""

    def order(_: int) -> None:
        with suppress(PoolTimeout), stage.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(0.15)"))

    ends = time.monotonic() + stage.long
    with ThreadPoolExecutor(8) as callers:
        while time.monotonic() < ends:
            list(callers.map(order, range(8)))


@healthy(SYNC, "dependency")
def each_step_runs_in_the_next_free_thread(stage: SyncStage) -> None:
    """An asynchronous handler with a plain driver: open, ask and close in worker threads."""

    async def handle(seconds: float = 0.0) -> None:
        session = Session(stage.engine)
        ends = time.monotonic() + seconds
        await asyncio.to_thread(session.execute, QUERY)
        while time.monotonic() < ends:
            await asyncio.sleep(0.3)
            await asyncio.to_thread(session.execute, QUERY)
        await asyncio.to_thread(session.close)

    stage.warm(lambda: asyncio.run(handle()))
    asyncio.run(handle(stage.long))
