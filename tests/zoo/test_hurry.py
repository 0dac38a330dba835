"""A look that falls between two steps of a return must not take it for a loss."""

import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from dashboard import Dashboard

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

QUERY = text("SELECT 1")


@pytest.fixture
def _threads_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_switch_often")
def test_quick_traffic_loses_nothing(postgres: "Postgres") -> None:
    engine = create_engine(postgres.dsn("psycopg"), pool_size=4, max_overflow=0)
    dash = Dashboard()
    dash.watch(engine, name="orders")
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            with engine.connect() as connection:
                connection.execute(QUERY)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + 2
    said: list[tuple[str, str, tuple[str, ...]]] = []
    while not said and time.monotonic() < ends:
        said = [(each.verdict, each.certainty, each.evidence) for each in dash.suspects()]
        time.sleep(0.001)
    is_over.set()
    for thread in threads:
        thread.join()
    dash.stop()
    engine.dispose()
    assert said == []
