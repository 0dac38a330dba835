"""The other verdicts beside their healthy twins."""

from dataclasses import replace
from typing import Any

import pytest

from dashboard.analysis.suspects import Detector
from dashboard.model.backends import Backend
from dashboard.model.origin import UNKNOWN_OWNER, HttpRequest
from dashboard.model.snapshot import Nesting
from tests.analysis.held import (
    AUDIT,
    DRIVER,
    HTTP,
    INSIDE,
    ORDERS,
    SLEEP,
    WORKER,
    came_back,
    held,
    line,
    pool,
    said,
    snapshot,
    suspects,
    task,
    waiter,
)

SERVICE = HttpRequest("GET", "/orders/{id}")
IN_TRANSACTION = Backend(pid=4001, state="idle in transaction", since=9.0)


@pytest.mark.parametrize(
    ("now", "somewhere", "certainty"),
    [
        ((HTTP, INSIDE), "an HTTP answer (aiohttp)", "probable"),
        ((SLEEP, INSIDE), "a timer (asyncio.sleep)", "possible"),
    ],
)
def test_owner_that_waits_elsewhere(now: Any, somewhere: str, certainty: str) -> None:
    (found,) = suspects(held(32.0, now=now))
    assert (found.verdict, found.certainty) == ("held_elsewhere", certainty)
    assert found.evidence[0] == f"its owner, task request-1, waits for {somewhere} meanwhile"


def test_owner_elsewhere_within_the_bound_is_healthy() -> None:
    assert suspects(held(1.5, now=(HTTP, INSIDE))) == []


def test_dependency_of_a_running_request_is_held_elsewhere() -> None:
    out = held(32.0, now=(HTTP, WORKER), request=SERVICE)
    assert said(suspects(out)) == [("held_elsewhere", "probable")]


def test_holder_that_is_elsewhere_while_others_wait() -> None:
    slow = line([50.0] * 100)
    full: dict[str, Any] = {"max": 1, "waiting": (waiter(9),), "lines": [slow]}
    (found,) = suspects(held(4.0, now=(HTTP, INSIDE)), **full)
    assert (found.verdict, found.certainty) == ("held_elsewhere", "possible")
    assert found.evidence[-1] == "1 caller waits for a connection meanwhile"
    assert suspects(held(4.0, now=(HTTP, INSIDE)), **{**full, "max": 5}) == []
    assert suspects(held(4.0, now=(INSIDE, WORKER)), **full) == []


def test_owner_that_waits_for_another_pool() -> None:
    bank = pool(
        name="bank", library="aiohttp", waiting=(waiter(1, 31.0),), lines=(), sees_statements=False
    )
    found = Detector().find(snapshot(pool(held(32.0, now=(HTTP, INSIDE))), bank))
    assert said(found) == [("held_elsewhere", "probable")]
    assert found[0].evidence[0] == (
        "task request-1 holds a connection of orders (shop/orders.py:88), quiet for 32 s, and "
        "has waited for one of bank (shop/audit.py:20) for 31 s"
    )


def test_long_statement_is_no_leak() -> None:
    (found,) = suspects(held(0.0, held_for=91.0, in_statement=90.0))
    assert (found.verdict, found.certainty) == ("long_query", "possible")
    assert found.evidence[0] == "its statement has been running for 1 min 30 s"


def test_owner_inside_the_driver_runs_a_long_statement() -> None:
    out = held(90.0, statements=0, last_used=None, now=(DRIVER, INSIDE))
    assert said(suspects(out, sees_statements=False)) == [("long_query", "possible")]


def test_idle_transaction_is_stalled() -> None:
    slow = line([50.0] * 100)
    quiet = snapshot(pool(held(9.0), lines=[slow]))
    (found,) = Detector().find(quiet, {4001: IN_TRANSACTION})
    assert (found.verdict, found.certainty) == ("stalled", "possible")
    assert found.evidence[-1] == "the server has it idle in transaction for 9 s"
    assert Detector().find(quiet, {4001: replace(IN_TRANSACTION, state="idle")}) == []
    assert Detector().find(quiet, {4001: replace(IN_TRANSACTION, since=2.0)}) == []
    assert Detector().find(quiet, {4002: IN_TRANSACTION}) == []


