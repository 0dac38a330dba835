"""Snapshots taken while threads hammer the pool: consistent, never failing, plain data."""

import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, QueuePool, create_engine

from dashboard import Dashboard, PoolSnapshot

from .conftest import Dash, MakeEngine

THREADS = 8


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Threads change places in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@contextmanager
def hammering(engine: Engine) -> Iterator[list[int]]:
    """Eight threads check out and in until the block ends; the list then has their counts."""
    stop = threading.Event()

    def hammer() -> int:
        count = 0
        while not stop.is_set():
            with engine.connect():
                count += 1
        return count

    done: list[int] = []
    with ThreadPoolExecutor(THREADS) as threads:
        each = [threads.submit(hammer) for _ in range(THREADS)]
        try:
            yield done
        finally:
            stop.set()
            done.extend(one.result() for one in each)


def check(before: PoolSnapshot, after: PoolSnapshot) -> None:
    assert after.used + after.idle == after.count
    assert 0 <= after.used <= THREADS
    assert after.used == len([each for each in after.open if not each.is_retired])
    assert after.pending_requests == len(after.waiting) <= THREADS
    assert after.checkouts >= before.checkouts
    assert after.checkins >= before.checkins
    assert after.peak >= before.peak
    assert after.use_time.count <= after.checkins
    assert (after.unmatched, after.probe_errors) == (0, 0)


def test_hammered_pool_reads_consistently(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=4, max_overflow=2, pool_timeout=30)
    dash.watch(engine, name="orders")
    with hammering(engine) as done:
        last = dash.snapshot().pools["orders"]
        for _ in range(150):
            after = dash.snapshot().pools["orders"]
            check(last, after)
            last = after
    final = dash.snapshot().pools["orders"]
    assert (final.checkouts, final.checkins) == (sum(done), sum(done))
    assert (final.used, final.pending_requests, final.timeouts) == (0, 0, 0)
    assert (final.own_used, final.own_idle) == (0, final.idle)
    assert final.lifetime["use_time"].count == sum(done)
    assert sum(site.checkouts for site in final.call_sites) == sum(done)


def test_all_readings_survive_the_hammer(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=4, max_overflow=2, pool_timeout=30)
    dash.watch(engine, name="orders")
    reader = dash._reader

    def read() -> None:
        cursor = 0
        for _ in range(60):
            dash.suspects()
            reader.history("orders", 300, 60)
            events, cursor, dropped = reader.events(cursor, 40)
            assert dropped >= 0
            assert len(events) <= 240

    with hammering(engine), ThreadPoolExecutor(2) as readers:
        for each in [readers.submit(read) for _ in range(2)]:
            each.result()


def test_two_pools_share_one_feed(dash: Dashboard, make_engine: MakeEngine) -> None:
    engines = [make_engine(pool_size=4, pool_timeout=30) for _ in range(2)]
    for number, engine in enumerate(engines):
        dash.watch(engine, name=f"pool {number}")
    with hammering(engines[0]) as first, hammering(engines[1]) as second:
        for _ in range(10):
            dash.snapshot()
    pools = dash.snapshot().pools
    assert [pool.checkouts for pool in pools.values()] == [sum(first), sum(second)]


def test_two_dashboards_count_alike(make_dash: Dash, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=4, pool_timeout=30)
    dashes = [make_dash(), make_dash()]
    for dash in dashes:
        dash.watch(engine, name="orders")
    with hammering(engine) as done:
        for dash in dashes:
            dash.snapshot()
    for dash in dashes:
        pool = dash.snapshot().pools["orders"]
        assert (pool.checkouts, pool.checkins, pool.used) == (sum(done), sum(done), 0)
        assert (pool.unmatched, pool.probe_errors) == (0, 0)


def test_watches_come_and_go_under_load(make_dash: Dash, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=4, max_overflow=2, pool_timeout=30)
    dash, other = make_dash(), make_dash()
    dash.watch(engine, name="orders")
    with hammering(engine) as done:
        for _ in range(20):
            with other.watch(engine, name="orders"):
                other.snapshot()
    pool = dash.snapshot().pools["orders"]
    assert (pool.checkouts, pool.checkins, pool.used) == (sum(done), sum(done), 0)
    assert pool.probe_errors == 0


class Interrupting(QueuePool):
    """Lets the application go on in the middle of a snapshot."""

    meanwhile: Callable[[], None] | None = None

    def checkedout(self) -> int:
        """Asked by the probe for the pool's own counts."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().checkedout()


def test_return_during_a_snapshot_counts_once(dash: Dashboard) -> None:
    engine = create_engine("sqlite://", poolclass=Interrupting)
    dash.watch(engine, name="orders")
    held = engine.connect()
    assert isinstance(engine.pool, Interrupting)
    engine.pool.meanwhile = held.close
    pool = dash.snapshot().pools["orders"]
    assert (pool.used, pool.checkouts, pool.checkins) == (1, 1, 0)
    pool = dash.snapshot().pools["orders"]
    assert (pool.used, pool.checkouts, pool.checkins) == (0, 1, 1)
    engine.dispose()


def test_snapshot_survives_pickling(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        pass
    with engine.connect():
        snapshot = dash.snapshot()
    copy = pickle.loads(pickle.dumps(snapshot))  # noqa: S301 -- our own bytes
    assert copy == snapshot
    assert copy.pools["orders"].open[0].call_site.function == "test_snapshot_survives_pickling"


def test_snapshot_does_not_move(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        snapshot = dash.snapshot()
        before = pickle.dumps(snapshot)
    for _ in range(10):
        with engine.connect():
            pass
    dash.snapshot()
    assert pickle.dumps(snapshot) == before


@pytest.mark.slow
def test_snapshot_of_many_pools_is_quick(dash: Dashboard, make_engine: MakeEngine) -> None:
    for number in range(100):
        dash.watch(make_engine(), name=f"pool {number}")
    assert list(dash.snapshot().pools) == [f"pool {number}" for number in range(100)]
