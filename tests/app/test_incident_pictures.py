"""What a frozen picture says of those who held."""

import threading

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, text

from dashboard import CallSite, Dashboard
from dashboard.demo.postgres import Postgres

from .conftest import Dash, MakeEngine
from .given import Clock
from .running_out import QUICK, all_out, charge, only, refuse


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(**QUICK)


def test_incident_says_what_its_holders_did(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    ready, done = threading.Event(), threading.Event()

    def print_labels() -> None:
        with all_out(engine):
            ready.set()
            done.wait(60)

    thread = threading.Thread(target=print_labels, name="labels")
    thread.start()
    ready.wait(60)
    clock.advance(12)
    refuse(engine)
    done.set()
    thread.join()
    clock.advance(600)
    incident = only(dash)
    for holder in incident.snapshot.open:
        assert (holder.owner.name, holder.owner.is_alive, holder.held_for) == ("labels", True, 12)
        assert "print_labels" in [frame.function.rpartition(".")[2] for frame in holder.now]
    assert [(each.pool, each.held_for) for each in incident.suspects] == [("orders", 12)] * 2


async def test_picture_says_what_keeps_a_connection(dash: Dashboard, postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
        watch = dash.watch(pool, name="orders")
        watch.born_at = born = CallSite("shop/db.py", 12, "open_pool")
        listener = await pool.acquire()
        await listener.add_listener("news", ignored := lambda *_: None)
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.01)
        await listener.remove_listener("news", ignored)
        await pool.release(listener)
        frozen = only(dash).snapshot
        dash.stop()
    assert [each.in_use_by for each in frozen.open] == ["listeners"]
    assert frozen.born_at == born


def test_picture_says_what_its_users_did(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    begun, is_over = threading.Event(), threading.Event()

    def ship(connection: Connection) -> None:
        connection.execute(text("select 1"))
        begun.set()
        is_over.wait(60)

    with charge(engine) as handed, charge(engine):
        shipping = threading.Thread(target=ship, args=(handed,))
        shipping.start()
        assert begun.wait(60)
        clock.advance(2)
        refuse(engine)
        is_over.set()
        shipping.join()
    first, second = only(dash).snapshot.open
    does = [frame.function.rpartition(".")[2] for frame in first.now if not frame.is_library]
    assert (does, second.now) == (["ship"], ())
    assert first.user is not None
    assert first.user.is_alive
