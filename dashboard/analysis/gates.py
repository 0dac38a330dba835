"""What keeps an advice back: too little data, a leak, a slow server, a small budget."""

from collections import Counter
from typing import Final

from ..model.findings import Suspect
from . import budget, deadlock
from .case import Case
from .sizing import ENOUGH, ENOUGH_BURSTS, LEAST_SECONDS
from .words import long, many

#: Verdicts that a larger pool would only feed.
_LEAKS: Final = frozenset({"lost", "orphaned", "overdue", "ghost"})
_DO_NOT: Final = "do not enlarge"
#: A server that is slower than this share of its speed alone is the bottleneck.
_FITTED_SPEED: Final = 0.8


def data(case: Case) -> str:
    """G1: `collecting: 3,100 of 10,000 checkouts, bursts 2 of 10`; empty when there is enough."""
    lab = case.lab
    if lab is None:
        return f"collecting: 0 of {ENOUGH:,} checkouts"
    if lab.is_enough:
        if lab.duration >= LEAST_SECONDS:
            return ""
        return f"collecting: {lab.duration:.0f} of {LEAST_SECONDS:.0f} seconds"
    is_told = lab.is_calm or lab.bursts >= ENOUGH_BURSTS
    bursts = "" if is_told else f", bursts {lab.bursts} of {ENOUGH_BURSTS}"
    return f"collecting: {len(lab):,} of {ENOUGH:,} checkouts{bursts}"


def leaks(case: Case) -> tuple[Suspect, ...]:
    """Suspects that are proven or probable."""
    return tuple(
        suspect
        for suspect in case.suspects
        if suspect.verdict in _LEAKS and suspect.certainty in {"proven", "probable"}
    )


def leak(case: Case) -> str:
    """G2: `do not enlarge: 2 connections leak at shop/orders.py:88`."""
    found = leaks(case)
    if not found:
        return ""
    (site, _), *others = Counter(
        f"{each.call_site.file}:{each.call_site.line}" for each in found
    ).most_common()
    count = len(found)
    leak = "1 connection leaks" if count == 1 else f"{count} connections leak"
    more = f" and {many(len(others), 'more line')}" if others else ""
    return f"{_DO_NOT}: {leak} at {site}{more}"


def nested(case: Case) -> str:
    """Nested checkouts dominate: `do not enlarge: shop/orders.py:88 holds one and asks again`.

    They do when those seen together can lock the pool up: its size is below Tn x (Cm - 1) + 1.
    """
    limit = case.pool.max
    for each in case.pool.nestings:
        floor = deadlock.floor_of([each]).slots
        if limit is not None and limit < floor and case.pool.timeouts + case.pool.pending_requests:
            return (
                f"{_DO_NOT}: {each.outer.file}:{each.outer.line} holds a connection and asks for "
                f"another, up to {each.owners} at a time"
            )
    return ""


def saturation(case: Case) -> str:
    """G3: the server is slower with what is out at the present size than with one."""
    if case.lab is None:
        return ""
    found = case.lab.slowdown
    if found.verdict != "saturating":
        return ""
    present = min(case.lab.demand.capacity or found.observed, found.observed)
    speed = found.speeds(present)[present]
    if speed > _FITTED_SPEED:
        return ""
    return (
        f"{_DO_NOT}: the server slows down with what is out, to {speed:.0%} of its speed at "
        f"{present} (holds are {found.ratio or 1:.1f} times as long at busy times)"
    )


def blocked(case: Case) -> str:
    """The event loop stands still: callers wait for it, not for a connection."""
    loop = case.pool.blocked_by
    if loop is None:
        return ""
    return f"{_DO_NOT}: the event loop of {loop.name} is blocked, for {long(loop.lag)} by now"


def room(case: Case, size: int) -> str:
    """G4: the server has no connections for `size` of this pool."""
    found = budget.for_pool(case.pool, case.pools, case.server)
    most = None if found is None else found.room(case.pool.name)
    if found is None or most is None or size <= most:
        return ""
    return (
        f"{_DO_NOT}: {found.sentence()[:-1]}, so this pool may have {most} in each worker, "
        f"not {size}"
    )


def enlarging(case: Case, size: int | None = None) -> str:
    """The first gate that keeps a larger pool from being advised; empty when none does."""
    return (
        leak(case)
        or nested(case)
        or blocked(case)
        or saturation(case)
        or data(case)
        or ("" if size is None else room(case, size))
    )
