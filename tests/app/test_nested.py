"""Who holds one connection and asks for another of the same pool."""

import threading

from sqlalchemy import Connection, Engine

from dashboard import Dashboard, expect
from dashboard.model.snapshot import Nesting

from .conftest import Dash, MakeEngine
from .given import Clock, eventually, orders


def pairs(dash: Dashboard) -> list[tuple[str, str, int, int, int]]:
    return [_pair(each) for each in orders(dash).nestings]


def _pair(each: Nesting) -> tuple[str, str, int, int, int]:
    outer, inner = (site.function.rpartition(".")[2] for site in (each.outer, each.inner))
    return outer, inner, each.count, each.depth, each.owners


def outer(engine: Engine) -> None:
    with engine.connect():
        inner(engine)


def inner(engine: Engine) -> None:
    with engine.connect():
        pass


def test_quick_nested_checkouts_are_counted(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash()
    dash.watch(engine, name="orders")
    for _ in range(600):
        outer(engine)
    for _ in range(600):
        inner(engine)
    assert pairs(dash) == [("outer", "inner", 600, 2, 1)]
    nested = {each.call_site.function: each.nested for each in orders(dash).call_sites}
    assert nested == {"outer": 0, "inner": 600}
    outer(engine)
    assert pairs(dash) == [("outer", "inner", 601, 2, 1)]


def test_nested_holders_know_each_other(dash: Dashboard, engine: Engine, clock: Clock) -> None:
    dash.watch(engine, name="orders")
    with engine.connect():
        clock.advance(1)
        with engine.connect():
            first, second = orders(dash).open
            assert (first.beside, second.beside) == ((second.connection,), (first.connection,))
    assert [each.depth for each in orders(dash).nestings] == [2]


def test_deadlock_is_there_at_the_first_look(
    dash: Dashboard, make_engine: MakeEngine, clock: Clock
) -> None:
    engine = make_engine(pool_size=2, pool_timeout=20)
    dash.watch(engine, name="orders")
    both = threading.Barrier(2)
    kept: list[Connection] = []

    def work() -> None:
        kept.append(engine.connect())
        both.wait()
        with expect(hold=7):
            engine.connect().close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(kept) == 2 and orders(dash).pending_requests == 2)
    clock.advance(3)
    seen = orders(dash)
    assert pairs(dash) == [("work", "work", 2, 2, 2)]
    assert {each.owner.ident for each in seen.waiting} == {each.owner.ident for each in seen.open}
    assert [each.expected_hold for each in seen.waiting] == [7.0, 7.0]
    assert [each.stack[0].is_library for each in seen.waiting] == [True, True]
    assert {each.stack[-1].function for each in seen.waiting} == {"Thread._bootstrap"}
    for each in kept:
        each.close()
    for thread in threads:
        thread.join()
