"""`expect()`: who may hold for long, and where that holds."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import Engine

from dashboard import Dashboard, DashboardError, expect

from .conftest import Dash
from .given import Clock, ask


def expected(dash: Dashboard) -> list[float | None]:
    return [checkout.expected_hold for checkout in dash.snapshot().pools["orders"].open]


@pytest.mark.parametrize("hold", [0, -1, float("nan"), float("inf"), "600", None, True])
def test_wrong_hold_is_told_at_once(hold: Any) -> None:
    with pytest.raises(DashboardError) as told:
        expect(hold=hold)
    assert str(told.value) == f"expect(hold=) takes seconds above 0, not {hold!r}"


def test_block_marks_its_checkouts(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with expect(hold=600):
        held = engine.connect()
    with held:
        assert expected(dash) == [600.0]
    with engine.connect():
        assert expected(dash) == [None]


def test_inner_expectation_holds_inside(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with expect(hold=600):
        with expect(hold=5), engine.connect():
            assert expected(dash) == [5.0]
        with engine.connect():
            assert expected(dash) == [600.0]


def test_error_passes_and_ends_it(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    error = KeyError("the host's")
    with pytest.raises(KeyError) as raised, expect(hold=600):
        raise error
    assert raised.value is error
    with engine.connect():
        assert expected(dash) == [None]


async def test_tasks_inherit_expectation(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")

    async def check_out() -> list[float | None]:
        with engine.connect():
            return expected(dash)

    with expect(hold=600):
        inside = asyncio.create_task(check_out())
        worker = asyncio.to_thread(lambda: asyncio.run(check_out()))
        assert await inside == [600.0]
        assert await worker == [600.0]
    assert await asyncio.create_task(check_out()) == [None]


def test_other_threads_do_not_inherit(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    found: list[list[float | None]] = []

    def check_out() -> None:
        with engine.connect():
            found.append(expected(dash))

    with expect(hold=600):
        thread = threading.Thread(target=check_out)
        thread.start()
        thread.join()
    assert found == [[None]]


def test_ending_in_another_context_is_quiet() -> None:
    block = expect(hold=600)
    copy_context().run(block.__enter__)
    assert copy_context().run(block.__exit__, None, None, None) is False


def test_generator_dependency_may_expect(dash: Dashboard, engine: Engine) -> None:
    app = FastAPI()

    def long() -> Iterator[None]:
        with expect(hold=600):
            yield

    @app.get("/", dependencies=[Depends(long)])
    def hello() -> str:
        return "hello"

    assert ask(app, "/").json() == "hello"


def test_suspect_waits_for_expectation(make_dash: Dash, engine: Engine) -> None:
    clock = Clock()
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    with expect(hold=100), engine.connect():
        clock.advance(100)
        assert dash.suspects() == []
        clock.advance(0.5)
        assert [each.verdict for each in dash.suspects()] == ["overdue"]


def test_short_expectation_does_not_tighten(make_dash: Dash, engine: Engine) -> None:
    clock = Clock()
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    with expect(hold=1), engine.connect():
        clock.advance(9)
        assert dash.suspects() == []
        clock.advance(2)
        assert len(dash.suspects()) == 1
