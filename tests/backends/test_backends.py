"""The server's own view, from a real PostgreSQL."""

import asyncio
import os
import threading
import time
from collections.abc import Callable

import asyncpg
import pytest

from dashboard.backends import Backends, _by_psycopg
from dashboard.demo.postgres import Postgres
from dashboard.model.backends import Activity
from dashboard.model.errors import DashboardError


def until(seen: Callable[[], Activity], right: Callable[[Activity], bool]) -> Activity:
    """Look until it is as it should be, ten seconds at most."""
    deadline = time.monotonic() + 60
    activity = seen()
    while not right(activity) and time.monotonic() < deadline:
        time.sleep(0.05)
        activity = seen()
    assert right(activity), activity
    return activity


async def test_idle_in_transaction_is_seen(postgres: Postgres) -> None:
    backends = Backends(postgres.dsn(), show_queries=True)
    connection = await asyncpg.connect(postgres.dsn())
    try:
        await connection.execute("begin")
        await connection.execute("select 'secret', 42")
        pid = connection.get_server_pid()
        activity = await asyncio.to_thread(backends.look)
    finally:
        await connection.close()
        backends.stop()
    found = activity.backends[pid]
    assert (found.state, found.query, found.wait) == (
        "idle in transaction",
        "select ?, ?",
        "Client: ClientRead",
    )
    assert found.since is not None
    assert found.in_transaction is not None
    assert 0 <= found.since <= found.in_transaction < 10
    assert activity.max_connections is not None
    assert activity.max_connections > activity.reserved >= 3
    assert (activity.error, activity.asked_ago is not None) == ("", True)


async def test_event_loop_is_not_kept_waiting(postgres: Postgres) -> None:
    backends = Backends(postgres.dsn())
    assert backends.look() == Activity()
    await asyncio.to_thread(until, backends.look, lambda seen: seen.asked_ago is not None)
    backends.stop()


def test_looks_leave_no_connection_and_no_query(postgres: Postgres) -> None:
    backends = Backends(postgres.dsn())
    backends.look()
    activity = until(backends.look, lambda seen: seen.asked_ago is not None)
    assert {each.query for each in activity.backends.values()} <= {""}
    backends.stop()

    async def ours() -> int:
        connection = await asyncpg.connect(postgres.dsn())
        count = "select count(*) from pg_stat_activity where application_name = 'pool-dashboard'"
        try:
            return int(await connection.fetchval(count))
        finally:
            await connection.close()

    assert asyncio.run(ours()) == 0


def test_one_look_serves_many_readers(postgres: Postgres) -> None:
    backends = Backends(postgres.dsn())
    first = backends.look()
    again = [backends.look().backends for _ in range(20)]
    assert all(each is first.backends for each in again)
    backends.stop()
    assert not [each for each in threading.enumerate() if each.name == "pool-dashboard"]


def test_server_that_is_away_is_told_without_its_address() -> None:
    backends = Backends("postgresql://who:secret@127.0.0.1:1/none")
    activity = until(backends.look, lambda seen: bool(seen.error))
    assert activity.error.startswith("the server did not answer: ")
    assert "secret" not in activity.error
    backends.stop()


def test_both_drivers_answer_the_same(postgres: Postgres) -> None:
    rows, limits = _by_psycopg(postgres.dsn(), show=True)
    assert {"pid", "state", "wait", "query"} <= set(
        next(iter(rows), {"pid", "state", "wait", "query"})
    )
    assert limits["most"] > limits["reserved"]


@pytest.mark.parametrize("dsn", [5, "", "mysql://a@b/c", "secret"])
def test_wrong_dsn_is_refused_unseen(dsn: object) -> None:
    with pytest.raises(DashboardError, match="backends takes the DSN of a PostgreSQL") as refused:
        Backends(dsn)
    assert "secret" not in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_looks_for_itself(postgres: Postgres) -> None:
    backends = Backends(postgres.dsn())
    backends.look()
    backends.stop()
    child = os.fork()
    if not child:
        try:
            backends._began = float("-inf")
            backends.look()
            thread = backends._thread
            os._exit(0 if thread is not None and backends._pid == os.getpid() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
