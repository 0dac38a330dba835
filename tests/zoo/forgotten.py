"""SQLAlchemy, plain: connections and sessions that nobody closes."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from .programs import SYNC, leak
from .stages import SyncStage

QUERY = text("SELECT 1")
ROWS = text("SELECT generate_series(1, 3)")


@leak(SYNC, "C-1", "lost")
def returns_early_without_closing(stage: SyncStage) -> None:
    """One branch returns before `close()`: the connection goes out of scope while it is out."""

    def price(*, is_gift: bool = False) -> Any:
        connection = stage.engine.connect()  # leak
        found = connection.scalar(QUERY)
        if is_gift:
            return 0
        connection.close()
        return found

    stage.warm(price)
    price(is_gift=True)
    stage.gone()


@leak(SYNC, "C-5", "overdue")
def skips_the_close_when_a_handler_fails(stage: SyncStage) -> None:
    """A dependency without try/finally; the error log keeps the traceback and so the session."""

    def database() -> Iterator[Session]:
        session = Session(stage.engine)
        yield session
        session.close()

    def handle(*, fails: bool = False) -> None:
        opened = database()
        next(opened).execute(QUERY)  # leak
        if fails:
            raise LookupError("no such order")
        next(opened, None)

    stage.warm(handle)
    try:
        handle(fails=True)
    except LookupError as error:
        stage.keep(error)


@leak(SYNC, "C-5", "overdue")
def never_finishes_its_generator(stage: SyncStage) -> None:
    """Who reads the rows stops after the first, and the generator stays in a cache."""

    def rows() -> Iterator[Any]:
        with stage.engine.connect() as connection:  # leak
            yield from connection.scalars(ROWS).all()

    stage.warm(lambda: list(rows()))
    next(stage.keep(rows()))


@leak(SYNC, "C-1", "overdue")
def keeps_a_session_in_a_global_list(stage: SyncStage) -> None:
    """A session is put aside "for later" and never looked at again."""

    def handle(later: list[Session] | None = None) -> None:
        session = Session(stage.engine)
        session.execute(QUERY)  # leak
        if later is None:
            session.close()
        else:
            later.append(session)

    stage.warm(handle)
    handle(later=stage.kept)


@leak(SYNC, "C-13", "orphaned", "overdue")
def thread_ends_and_its_connection_stays(stage: SyncStage) -> None:
    """A thread hands its connection to a registry, ends, and nobody comes for it."""
    registry: list[Connection] = stage.kept

    def work(*, forgets: bool = False) -> None:
        connection = stage.engine.connect()  # leak
        connection.execute(QUERY)
        if forgets:
            registry.append(connection)
        else:
            connection.close()

    stage.warm(work)
    thread = threading.Thread(target=work, kwargs={"forgets": True}, name="importer")
    thread.start()
    thread.join()


@leak(SYNC, "C-13", "lost")
def thread_local_connection_dies_with_its_thread(stage: SyncStage) -> None:
    """A thread for each request, a connection for each thread: the thread takes it along."""
    local = threading.local()

    def work(*, closes: bool = False) -> None:
        local.connection = stage.engine.raw_connection()  # leak
        local.connection.cursor().execute("SELECT 1")
        if closes:
            local.connection.close()

    stage.warm(lambda: work(closes=True))
    thread = threading.Thread(target=work, name="request 41")
    thread.start()
    thread.join()
    del thread
    stage.gone()


@leak(SYNC, "C-21", "lost")
def connection_dies_in_a_cycle(stage: SyncStage) -> None:
    """An object that knows itself holds the connection: only the garbage collector ends it."""

    class Repository:
        def __init__(self) -> None:
            self.connection = stage.engine.connect()  # leak
            self.connection.execute(QUERY)
            self.find = self.look_up

        def look_up(self) -> Any:
            return self.connection.scalar(QUERY)

    def handle() -> None:
        Repository().connection.close()

    stage.warm(handle)
    Repository().find()
    time.sleep(0.3)
    stage.gone()


@leak(SYNC, "C-5", "overdue", slots=3)
def loses_one_connection_in_two_hundred(stage: SyncStage) -> None:
    """A rare branch (a coupon that was used up) keeps the session of its order."""

    def order(number: int) -> None:
        session = Session(stage.engine)
        session.execute(QUERY)  # leak
        if number % 200 == 199:
            stage.keep(session)
        else:
            session.close()

    for number in range(400):
        order(number)
    stage.planted_at = time.monotonic()


@leak(SYNC, "C-1", "overdue")
def scoped_session_is_never_removed(stage: SyncStage) -> None:
    """The worker thread of a pool lives on, and with it the session of its last job."""
    sessions = scoped_session(sessionmaker(stage.engine))
    workers = ThreadPoolExecutor(1, thread_name_prefix="worker")

    def job(*, forgets: bool = False) -> None:
        sessions.execute(QUERY)  # leak
        if not forgets:
            sessions.remove()

    stage.warm(lambda: workers.submit(job).result())
    workers.submit(job, forgets=True).result()
    stage.wait_for_verdict()
    workers.submit(sessions.remove).result()
    workers.shutdown()


@leak(SYNC, "C-10", "lost")
def retry_forgets_the_first_attempt(stage: SyncStage) -> None:
    """After an error the loop asks for a new connection and drops the one that it has."""

    def save(statement: str = "SELECT 1") -> None:
        for attempt in (statement, "SELECT 2"):
            connection = stage.engine.connect()  # leak
            try:
                connection.exec_driver_sql(attempt)
            except DBAPIError:
                continue
            connection.close()
            return

    stage.warm(save)
    save("SELECT 1/0")
    stage.gone()


@leak(SYNC, "C-3", "overdue", options={"leak_after": 1.0})
def first_run_of_a_job_never_closes(stage: SyncStage) -> None:
    """A line without a past; only a fixed bound finds it early."""
    session = stage.keep(Session(stage.engine))
    session.execute(QUERY)  # leak
    stage.planted_at = time.monotonic()


@leak(SYNC, "C-13", "orphaned")
def first_thread_of_a_line_ends_without_closing(stage: SyncStage) -> None:
    """A line without a past; that its thread has ended is enough."""

    def work() -> None:
        connection = stage.keep(stage.engine.connect())  # leak
        connection.execute(QUERY)

    thread = threading.Thread(target=work, name="one-off")
    thread.start()
    thread.join()
    stage.planted_at = time.monotonic()