def test_transaction_that_idles_for_long_is_probably_stalled() -> None:
    inside = snapshot(pool(held(40.0, now=(INSIDE, WORKER))))
    idle = replace(IN_TRANSACTION, since=40.0)
    (found,) = Detector().find(inside, {4001: idle})
    assert (found.verdict, found.certainty) == ("stalled", "probable")
    short = {4001: replace(idle, since=29.0)}
    assert said(Detector().find(inside, short)) == [("stalled", "possible")]
    young = snapshot(pool(held(40.0, now=(INSIDE, WORKER)), lines=[line([0.01] * 40)]))
    assert said(Detector().find(young, {4001: idle})) == [("stalled", "possible")]
    reading = snapshot(pool(held(70.0, now=(INSIDE, WORKER), in_use_by="a cursor")))
    assert said(Detector().find(reading, {4001: idle})) == [("stalled", "possible")]


def test_active_backend_is_a_long_query() -> None:
    active = Backend(pid=4001, state="active", since=30.0, wait="Lock: transactionid")
    (found,) = Detector().find(snapshot(pool(held(32.0))), {4001: active})
    assert found.verdict == "long_query"
    assert found.evidence[-1] == (
        "the server has it active for 30 s, waiting for Lock: transactionid"
    )


def test_backend_of_no_pool_is_a_ghost() -> None:
    ghost = Backend(pid=77, state="idle", since=40.0, age=300.0)
    (found,) = Detector().find(snapshot(pool()), {}, {"orders": [ghost]})
    assert (found.verdict, found.certainty, found.backend_pid) == ("ghost", "possible", 77)
    assert (found.pool, found.owner, found.call_site.line) == ("orders", UNKNOWN_OWNER, 0)
    assert found.evidence == (
        "the server has had backend 77 for 5 min, and no connection of orders has it",
        "the server has it idle for 40 s",
    )


def test_second_connection_is_nested() -> None:
    outer = held(0.4, 1, held_for=1.0, owner=task(1), beside=(2,), now=(INSIDE,))
    inner = held(0.0, 2, held_for=0.4, owner=task(1), beside=(1,), call_site=AUDIT)
    nestings = (Nesting(outer=ORDERS, inner=AUDIT, count=9, depth=2, owners=12),)
    (found,) = suspects(outer, inner, nestings=nestings)
    assert (found.verdict, found.certainty, found.call_site) == ("nested", "possible", ORDERS)
    took, hazard = found.evidence
    assert took == (
        "task request-1 holds it and took another one of the same pool at shop/audit.py:20, "
        "400 ms ago"
    )
    assert hazard == (
        "12 callers with 2 each can lock up a pool of 10: 13 connections would rule it out"
    )
    assert suspects(outer, replace(inner, held_for=0.1)) == []


def test_request_for_a_second_connection_is_nested() -> None:
    (found,) = suspects(held(1.0, 1), waiting=(waiter(1, 0.8),))
    assert found.verdict == "nested"
    assert found.evidence[0].endswith(
        "asked for another one of the same pool at shop/audit.py:20, 800 ms ago"
    )
    assert suspects(held(1.0, 1), waiting=(waiter(2, 0.8),)) == []


def test_kept_connection_makes_its_owner_not_nested() -> None:
    """Who forgot one and goes on is no caller that needs two at once."""
    forgotten = held(1.5, 1, owner=task(1), beside=(2,), now=(WORKER,))
    other = held(0.0, 2, held_for=0.5, owner=task(1), beside=(1,), call_site=AUDIT)
    assert suspects(forgotten, other) == []


def test_notes_come_after_suspects() -> None:
    found = suspects(
        held(0.0, 1, held_for=300.0, in_statement=299.0),
        held(80.0, 2, in_use_by="a cursor"),
        held(70.0, 3),
        held(1.0, 4, is_unreferenced=True),
        recently_back=(came_back(75.0, 60.0),),
    )
    assert said(found) == [
        ("lost", "proven"),
        ("overdue", "probable"),
        ("overdue", "possible"),
        ("long_query", "possible"),
        ("returned", "possible"),
    ]
