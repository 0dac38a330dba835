"""Rules that take thousands of checkouts to speak; a minute of the clock is a second."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from .advised import Leaping, advised
from .conftest import Dash, MakeEngine


def work() -> None:
    """A server that has time for everybody."""
    time.sleep(0.0002)


def bursts(engine: Engine, count: int, users: int = 12, work: Callable[[], object] = work) -> None:
    """So many users, each with a pause after a checkout; a fifth of the time nobody comes."""
    pool, rest = engine.pool, iter(range(count))

    def user() -> None:
        while next(rest, None) is not None:
            while time.monotonic() * 5 % 1 > 0.8:
                time.sleep(0.01)
            connection = pool.connect()
            work()
            connection.close()
            time.sleep(0.0005)

    with ThreadPoolExecutor(users) as threads:
        for _ in range(users):
            threads.submit(user)


@pytest.mark.slow
def test_pool_too_small_is_advised(make_dash: Dash, make_engine: MakeEngine) -> None:
    dash = make_dash(clock=Leaping(speed=60.0))
    small, large = make_engine(pool_size=2, pool_timeout=9), make_engine(pool_size=20)
    dash.watch(small, name="small")
    dash.watch(large, name="large")
    bursts(small, 10_200)
    bursts(large, 500)
    found = [each for each in dash.advice() if each.rule == "R01"]
    assert [(each.pool, each.held_back) for each in found] == [("small", "")]
    assert advised(dash, "R07") is None
    assert "-    pool_size=2," in found[0].change
    assert found[0].effect.startswith("p95 wait ")


@pytest.mark.slow
def test_saturated_server_is_told(make_dash: Dash, make_engine: MakeEngine) -> None:
    dash = make_dash(clock=Leaping(speed=60.0))
    engine = make_engine(pool_size=14, pool_timeout=9)
    dash.watch(engine, name="orders")
    server = threading.Semaphore(2)

    def share() -> None:
        with server:
            time.sleep(0.0004)

    bursts(engine, 3200, 2, share)
    bursts(engine, 7000, 18, share)
    advice = advised(dash, "R07")
    assert advice is not None
    assert advice.title.startswith("The server slows down")
