from dataclasses import replace
from datetime import timedelta

from dashboard.analysis.first_aid import elsewhere, explained
from dashboard.analysis.status import Finding, findings
from dashboard.model.findings import Incident, Suspect
from dashboard.model.origin import CallSite
from dashboard.model.snapshot import Nesting, PoolSnapshot
from tests.web.readings import AT, PLACE, ROLLUP, checkout, pool, site_stats, snapshot, suspect

NOTE = CallSite("shop/orders.py", 102, "write_note")
NESTED = (Nesting(outer=PLACE, inner=NOTE, count=9, depth=2, owners=9),)


def told(
    given: PoolSnapshot, suspects: tuple[Suspect, ...] = (), incident: Incident | None = None
) -> Finding:
    seen = snapshot(given)
    (found,) = findings(seen, suspects)
    return explained(found, seen.pools, suspects, incident)


def full(**changes: object) -> PoolSnapshot:
    return pool(used=30, waiting=8, **changes)  # type: ignore[arg-type]


def test_leak_is_to_be_returned_in_a_with_block() -> None:
    assert told(pool(used=3), (suspect(verdict="orphaned"),)).remedy == (
        "Use a “with” block at shop/reports.py:61, so that it comes back after an error too; "
        "a restart frees the slots meanwhile."
    )


def test_nested_checkout_is_to_be_passed_down() -> None:
    assert told(full(nestings=NESTED)).remedy == (
        "Pass the connection of place_order down to write_note (shop/orders.py:102) instead of "
        "asking for a second one."
    )


def test_line_that_holds_most_is_to_hold_for_less() -> None:
    assert told(full()).remedy == (
        "Let place_order hold for less, let fewer run at once, or give it a pool of its own."
    )


def test_statements_tell_what_to_make_faster() -> None:
    stats = site_stats(PLACE, 0.5)
    busy = replace(stats, busy_time=stats.total_hold * 0.9)
    seen = full(sees_statements=True, call_sites=(busy,))
    assert told(seen).remedy.startswith("Its statements take the time: make those of place_order")
    quiet = replace(stats, busy_time=stats.total_hold * 0.07)
    seen = full(sees_statements=True, call_sites=(quiet,))
    assert told(seen).remedy == (
        "place_order is in statements for 7 % of its hold: give the connection back before the "
        "rest."
    )


def test_free_slots_point_at_the_connect() -> None:
    given = pool(used=0, waiting=2, oldest_wait=0.4, checkout_rate=3.0)
    assert told(given).remedy == (
        "Slots are free: they wait for a connect or a ping. Look at the connect time."
    )


def test_timing_out_names_who_held_when_it_ran_out() -> None:
    at = AT + timedelta(seconds=41)
    calm = pool(used=1, timeouts=90, at=at, last_timeout=at - timedelta(seconds=6), nestings=NESTED)
    incident = Incident(
        id="orders-1", pool="orders", at=AT, cause="timeout", snapshot=full(), timeouts=36
    )
    found = told(calm, (), incident)
    assert found.evidence == (
        "36 callers timed out in 35 s, the last one 6 seconds ago. When the first gave up, 30 of "
        "30 connections were out, all of them at shop/orders.py:88 place_order, held for 100 ms to "
        "3.0 s."
    )
    assert found.call_site == "shop/orders.py:88 place_order"
    assert found.remedy.startswith("Pass the connection of place_order down")


def test_connections_unused_while_their_owners_are_elsewhere() -> None:
    charge = CallSite("shop/payments.py", 21, "charge")
    idle = [
        replace(checkout(2.5 + n, ROLLUP, owner=n, connection=n), quiet_for=2.4) for n in (1, 2)
    ]
    orders = pool(used=2, maximum=10, open=tuple(idle))
    payments = pool("payments", used=2, open=tuple(checkout(2.0, charge, n, n) for n in (1, 2)))
    (found,) = elsewhere(snapshot(orders, payments).pools, 3)
    assert found.claim == "orders has 2 connections out that nobody uses."
    assert found.evidence == (
        "Taken by shop/reports.py:61 rollup; their owners are at payments meanwhile, for up to "
        "2 seconds."
    )
    assert found.remedy == "Give the connection back before going to payments."
    alone = replace(orders, open=orders.open[:1])
    assert elsewhere(snapshot(alone, payments).pools, 3) == []
