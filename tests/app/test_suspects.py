"""Which checkouts are suspects, with what evidence, and for how long."""

import gc
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

from dashboard import Dashboard, DashboardError, expect

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
    assert suspect.evidence[0].startswith("quiet for ")
    assert [frame.function for frame in suspect.stack if not frame.is_library][:2] == [
        "forget",
        "test_long_hold_is_overdue",
    ]


def test_suspect_that_comes_back_is_returned(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    with forget(engine):
        clock.advance(11)
        assert verdicts(dash) == [("orders", "overdue", "possible")]
        clock.advance(4)
    (suspect,) = dash.suspects()
    assert (suspect.verdict, suspect.certainty, suspect.held_for) == ("returned", "possible", 15.0)
    assert suspect.evidence == (
        "called overdue (possible), then returned after 15 s",
        "quiet for 11 s, longer than leak_after (10 s)",
    )
    assert suspect.ended_at is not None
    assert dash.snapshot().pools["orders"].call_sites[0].came_back == 1
    clock.advance(901)
    assert dash.suspects() == []


def test_nobody_suspected_nobody_returned(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    assert dash.suspects() == []
    with forget(engine):
        clock.advance(11)
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
    assert suspect.evidence[0] == "quiet for 11 s, longer than leak_after (10 s)"
    assert suspect.bound == 10.0


def test_ended_owner_makes_an_orphan(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    import threading

    dash = make_dash(clock=clock, leak_after=10)
    dash.watch(engine, name="orders")
    kept: list[Connection] = []
    thread = threading.Thread(target=lambda: kept.append(engine.connect()), name="short life")
    thread.start()
    thread.join()
    del thread
    assert dash.suspects() == []
    clock.advance(5)
    (suspect,) = dash.suspects()
    assert (suspect.verdict, suspect.certainty) == ("orphaned", "probable")
    assert suspect.evidence == (
        "its owner, thread short life, ended 5 s ago and nobody used the connection since",
        "held for 5 s without a statement",
    )
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
    assert verdicts(dash) == [("orders", "returned", "possible")]


def test_return_beside_a_look_is_no_loss() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    dash = Dashboard()
    probe: Any = dash.watch(engine, name="orders").probe
    connection: Any = engine.connect()
    settings = probe.settings

    def returning() -> Any:
        # Called in the middle of a snapshot, after the table of holders was read.
        nonlocal connection
        if connection is not None:
            connection.close()
            connection = None
        return settings()

    probe.settings = returning
    (checkout,) = dash.snapshot().pools["orders"].open
    assert not checkout.is_unreferenced
    assert dash.suspects() == []
    dash.stop()
    engine.dispose()


def test_bound_is_learned_from_the_line(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    for _ in range(40):
        with forget(engine):
            clock.advance(0.25)
    with forget(engine):
        clock.advance(6.9)
        assert dash.suspects() == []
        clock.advance(0.2)
        assert verdicts(dash) == [("orders", "overdue", "possible")]
        clock.advance(45)
        (suspect,) = dash.suspects()
    assert suspect.certainty == "probable"
    assert suspect.bound == pytest.approx(2.0)
    assert suspect.evidence[0].startswith("quiet for 52.1 s; of 40 checkouts of this line none was")


def test_long_holder_may_hold(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock, leak_after=10, long_holders=["tests/app/*:forget"])
    dash.watch(engine, name="orders")
    with forget(engine):
        clock.advance(3600)
        assert dash.suspects() == []
        with engine.connect():
            clock.advance(11)
            (suspect,) = dash.suspects()
    assert suspect.call_site.function == "test_long_holder_may_hold"


def test_wrong_long_holder_is_told_at_once(make_dash: Dash) -> None:
    with pytest.raises(DashboardError) as told:
        make_dash(long_holders="nightly")
    assert str(told.value) == "long_holders takes a list of texts, not 'nightly'"


def test_expected_hold_is_nobodys_suspect(make_dash: Dash, engine: Engine, clock: Clock) -> None:
    dash = make_dash(clock=clock)
    dash.watch(engine, name="orders")
    with expect(hold=600), forget(engine):
        clock.advance(600)
        assert dash.suspects() == []
        clock.advance(1)
        assert verdicts(dash) == [("orders", "overdue", "possible")]
