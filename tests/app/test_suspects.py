"""Which checkouts are suspects, with what evidence, and for how long."""

import gc
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from dashboard import Dashboard

from .conftest import Dash, MakeEngine
from .given import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def forget(engine: Engine) -> Connection:
    return engine.connect()


def verdicts(dash: Dashboard) -> list[tuple[str, str, str]]:
    return [(each.pool, each.verdict, each.certainty) for each in dash.suspects()]


@pytest.mark.parametrize(("options", "bound"), [({}, 60.0), ({"leak_after": 10}, 10.0)])
def test_long_hold_is_overdue(
    make_dash: Dash, engine: Engine, clock: Clock, options: dict[str, Any], bound: float
) -> None:
    dash = make_dash(clock=clock, **options)
    dash.watch(engine, name="orders")
    with forget(engine):
        clock.advance(bound)
        assert dash.suspects() == []
        clock.advance(0.5)
        (suspect,) = dash.suspects()
    assert (suspect.pool, suspect.verdict, suspect.certainty) == ("orders", "overdue", "possible")
    assert (suspect.call_site.function, suspect.held_for) == ("forget", bound + 0.5)
    assert (suspect.owner.kind, suspect.request, suspect.ended_at) == ("thread", None, None)
    assert suspect.evidence[0].startswith("held for ")
    assert [frame.function for frame in suspect.stack if not frame.is_library][:2] == [
        "forget",
        "test_long_hold_is_overdue",
    ]


def test_returned_suspect_leaves(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    with forget(engine):
        clock.advance(11)
        assert len(dash.suspects()) == 1
    assert dash.suspects() == []


def test_evidence_knows_the_usual(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    for _ in range(30):
        with forget(engine):
            clock.advance(0.25)
    with forget(engine):
        clock.advance(11)
        (suspect,) = dash.suspects()
    assert suspect.usual == pytest.approx(0.25, rel=1 / 32)
    assert suspect.certainty == "probable"
    assert suspect.evidence[0] == "held for 11 s, longer than 10 s"
    assert suspect.evidence[1].startswith("this call site usually holds for 2")


def test_ended_owner_makes_it_probable(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    import threading

    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    kept: list[Connection] = []
    thread = threading.Thread(target=lambda: kept.append(engine.connect()), name="short life")
    thread.start()
    thread.join()
    del thread
    clock.advance(11)
    (suspect,) = dash.suspects()
    assert (suspect.verdict, suspect.certainty) == ("overdue", "probable")
    assert suspect.evidence[-1] == "its owner, thread short life, has ended"
    kept.pop().close()


def test_lost_connection_is_proven(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    held = [forget(engine)]
    clock.advance(5)
    held.clear()
    gc.collect()
    (suspect,) = dash.suspects()
    assert (suspect.verdict, suspect.certainty) == ("lost", "proven")
    assert (suspect.call_site.function, suspect.held_for) == ("forget", 5.0)
    assert suspect.ended_at is not None
    assert (suspect.ended_at - suspect.since).total_seconds() == pytest.approx(5.0)
    assert suspect.evidence == (
        "nobody returned it: the garbage collector found it after 5 s",
        "sqlalchemy took the slot back by itself",
    )


def test_lost_disappears_after_a_while(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    forget(engine)
    gc.collect()
    clock.advance(900)
    assert verdicts(dash) == [("orders", "lost", "proven")]
    clock.advance(1)
    assert verdicts(dash) == []
    assert dash.snapshot().pools["orders"].lost == 1


def test_present_and_certain_come_first(
    make_dash: Dash, make_engine: MakeEngine, clock: Clock
) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    engines = {name: make_engine(pool_size=5) for name in ("orders", "reports")}
    for name, engine in engines.items():
        dash.watch(engine, name=name)
    forget(engines["orders"])
    gc.collect()
    older = engines["reports"].connect()
    clock.advance(5)
    younger = engines["orders"].connect()
    clock.advance(11)
    assert [(each.pool, each.verdict, each.held_for) for each in dash.suspects()] == [
        ("reports", "overdue", 16.0),
        ("orders", "overdue", 11.0),
        ("orders", "lost", 0.0),
    ]
    older.close()
    younger.close()


def test_stranger_is_timed_from_watch(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    with engine.connect():
        dash.watch(engine, name="orders")
        clock.advance(11)
        (suspect,) = dash.suspects()
    assert suspect.call_site.function == "(before the watch)"
    assert (suspect.held_for, suspect.owner.kind, suspect.stack) == (11.0, "unknown", ())


def test_retired_checkout_stays_suspect(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    with forget(engine):
        engine.dispose()
        clock.advance(11)
        assert verdicts(dash) == [("orders", "overdue", "possible")]
    assert verdicts(dash) == []
