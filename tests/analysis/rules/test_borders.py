"""Each trigger at its border: the case that just does not speak, and the one that just does."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules import RULES, Rule
from dashboard.model.limits import ServerLimit
from dashboard.model.seen import Birth, Closing, HostUse, Seen, Start
from dashboard.model.snapshot import Nesting
from tests.analysis.rules.cases import (
    DAY,
    OTHER,
    SITE,
    asyncpg_pool,
    connector,
    pool,
    site,
    suspect,
    times,
)

BY_ID = {rule.id: rule for rule in RULES}
WORN = {"size": 5, "overflow": 0, "peak": 9}
BRIEF = Seen(closings=(Closing(reason="idle", ago=1.0, age=9.9),))
START = Start(
    opened_at_once=4, connect_first=0.2, connect_later=0.06, wait_first=0.0, wait_later=0.0
)
DEAD = Closing(reason="error", ago=5.0, age=60.0, idle_before=15.0, used_for=0.002)
BANK = HostUse(host="bank:443", used=8, waiting=1, total_used=99)
RESETS = {"reset": times(0.02, count=100)}
LONGEST = times(0.02).longest


def births(kind: str, *agos: float, alive: int = 0, checkouts: int = 400) -> Seen:
    """A line that made pools so many seconds ago."""
    library = "aiohttp" if kind == "session" else "sqlalchemy"
    made = Birth(
        call_site=SITE,
        library=library,
        kind=kind,
        count=len(agos),
        alive=alive,
        checkouts=checkouts,
        times=agos,
    )
    return Seen(births=(made,))


def case(shown: Any = None, seen: Seen | None = None, **limits: Any) -> Case:
    """A case of a pool, of what was seen of it, and of what somebody entered."""
    return Case(pool=shown or pool(), seen=seen or Seen(), server=ServerLimit(**limits))


def closed(count: int, seen: Seen = BRIEF, **facts: Any) -> Case:
    """So many overflow connections were closed within an hour."""
    return case(pool(closed_by={"idle": count}, **{**WORN, **facts}), seen)


def started(**facts: Any) -> Case:
    return case(pool(size=5, max=5), Seen(start=replace(START, **facts)))


def idle_in(*quiet: float, line: Any = None) -> Case:
    found = tuple(suspect("stalled", "possible", quiet_for=each) for each in quiet)
    return Case(pool=pool(call_sites=(line or site(),)), suspects=found)


def nestings(owners: int, depth: int, slots: int) -> Case:
    one = Nesting(outer=SITE, inner=OTHER, count=3, depth=depth, owners=owners)
    return case(pool(nestings=(one,), max=slots))


def threads(count: int) -> Case:
    return case(pool(kind="QueuePool", pending_requests=1), Seen(threads=count))


def kept(recycle: float, life: float) -> Case:
    return case(pool(config={"pool_recycle": recycle}), longest_life=life)


def pinged(days: float, ping: float, hold: float) -> Case:
    """A checkout a second."""
    shown = pool(
        days * DAY,
        phases={"pre_ping": times(ping, count=500)},
        lifetime={"use_time": times(hold, count=1000)},
    )
    return case(replace(shown, checkouts=round(days * DAY)))


def hosts(*found: HostUse, **options: Any) -> Case:
    return case(connector(config=options), Seen(hosts=found))


def failing(ttl: object) -> Case:
    return case(connector(config={"ttl_dns_cache": ttl}, failures={"connection_error": 1}))


def looked_up(dns: float, **facts: Any) -> Case:
    phases = {"dns": times(dns, count=20), "connect": times(0.1, count=20)}
    return case(connector(phases=phases, **{"created": 20, "checkouts": 400, **facts}))


def settings() -> Iterator[tuple[str, Case, Case]]:
    """R04 to R08: rule, silent, speaking."""
    yield "R04", closed(60, checkouts=10**6), closed(61, checkouts=10**6)
    yield "R04", closed(20, Seen(), checkouts=1000), closed(21, Seen(), checkouts=1000)
    aged = replace(BRIEF, closings=(Closing(reason="idle", ago=1.0, age=10.0),))
    yield "R04", closed(600, aged, checkouts=10**6), closed(600, checkouts=10**6)
    yield "R04", closed(9, checkouts=9), closed(10, checkouts=10)
    yield "R05", case(pool(6.9 * DAY, peak=5)), case(pool(7 * DAY, peak=5))
    yield "R05", case(pool(8 * DAY, peak=6)), case(pool(8 * DAY, peak=5))
    yield "R06", case(max_connections=13), case(max_connections=12)
    yield "R06", case(max_connections=43, workers=4), case(max_connections=43, workers=5)
    patient = pool(config={"pool_timeout": 8.0}, lifetime={"use_time": times(2.0, count=100)})
    yield "R08", case(patient, deadline=10.1), case(patient, deadline=10.0)
    yield (
        "R08",
        case(pool(config={"pool_timeout": 10.0}), deadline=10.0),
        case(pool(config={"pool_timeout": 10.01}), deadline=10.0),
    )
    yield (
        "R08",
        case(asyncpg_pool(), Seen(acquire_timeout=10.0), deadline=10.0),
        case(asyncpg_pool(), Seen(acquire_timeout=10.1), deadline=10.0),
    )


def holding() -> Iterator[tuple[str, Case, Case]]:
    """R09 to R15."""
    yield "R09", started(opened_at_once=3), started()
    yield "R09", started(connect_later=0.07), started()
    slow = {"connect_first": None, "wait_first": 0.1}
    yield "R09", started(**slow, wait_later=0.01), started(**slow, wait_later=0.009)
    yield "R12", idle_in(29.9), idle_in(30.0)
    yield "R12", idle_in(5.0, 4.9), idle_in(5.0, 5.0)
    yield (
        "R12",
        idle_in(6.0, line=site(quiet_time=times(4.5))),
        idle_in(6.0, line=site(quiet_time=times(5.5))),
    )
    for below, above in (
        ({"busy_time": 20.0}, {"busy_time": 19.9}),
        ({"share": 0.199}, {"share": 0.2}),
        ({"checkouts": 99}, {"checkouts": 100}),
    ):
        yield (
            "R13",
            case(pool(call_sites=(site(**below),))),
            case(pool(call_sites=(site(**above),))),
        )
    yield "R15", threads(10), threads(11)


def lives() -> Iterator[tuple[str, Case, Case]]:
    """R16 and R17."""
    engines = (0.0, 60.0, 120.0, 180.0)
    yield (
        "R16",
        case(seen=births("engine", *engines)),
        case(seen=births("engine", 0.0, 60.0, 120.0, 179.0)),
    )
    few = (700.0, 800.0, 900.0, 1000.0)
    yield (
        "R16",
        case(seen=births("engine", *few, alive=3)),
        case(seen=births("engine", *few, alive=4)),
    )
    yield (
        "R16",
        case(seen=births("engine", 1.0, 2.0, 3.0, alive=3)),
        case(seen=births("engine", 1.0, 2.0, 3.0, 4.0)),
    )
    ten = tuple(float(each) for each in range(10))
    yield (
        "R17",
        case(connector(), births("session", *ten, checkouts=30)),
        case(connector(), births("session", *ten, checkouts=29)),
    )
    slowly = tuple(10.0 * each for each in range(10))
    yield (
        "R17",
        case(connector(), births("session", *slowly, checkouts=20)),
        case(connector(), births("session", *ten, checkouts=20)),
    )
    yield (
        "R17",
        case(connector(), births("session", *ten[:3], checkouts=6)),
        case(connector(), births("session", *ten[:4], checkouts=8)),
    )


def servers() -> Iterator[tuple[str, Case, Case]]:
    """R21 to R24."""
    yield "R21", kept(899, 900), kept(900, 900)
    unpinged = pool(config={"pool_pre_ping": False})
    yield (
        "R21",
        case(unpinged, Seen(idle_before=times(339.0))),
        case(unpinged, Seen(idle_before=times(361.0))),
    )
    keep = asyncpg_pool(config={"max_inactive_connection_lifetime": 300.0})
    yield "R21", case(keep, longest_idle=301), case(keep, longest_idle=300)
    yield "R22", pinged(29.9, 0.001, 0.002), pinged(30, 0.001, 0.002)
    yield "R22", pinged(31, 0.001, 0.011), pinged(31, 0.001, 0.009)
    yield (
        "R24",
        case(asyncpg_pool(address="db:6432/x", max=20)),
        case(asyncpg_pool(address="db:6432/x", max=21)),
    )
    yield (
        "R24",
        case(asyncpg_pool(address="db:6543/x", max=10), workers=3, pooler=30),
        case(asyncpg_pool(address="db:6543/x", max=10), workers=4, pooler=30),
    )


def clients() -> Iterator[tuple[str, Case, Case]]:
    """R25 to R28."""
    yield (
        "R25",
        hosts(replace(BANK, total_used=100), limit_per_host=8),
        hosts(BANK, limit_per_host=8),
    )
    yield "R25", hosts(replace(BANK, used=7), limit_per_host=8), hosts(BANK, limit_per_host=8)
    other = replace(BANK, host="shop:443", used=1)
    yield "R25", hosts(replace(BANK, used=80), other), hosts(replace(BANK, used=81), other)
    yield (
        "R26",
        case(connector(), Seen(closings=(replace(DEAD, idle_before=15.1),))),
        case(connector(), Seen(closings=(DEAD,))),
    )
    yield "R28", failing(300), failing(301)
    yield "R28", looked_up(0.0108), looked_up(0.0118)
    yield "R28", looked_up(0.05, created=3), looked_up(0.05, created=4)


def patience() -> Iterator[tuple[str, Case, Case]]:
    """R29 and R30."""
    waited = asyncpg_pool(oldest_wait=30.0)
    yield "R29", case(waited), case(replace(waited, oldest_wait=30.1))
    yield "R29", case(waited, deadline=30.0), case(waited, deadline=29.9)
    gave_up = replace(waited, oldest_wait=45.0)
    yield (
        "R29",
        case(gave_up, Seen(acquire_timeout=45.0)),
        case(gave_up, Seen(acquire_timeout=44.0)),
    )
    short = asyncpg_pool(phases=RESETS)
    yield (
        "R30",
        case(short, Seen(acquire_timeout=10 * LONGEST)),
        case(short, Seen(acquire_timeout=9.9 * LONGEST)),
    )


BORDERS = (settings, holding, lives, servers, clients, patience)


@pytest.mark.parametrize(
    ("rule", "silent", "speaking"),
    [
        pytest.param(BY_ID[rule], *cases, id=f"{rule}-{number}")
        for number, (rule, *cases) in enumerate(chain.from_iterable(border() for border in BORDERS))
    ],
)
def test_rule_speaks_on_one_side_of_its_border(rule: Rule, silent: Case, speaking: Case) -> None:
    assert rule(silent) is None
    assert rule(speaking) is not None


@pytest.mark.parametrize(
    ("one", "severity"),
    [
        (nestings(5, 2, 6), "info"),
        (nestings(5, 2, 5), "critical"),
        (nestings(4, 3, 9), "info"),
        (nestings(4, 3, 8), "critical"),
    ],
)
def test_nesting_is_harmless_from_the_floor_on(one: Case, severity: str) -> None:
    advice = BY_ID["R14"](one)
    assert advice is not None
    assert advice.severity == severity
