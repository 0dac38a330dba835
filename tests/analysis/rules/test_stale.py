"""R20 to R22."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.pinging import dear_ping
from dashboard.analysis.rules.stale import kept_too_long, stale
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Closing, Seen
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import DAY, asyncpg_pool, connector, options, pool, times

UNGUARDED = {"pool_pre_ping": False, "pool_recycle": -1}
DEAD = Closing(reason="error", ago=60.0, age=4000.0, idle_before=400.0, used_for=0.01)


def seen(*closings: Closing) -> Seen:
    return Seen(closings=closings, idle_before=times(1.0, 2.0, count=100))


def test_connection_that_died_idle_asks_for_ping() -> None:
    advice = stale(Case(pool=pool(config=UNGUARDED, checkout_rate=50.0), seen=seen(DEAD)))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R20", "warning", "high")
    assert advice.title == "1 connection handed out dead"
    assert advice.evidence == (
        "1 connection failed right after a checkout, the last one 1 min ago.",
        (
            "It had lain idle for 6 min 40 s; 99 % of all checkouts get one that was idle for less "
            "than 2.06 s."
        ),
        "Pre-ping costs one round trip at each of 50 checkouts a second.",
    )
    assert options(advice)[:2] == ["-    pool_pre_ping=False,", "+    pool_pre_ping=True,"]
    assert "error.connection_invalidated" in advice.change


HUNG = replace(DEAD, idle_before=60.0, used_for=900.0, statements=1)


@pytest.mark.parametrize(
    ("closing", "is_told"),
    [
        (HUNG, True),  # A firewall dropped it, and nobody answered.
        (replace(HUNG, idle_before=59.0), False),
        (replace(HUNG, statements=None), False),
        (replace(DEAD, statements=1), True),
        (replace(DEAD, statements=0), True),
        (replace(DEAD, statements=2), False),
        (replace(DEAD, error="ConnectionDoesNotExistError"), True),
        (replace(DEAD, error="CancelledError"), False),
        (replace(DEAD, error="release"), False),
        (replace(DEAD, idle_before=0.031), True),
        (replace(DEAD, idle_before=0.029), False),
    ],
)
def test_first_statement_tells_a_dead_connection(closing: Closing, *, is_told: bool) -> None:
    advice = stale(Case(pool=pool(config=UNGUARDED), seen=seen(closing)))
    assert advice is not None
    assert (advice.title == "1 connection handed out dead") is is_told


def test_failures_of_one_age_ask_for_recycle() -> None:
    dead = [replace(DEAD, ago=60.0 + 100 * n, age=3600.0 + n) for n in range(3)]
    advice = stale(Case(pool=pool(config=UNGUARDED), seen=seen(*dead)))
    assert options(advice)[2:4] == ["-    pool_recycle=-1,", "+    pool_recycle=2880,"]


def test_one_restart_is_less_certain() -> None:
    dead = [replace(DEAD, ago=60.0 + n) for n in range(5)]
    advice = stale(Case(pool=pool(config=UNGUARDED), seen=seen(*dead)))
    assert advice is not None
    assert (advice.severity, advice.confidence) == ("critical", "medium")


def test_asyncpg_gives_idle_ones_up_earlier() -> None:
    short = replace(DEAD, idle_before=100.0)
    advice = stale(Case(pool=asyncpg_pool(), seen=seen(short)))
    assert options(advice) == [
        "-    max_inactive_connection_lifetime=300,",
        "+    max_inactive_connection_lifetime=80,",
    ]


def test_no_guard_at_all_is_told_without_failures() -> None:
    advice = stale(Case(pool=pool(config=UNGUARDED)))
    assert advice is not None
    assert (advice.severity, advice.title) == ("info", "Nothing notices a connection that died")


@pytest.mark.parametrize(
    ("shown", "closings"),
    [
        (pool(), [DEAD]),
        (pool(config={"pool_pre_ping": False, "pool_recycle": 900}), []),
        (pool(config=UNGUARDED, backend="SQLite"), []),
        (pool(config=UNGUARDED, kind="NullPool"), []),
        (asyncpg_pool(), [replace(DEAD, used_for=350.0)]),
        (asyncpg_pool(), [replace(DEAD, reason="idle")]),
        (connector(), [DEAD]),
    ],
)
def test_guarded_pools_are_not_stale(shown: PoolSnapshot, closings: list[Closing]) -> None:
    assert stale(Case(pool=shown, seen=seen(*closings))) is None


def test_recycle_above_the_longest_life_is_too_long() -> None:
    limit = ServerLimit(longest_life=600)
    advice = kept_too_long(Case(pool=pool(), server=limit))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R21", "high")
    assert options(advice) == ["-    pool_recycle=900,", "+    pool_recycle=480,"]
    assert kept_too_long(Case(pool=pool(config={"pool_recycle": 480}), server=limit)) is None


def test_long_idle_without_ping_is_told() -> None:
    idle = Seen(idle_before=times(1.0, 900.0, count=50))
    unpinged = pool(config={"pool_pre_ping": False})
    advice = kept_too_long(Case(pool=unpinged, seen=idle))
    assert advice is not None
    assert (advice.severity, advice.confidence) == ("info", "medium")
    known = kept_too_long(Case(pool=unpinged, seen=idle, server=ServerLimit(longest_idle=240)))
    assert known is not None
    assert (known.severity, known.confidence) == ("warning", "high")
    assert kept_too_long(Case(pool=pool(), seen=idle)) is None
    assert kept_too_long(Case(pool=unpinged, seen=Seen(idle_before=times(1.0)))) is None


def test_asyncpg_that_never_closes_idle_ones_is_told() -> None:
    forever = asyncpg_pool(config={"max_inactive_connection_lifetime": 0})
    assert options(kept_too_long(Case(pool=forever))) == [
        "-    max_inactive_connection_lifetime=0,",
        "+    max_inactive_connection_lifetime=280,",
    ]
    assert kept_too_long(Case(pool=asyncpg_pool())) is None


def pinged(age: float = 40 * DAY, ping: float = 0.001, hold: float = 0.002) -> PoolSnapshot:
    holds = {"use_time": times(hold, count=1000)}
    return pool(age, phases={"pre_ping": times(ping, count=500)}, lifetime=holds)


def test_dear_ping_asks_only_what_lay_idle() -> None:
    advice = dear_ping(Case(pool=pinged()))
    assert advice is not None
    assert (advice.rule, advice.severity, advice.confidence) == ("R22", "info", "medium")
    assert options(advice)[:2] == ["-    pool_pre_ping=True,", "+    pool_pre_ping=False,"]
    assert "engine.sync_engine.dialect.do_ping(connection)" in advice.change


@pytest.mark.parametrize(
    "shown",
    [
        pinged(hold=0.2),
        pinged(age=29.9 * DAY),
        replace(pinged(), closed_by={"error": 1}),
        replace(pinged(), phases={"pre_ping": times(0.001, count=99)}),
        replace(pinged(), phases={}),
    ],
)
def test_cheap_or_needed_ping_stays(shown: PoolSnapshot) -> None:
    assert dear_ping(Case(pool=shown)) is None
