"""Rules that real SQLAlchemy pools bring up, and their healthy twins do not."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dashboard import Dashboard, DashboardError
from dashboard.model.limits import ServerLimit

from .advised import Leaping, advised, hold, spoken
from .conftest import Dash, MakeEngine
from .given import ask

DAY = 86_400.0


@pytest.fixture
def clock() -> Leaping:
    return Leaping()


@pytest.fixture
def leaping(make_dash: Dash, clock: Leaping) -> Dashboard:
    """A dashboard whose time can be moved on."""
    return make_dash(clock=clock)


def take(engine: Engine) -> Connection:
    return engine.connect()


def test_healthy_pool_gets_no_advice(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    for _ in range(200):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    assert dash.advice() == []


def test_leak_is_advised_on_its_line(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    take(engine)
    gc.collect()
    advice = advised(dash, "R11")
    assert advice is not None
    assert (advice.pool, advice.severity, advice.confidence) == ("orders", "critical", "high")
    assert advice.title.endswith(" does not return its connections")
    assert "test_advice.py" in advice.title
    assert "+    with engine.connect() as connection:" in advice.change


def test_returned_connection_is_no_leak(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    take(engine).close()
    gc.collect()
    assert dash.advice() == []


def nest(engine: Engine) -> None:
    with engine.connect(), engine.connect():
        time.sleep(0.001)


def test_nested_checkout_is_advised(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=3)
    dash.watch(engine, name="orders")
    nest(engine)
    advice = advised(dash, "R14")
    assert advice is not None
    assert advice.severity == "info"
    assert advice.title.endswith("holds a connection and asks for another")


def test_one_after_the_other_is_not_nested(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    hold(engine, 1)
    hold(engine, 1)
    assert advised(dash, "R14") is None


def idle_half(engine: Engine) -> None:
    for _ in range(100):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            time.sleep(0.007)


def work_all(engine: Engine) -> None:
    query = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 9000) "
                 "SELECT sum(i) FROM n")  # fmt: skip
    for _ in range(100):
        with engine.connect() as connection:
            connection.execute(query).all()


def test_connection_held_while_idle_is_advised(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    idle_half(engine)
    advice = advised(dash, "R13")
    assert advice is not None
    assert "(100 checkouts, 100 statements)" in advice.evidence[0]


def test_connection_at_work_may_be_held(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    work_all(engine)
    assert advised(dash, "R13") is None


def test_exhaustion_by_idle_holders_is_advised(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.02)
    dash.watch(engine, name="orders")
    idle_half(engine)
    with engine.connect(), ThreadPoolExecutor(1) as threads, pytest.raises(PoolTimeout):
        threads.submit(take, engine).result()
    advice = advised(dash, "R02")
    assert advice is not None
    assert advice.evidence[0] == "1 caller gave up, with its only slot taken."


def test_few_timeouts_are_collected(dash: Dashboard, make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, pool_timeout=0.01)
    dash.watch(engine, name="orders")
    with engine.connect(), ThreadPoolExecutor(1) as threads, pytest.raises(PoolTimeout):
        threads.submit(take, engine).result()
    advice = advised(dash, "R02")
    assert advice is not None
    assert advice.held_back == "collecting: 2 of 10,000 checkouts, bursts 1 of 10"
    assert advice.change == ""


def test_overflow_churn_is_advised(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping
) -> None:
    engine = make_engine(pool_size=1, max_overflow=3)
    leaping.watch(engine, name="orders")
    for _ in range(8):
        hold(engine, 3)
        clock.advance(10)
    advice = advised(leaping, "R04")
    assert advice is not None
    assert "+    pool_size=3," in advice.change


def test_kept_connections_do_not_churn(
    leaping: Dashboard, make_engine: MakeEngine, clock: Leaping
) -> None:
    engine = make_engine(pool_size=3, max_overflow=1)
    leaping.watch(engine, name="orders")
    for _ in range(8):
        hold(engine, 3)
        clock.advance(10)
    assert leaping.advice() == []


@pytest.mark.parametrize(("overflow", "rules"), [(-1, ["R05"]), (2, [])])
def test_pool_without_bound_is_advised(
    dash: Dashboard, make_engine: MakeEngine, overflow: int, rules: list[str]
) -> None:
    dash.watch(make_engine(max_overflow=overflow), name="orders")
    assert spoken(dash) == rules


def test_entered_deadline_is_checked(dash: Dashboard, make_engine: MakeEngine) -> None:
    dash.watch(make_engine(pool_timeout=30.0), name="orders")
    assert dash.advice() == []
    advice = advised(dash, "R08", ServerLimit(deadline=10.0))
    assert advice is not None
    assert "+    pool_timeout=5," in advice.change
    assert advised(dash, "R08", ServerLimit(deadline=60.0)) is None


@pytest.mark.parametrize(("size", "is_told"), [(2, True), (6, False)])
async def test_more_threads_than_connections_are_told(
    dash: Dashboard, make_engine: MakeEngine, size: int, *, is_told: bool
) -> None:
    engine = make_engine(pool_size=size)
    dash.watch(engine, name="orders")
    release = threading.Event()

    def endpoint() -> None:
        with engine.connect():
            release.wait(60)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(anyio.to_thread.run_sync, endpoint)
        with anyio.fail_after(60):
            while sum(_callers(dash)) < 5:  # noqa: ASYNC110 -- the pool tells nobody
                await anyio.sleep(0.01)
        advice = advised(dash, "R15")
        release.set()
    assert (advice is not None) is is_told


def _callers(dash: Dashboard) -> tuple[int, int]:
    pool = dash.snapshot().pools["orders"]
    return pool.used, pool.pending_requests


def test_other_questions_are_answered_by_the_api(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash(allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    idle_half(engine)
    answer = ask(dash, "/api/whatif/orders?question=release").json()
    assert answer["rows"] == []
    assert "runs statements for" in answer["answer"][0]
    assert answer["answer"][1].startswith("Collecting: 100 of 1,000 checkouts")
    assert ask(dash, "/api/whatif/orders?question=ping").json()["answer"] == [
        "Pre-ping is off already: nothing would change."
    ]
    refused = ask(dash, "/api/whatif/orders?question=colour")
    assert refused.status_code == 400
    assert "question takes one of leak, release, ping, workers" in refused.text
    both = ask(dash, "/api/whatif/orders?question=ping&limit_per_host=2")
    assert both.status_code == 400
    assert "question does not go with limit_per_host" in both.text
    assert ask(dash, "/api/whatif/nobody?question=ping").status_code == 404


def test_other_questions_are_answered_in_code(
    make_dash: Dash, make_engine: MakeEngine, clock: Leaping
) -> None:
    dash = make_dash(clock=clock)
    engine = make_engine(pool_size=1, pool_pre_ping=True)
    dash.watch(engine, name="orders")
    for _ in range(1100):
        engine.connect().close()
    clock.advance(70)
    (row,) = dash.whatif("orders", [1], question="ping")
    assert (row.size, row.timeouts) == (1, 0)
    assert dash.whatif("orders", [1], question="leak") == ()  # There is none to fix.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"question": "colour"}, "question takes one of leak, release, ping, workers, not 'colou"),
        ({"question": 1}, "question takes a word such as 'leak', not 1"),
        ({"question": "ping", "hold": 2.0}, "whatif() takes either question or timeout and hold"),
        ({"question": "ping", "limit_per_host": 2}, "whatif() takes either question or timeout"),
        ({"question": "ping", "sizes": [0]}, "sizes takes whole numbers from 1 to 100,000, not 0"),
        ({"question": "workers", "workers": 0}, "workers begin at 1, not 0"),
    ],
)
def test_wrong_question_is_refused(
    make_dash: Dash, make_engine: MakeEngine, clock: Leaping, options: dict[str, Any], words: str
) -> None:
    dash = make_dash(clock=clock)
    engine = make_engine(pool_pre_ping=True)
    dash.watch(engine, name="orders")
    engine.connect().close()
    clock.advance(70)
    with pytest.raises(DashboardError) as refused:
        dash.whatif("orders", **options)
    assert str(refused.value).startswith(words)
