"""What an incident says, from plain data."""

from dataclasses import replace
from datetime import datetime

import pytest

from dashboard.analysis.incidents import holders, opening, outcome, short
from dashboard.analysis.loops import blamed, consequence, sentence
from dashboard.model.origin import CallSite
from dashboard.model.snapshot import LoopLag, StackFrame
from tests.web.readings import AT, PLACE, ROLLUP, checkout, pool

NOON = datetime(2026, 11, 22, 13, 45, 1)  # noqa: DTZ001 -- in the zone in which it is read
CHARGE = CallSite("shop/payments.py", 54, "charge")
FULL = pool(
    used=4,
    size=4,
    maximum=4,
    open=(
        checkout(8.0, CHARGE),
        checkout(12.2, CHARGE),
        checkout(1.5, PLACE),
        checkout(0.4, ROLLUP),
    ),
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.412, "412 ms"),
        (0.9996, "1.0 s"),
        (3.24, "3.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (252.0, "4 min 12 s"),
        (11_100.0, "3 h 5 min"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert short(seconds) == text


def test_full_pool_ran_out() -> None:
    assert opening(FULL, NOON, (), None) == (
        "orders ran out at 13:45:01: 4 of 4 connections were out, 2 of them at "
        "shop/payments.py:54 charge, held for 8.0 to 12 s"
    )


def test_pool_with_room_kept_callers_waiting() -> None:
    roomy = pool(used=1, maximum=15, open=(checkout(0.02, CHARGE),))
    assert opening(roomy, NOON, (), None) == (
        "orders kept callers waiting at 13:45:01: 1 of 15 connections was out, at "
        "shop/payments.py:54 charge, held for 20 ms"
    )
    unbound = pool(used=2, maximum=None, open=(checkout(0.5, CHARGE), checkout(2.0, CHARGE)))
    assert opening(unbound, NOON, (), None) == (
        "orders kept callers waiting at 13:45:01: 2 connections were out, both at "
        "shop/payments.py:54 charge, held for 500 ms to 2.0 s"
    )


def test_retired_connections_hold_no_slot() -> None:
    retired = replace(FULL.open[0], is_retired=True)
    assert holders(replace(FULL, used=1, open=(retired, FULL.open[2]))) == (
        "1 at shop/orders.py:88 place_order for up to 1.5 s"
    )


def test_late_loop_is_blamed_first() -> None:
    frame = StackFrame("shop/exports.py", 31, "render", is_library=False)
    library = StackFrame("ssl.py", 1, "read", is_library=True)
    late = LoopLag(name="MainThread", lag=3.21, since=AT, stack=(library, frame), pools=("orders",))
    assert opening(FULL, NOON, (late,), None).startswith(
        "The event loop was blocked for 3.2 s by shop/exports.py:31 render when callers of orders "
        "waited at 13:45:01: 4 of 4 connections were out"
    )
    assert opening(FULL, NOON, (), 2.0).startswith(
        "The event loop was blocked for 2.0 s when callers of orders waited at 13:45:01: "
    )
    assert blamed(replace(late, stack=(library,))) == "ssl.py:1 read"
    assert blamed(replace(late, stack=())) == ""
    assert sentence(replace(late, stack=(), name="", is_blocked=True)) == (
        "The event loop has been blocked for 3.2 s."
    )
    assert consequence(late, {"orders": FULL}) == (
        "Who lives on it can neither give back nor take a connection meanwhile. orders has 4 of 4 "
        "out."
    )


@pytest.mark.parametrize(
    ("seen", "timeouts", "seconds", "ended", "text"),
    [
        ((3, 2.0), 23, 40.0, "ended", "23 callers timed out in 40 s"),
        ((3, 2.0), 2, 0.3, "", "2 callers timed out within a second"),
        ((3, 2.0), 1, 0.0, "", "1 caller timed out"),
        ((6, 1.3), 0, 0.0, "", "6 callers were waiting, the longest for 1.3 s"),
        (
            (1, 1.3),
            0,
            5.0,
            "ended",
            "1 caller was waiting, the longest for 1.3 s, and nobody timed out",
        ),
        ((0, None), 0, 5.0, "ended", "0 callers were waiting, and nobody timed out"),
    ],
)
def test_outcome_counts_who_gave_up(
    seen: tuple[int, float | None], timeouts: int, seconds: float, ended: str, text: str
) -> None:
    assert outcome(*seen, timeouts, seconds, is_over=bool(ended)) == text


def test_holders_are_told_by_call_site() -> None:
    assert holders(replace(FULL, used=7)) == (
        "2 at shop/payments.py:54 charge for up to 12 s, 1 at shop/orders.py:88 place_order for up "
        "to 1.5 s, 4 elsewhere"
    )
    assert holders(pool(used=0, open=())) == "nobody held a connection"
