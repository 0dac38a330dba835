"""What the rules say of one, and of several."""

from dataclasses import replace

import pytest

from dashboard.analysis import deadlock
from dashboard.analysis.case import Case
from dashboard.analysis.rules.holding import held_unused, nested
from dashboard.analysis.rules.http import mismatch, starving
from dashboard.analysis.rules.leaks import idle_in_transaction, leaking, unread
from dashboard.analysis.rules.lifetimes import never_closed, per_request
from dashboard.analysis.rules.pooler import double
from dashboard.analysis.rules.server import too_many
from dashboard.analysis.rules.stale import stale
from dashboard.analysis.rules.timing import endless
from dashboard.analysis.status import status_of
from dashboard.model.findings import Advice
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Birth, Closing, Home, HostUse, Seen
from dashboard.model.snapshot import Nesting, Waiter
from tests.analysis.rules.cases import (
    NOW,
    OTHER,
    SITE,
    asyncpg_pool,
    connector,
    pool,
    site,
    suspect,
)


def told(advice: Advice | None) -> str:
    """All that an advice says."""
    assert advice is not None
    return " | ".join((advice.title, *advice.evidence, advice.effect, advice.change))


BIRTH = Birth(
    call_site=SITE,
    library="sqlalchemy",
    kind="engine",
    address="db:5432/shop",
    count=40,
    alive=1,
    ended=39,
    checkouts=40,
    times=tuple(float(n) for n in range(1, 41)),
)


def test_one_engine_is_alive() -> None:
    one = told(per_request(Case(pool=pool(), seen=Seen(births=(BIRTH,)))))
    assert "; 1 is alive, 1 checkout each." in one
    more = replace(BIRTH, alive=2, checkouts=48)
    assert "; 2 are alive, 1.2 checkouts each." in told(
        per_request(Case(pool=pool(), seen=Seen(births=(more,))))
    )


def test_one_engine_was_dropped() -> None:
    births = (replace(BIRTH, unclosed=1),)
    one = told(never_closed(Case(pool=pool(), seen=Seen(births=births))))
    assert "1 of 40 engines that shop/orders.py:88 place_order made was dropped while open." in one
    gone = Case(pool=pool(count=1), seen=Seen(home=Home(is_loop_closed=True)))
    assert "1 connection was open when the loop was closed." in told(never_closed(gone))


def test_one_slot_comes_back() -> None:
    found = leaking(Case(pool=pool(used=4), suspects=(suspect(),)))
    assert "1 slot comes back and stays." in told(found)
    assert "place_order: 1 connection, held for 12 min by task Task-7." in told(found)


def test_last_free_slot_is_gone() -> None:
    found = (suspect(), suspect(), suspect())
    assert "the 1 free slot is gone in about 20 min." in told(
        leaking(Case(pool=pool(used=9), suspects=found))
    )


def test_lost_slots_have_an_hour() -> None:
    found = (suspect("orphaned", "probable"),)
    assert "Lost: 1 an hour." in told(unread(Case(pool=connector(lost=1), suspects=found)))


@pytest.mark.parametrize(
    ("idle", "text"),
    [
        ((45.0,), "1 transaction idle for 45 s."),
        ((45.0, 97.0), "2 transactions idle, the longest for 1 min 37 s."),
    ],
)
def test_idle_transactions_are_counted(idle: tuple[float, ...], text: str) -> None:
    found = tuple(suspect("stalled", "probable", quiet_for=each) for each in idle)
    assert text in told(idle_in_transaction(Case(pool=pool(), suspects=found)))


