"""A probe that keeps failing stops itself; the pool goes on."""

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from dashboard import Dashboard
from dashboard.recorder.ledger import PATIENCE


def test_failing_probe_stops_itself() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    dash = Dashboard()
    original = type(engine.pool)
    watch = dash.watch(engine, "orders")
    sink = watch.probe.tap.sink
    for _ in range(PATIENCE - 1):
        sink.broke("test", ValueError("not shown"))
    assert type(engine.pool) is not original
    sink.broke("test", ValueError("not shown"))
    assert type(engine.pool) is original
    with engine.connect():
        pass
    pool = dash.snapshot().pools["orders"]
    assert (pool.state, pool.probe_errors, pool.last_probe_error) == (
        "failed",
        PATIENCE,
        "test: ValueError",
    )
    watch.stop()
    assert dict(dash.snapshot().pools) == {}
    engine.dispose()


def test_failing_probe_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    dash = Dashboard()
    with dash.watch(engine, "orders") as watch:
        watch.probe.tap.sink.broke("test", ValueError("not shown"))
        dash.snapshot()
        dash.snapshot()
    assert [record.getMessage() for record in caplog.records] == [
        "watching 'orders' failed at test: ValueError; the application is not affected"
    ]
    engine.dispose()
