"""A dashboard with `backends=`, over real pools of a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from dashboard import Dashboard, DashboardError
from dashboard.backends import Backends
from dashboard.demo.postgres import Postgres
from dashboard.joining import HAUNTING, Joined
from dashboard.model.backends import Activity, Backend
from dashboard.model.findings import Suspect


@pytest.fixture
async def pool(postgres: Postgres) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    made = await asyncpg.create_pool(postgres.dsn(), min_size=1, max_size=4)
    yield made
    made.terminate()


def wait_for(happened: Callable[[], bool]) -> None:
    """Ten seconds at most."""
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)


async def look(dash: Dashboard) -> list[Suspect]:
    """In a thread, as the pages look."""
    return await asyncio.to_thread(dash.suspects)


async def test_checkout_carries_the_server_s_word(
    postgres: Postgres, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    dash = Dashboard(backends=postgres.dsn(), show_queries=True)
    dash.watch(pool, name="orders")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select 'secret'")
        snapshot = await asyncio.to_thread(dash.snapshot)
    (checkout,) = snapshot.pools["orders"].open
    assert checkout.backend is not None
    assert (checkout.backend.state, checkout.backend.query) == ("idle in transaction", "select ?")
    assert snapshot.server is not None
    assert snapshot.server.max_connections
    dash.stop()


async def test_idle_transaction_beyond_the_bound_is_evidence(
    postgres: Postgres, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    dash = Dashboard(backends=postgres.dsn(), leak_after=0.2)
    dash.watch(pool, name="orders")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select 1")
        deadline = time.monotonic() + 60
        found: list[Suspect] = []
        while not found and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            found = await look(dash)
        (suspect,) = found
    assert any("idle in transaction" in sentence for sentence in suspect.evidence)
    dash.stop()


def test_options_are_checked() -> None:
    with pytest.raises(DashboardError, match="backends takes the DSN"):
        Dashboard(backends="nowhere")
    with pytest.raises(DashboardError, match="show_queries takes True or False"):
        Dashboard(backends="postgresql://a@b/c", show_queries="no")  # type: ignore[arg-type]


class Told(Backends):
    """Says what the test says."""

    def __init__(self, activity: Activity) -> None:
        self.activity = activity

    def look(self) -> Activity:
        """As given."""
        return self.activity


async def test_closed_connection_that_the_server_keeps_is_a_ghost(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    dash = Dashboard()
    watch = dash.watch(pool, name="orders")
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
    await pool.expire_connections()
    async with pool.acquire():
        pass
    (record,) = [record for _, record in dash._watches.records()]
    await asyncio.to_thread(wait_for, lambda: bool(record.ledger.former))
    ((closed, at),) = record.ledger.former
    assert closed == pid

    def ghosts(age: float, later: float) -> list[int]:
        backend = Backend(pid=pid, state="idle", age=age)
        told = Told(Activity(backends={pid: backend}, asked_ago=0.0))
        joined = Joined(told, [(watch.probe, record)], at + later)
        return [each.pid for each in joined.ghosts().get("orders", [])]

    assert ghosts(age=100, later=HAUNTING + 1) == [pid]
    assert ghosts(age=100, later=HAUNTING - 1) == []
    assert ghosts(age=5, later=HAUNTING + 1) == []  # The number was given again.
    dash.stop()


async def test_pid_of_another_server_is_not_ours(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    dash = Dashboard()
    watch = dash.watch(pool, name="orders")
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
        (record,) = [record for _, record in dash._watches.records()]
        for each in record.ledger.connections.values():
            each.born -= 100
        young = Told(Activity(backends={pid: Backend(pid=pid, state="active", age=3.0)}))
        assert Joined(young, [(watch.probe, record)], record.now()).backends == {}
        old = Told(Activity(backends={pid: Backend(pid=pid, state="active", age=101.0)}))
        assert list(Joined(old, [(watch.probe, record)], record.now()).backends) == [pid]
    dash.stop()


async def test_server_that_refuses_is_told_on_the_pool(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    dash = Dashboard(backends="postgresql://who:secret@127.0.0.1:1/none")
    dash.watch(pool, name="orders")
    await asyncio.to_thread(wait_for, lambda: bool(dash.snapshot().pools["orders"].limited))
    (told,) = dash.snapshot().pools["orders"].limited
    assert told.startswith("the server's view (backends=): the server did not answer: ")
    assert "secret" not in told
    dash.stop()


async def test_role_that_may_not_see_is_told(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    dash = Dashboard()
    watch = dash.watch(pool, name="orders")
    async with pool.acquire() as connection:
        picture = dash.snapshot().pools["orders"]
        (record,) = [record for _, record in dash._watches.records()]
        # What PostgreSQL shows of another role's session: its pid.
        hidden = Backend(pid=connection.get_server_pid(), state="")
        told = Told(Activity(backends={hidden.pid: hidden}, asked_ago=0.0))
        joined = Joined(told, [(watch.probe, record)], record.now()).into_pool(picture)
    assert joined.open[0].backend is None
    assert [each.rpartition(" ")[2] for each in joined.limited] == ["pg_monitor"]
    dash.stop()