def test_one_owner_waits_for_itself() -> None:
    nesting = Nesting(outer=SITE, inner=OTHER, count=1, depth=2, owners=1)
    locked = (suspect("deadlocked", "probable"),)
    shown = pool(nestings=(nesting,), max=1)
    one = told(nested(Case(pool=shown, suspects=locked)))
    assert "1 owner waits for itself now." in one
    other = replace(locked[0], owner=replace(locked[0].owner, ident=2))
    assert "1 owner waits for itself now." in told(nested(Case(pool=shown, suspects=locked * 2)))
    assert "2 owners wait for each other now." in told(
        nested(Case(pool=shown, suspects=(*locked, other)))
    )
    assert deadlock.hazard(shown) == (
        "1 caller with 2 can lock up a pool of 1: 2 connections would rule it out",
    )


def test_one_statement_in_all() -> None:
    shown = pool(call_sites=(site(statements=1),))
    assert "(1,000 checkouts, 1 statement)." in told(held_unused(Case(pool=shown)))


DEAD = Closing(reason="error", ago=60.0, age=900.0, idle_before=400.0, used_for=0.002)


def test_one_died_idle_after_its_time() -> None:
    shown = pool(config={"pool_pre_ping": False})
    one = told(stale(Case(pool=shown, seen=Seen(closings=(DEAD,)))))
    assert "It had lain idle for 6 min 40 s." in one
    assert "1 connection died idle, after 6 min 40 s" in one
    two = Seen(closings=(DEAD, replace(DEAD, idle_before=500.0)))
    assert "They had lain idle for 6 min 40 s to 8 min 20 s." in told(
        stale(Case(pool=shown, seen=two))
    )


def test_several_were_taken_again() -> None:
    broken = Closing(reason="error", ago=5.0, age=60.0, idle_before=5.2, used_for=0.002)
    one = told(mismatch(Case(pool=connector(), seen=Seen(closings=(broken,)))))
    two = told(mismatch(Case(pool=connector(), seen=Seen(closings=(broken, broken)))))
    assert "1 connection failed right after it was taken again; the least idle" in one
    assert "2 connections failed right after they were taken again; the least idle" in two


def test_one_request_no_longer_waits() -> None:
    bank = HostUse(host="bank:443", used=1, waiting=1, total_used=2)
    found = starving(Case(pool=connector(config={"limit_per_host": 1}), seen=Seen(hosts=(bank,))))
    assert "1 of limit_per_host 1 was in use for bank:443 and 1 request waited." in told(found)
    assert "Up to 1 request at a time no longer waits for this limit." in told(found)


def test_one_pool_is_no_pools() -> None:
    limit = ServerLimit(max_connections=8)
    assert too_many(Case(pool=pool(), server=limit)).title.startswith(  # type: ignore[union-attr]
        "The pool may ask the server for 10 connections"
    )
    many = ServerLimit(max_connections=8, workers=2)
    assert too_many(Case(pool=pool(), server=many)).title.startswith(  # type: ignore[union-attr]
        "The pools may ask the server for 20 connections"
    )


def test_one_worker_has_all_of_the_pooler() -> None:
    shown = pool(address="db:6432/shop", max=30, size=25)
    assert "20 over 1 worker" in told(double(Case(pool=shown)))


def test_waiter_has_waited_for_its_time() -> None:
    waiter = Waiter(call_site=SITE, owner=suspect().owner, request=None, waited_for=97.0, since=NOW)
    shown = asyncpg_pool(waiting=(waiter,), oldest_wait=97.0)
    assert "shop/orders.py:88 has waited for 1 min 37 s." in told(endless(Case(pool=shown)))


def test_watching_failed_once() -> None:
    said = status_of(pool(state="failed", probe_errors=1), ()).sentence
    assert said.startswith("Watching failed 1 time and stopped itself")


def test_lines_that_never_met_may_lock_up_together() -> None:
    five = Nesting(outer=SITE, inner=OTHER, count=9, depth=2, owners=5)
    deep = Nesting(outer=OTHER, inner=OTHER, count=1, depth=3, owners=1)
    found = nested(Case(pool=pool(nestings=(five, deep), max=8)))
    assert found is not None
    assert found.severity == "warning"
    assert "5 x (3 - 1) + 1 = 11 slots are safe; the pool has 8." in told(found)
