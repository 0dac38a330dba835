"""R01 to R03: too small, exhausted, too large."""

from typing import Final

from .. import remedies
from ..case import DAY, Case
from ..lab import WAITED, Lab
from ..sentences import span
from ..sizing import PLENTY
from ..words import line, long, many
from .enlarging import enlarged, may_wait, target
from .holding import idle_sites
from .rule import TRACE, WATCH, Found, rule

_WINDOWS: Final = 2
_FULL: Final = 0.90
_WAITERS: Final = 30
_WEEK: Final = 7 * DAY
#: The share of the time that counts, and how much of a week has to be seen for that.
_MOSTLY: Final = 0.999
_SEEN: Final = 0.9
#: Requests that may find every slot of a smaller pool taken: p99 of the waits is 0.
_RARELY: Final = 0.01


@rule(
    "R01",
    "Pool too small",
    needs=TRACE,
    why="""Callers wait although the database would have answered: every slot is taken when they
    come, and holds do not get longer when more are out. The recorded requests are replayed at
    other sizes, first come, first served; advised is the least size whose p95 wait keeps to the
    target with the upper end of its range. Average utilisation says nothing here: bursts wait at
    a quarter of it.""",
    silent="""p95 stays within the target (10 ms, or a tenth of the median hold), or was above it
    in only one window; fewer than 30 waited; slots were free when callers waited (a slow connect
    or ping, not the size). It is held back while connections leak, while nested checkouts or the
    server are the cause, beyond the server's budget, and before there are 10,000 checkouts and 10
    bursts.""",
)
def too_small(case: Case) -> Found | None:
    """p95 above the target in two windows, and every slot taken at nine of ten waits."""
    lab = case.lab
    if lab is None or case.pool.size is None or not may_wait(case):
        return None
    wanted = target(case)
    windows = lab.windows_over(wanted)
    if len(lab.waiters) < _WAITERS or lab.wait(95) <= wanted:
        return None
    if windows < _WINDOWS or lab.full_share < _FULL:
        return None
    evidence = (
        (
            f"p95 wait {span(lab.wait(95))} over {len(lab):,} checkouts, above {span(wanted)} in "
            f"{windows} windows."
        ),
        f"Every slot was taken at {lab.full_share:.0%} of {len(lab.waiters):,} waits.",
        *_load(lab),
    )
    return enlarged(case, lab, "Callers wait because the pool is too small", evidence)


def _load(lab: Lab) -> tuple[str, ...]:
    present = lab.demand.capacity
    return (
        (
            f"{lab.offered:.1f} connections are held on average (Little's law), "
            f"{lab.offered_peak:.1f} in the busiest seconds; the pool has {present}."
        ),
    )


@rule(
    "R02",
    "Exhausted: callers give up",
    needs=WATCH,
    why="""Somebody waited for as long as the pool allows and got an error (SQLAlchemy:
    "QueuePool limit of size ... reached"). What matters is who held the slots at that moment. If
    they were working, the pool is too small or the work too slow; if they were not, the
    connection is held for something else; if they never come back, it is a leak. Requests that
    gave up stay in the demand that is replayed, with holds of their kind: without them any size
    would look good.""",
    silent="""Nobody gave up, or slots were free at more than a tenth of the time-outs (a server
    that refuses or is slow to connect). The larger size is held back as in R01.""",
)
def exhausted(case: Case) -> Found | None:
    """Time-outs with every slot taken."""
    lab = case.lab
    if lab is None or not case.pool.timeouts or not lab.timeouts:
        return None
    full = lab.full_at_timeouts()
    if full < _FULL * len(lab.timeouts):
        return None
    holders, slots = lab.holders_at_timeouts(), lab.demand.capacity
    among = "" if full == len(lab.timeouts) else f"; of {len(lab.timeouts):,} lately {full:,}"
    evidence = (
        (
            f"{many(case.pool.timeouts, 'caller')} gave up{among}, with "
            f"{'its only slot' if slots == 1 else f'all {slots} slots'} taken."
        ),
        *_held_by(lab, holders.most_common(3), holders.total()),
    )
    title = f"{many(case.pool.timeouts, 'caller')} gave up waiting for a connection"
    idle = {site.call_site: site for site in idle_sites(case)}
    top = lab.site_of(holders.most_common(1)[0][0]) if holders else None
    if top in idle:
        busy = idle[top].busy_time / idle[top].total_hold
        return Found(
            title=title,
            severity="critical",
            evidence=(*evidence, f"{line(top)} uses {busy:.1%} of the time that it holds."),
            code=remedies.earlier(case, top),
            reasons=("release before the slow part: a larger pool would be held as well",),
            effect="The slots are free while the slow part runs; see R13.",
            confidence="medium",
            benefit=float(len(lab.timeouts)),
        )
    return enlarged(case, lab, title, evidence, "critical")


def _held_by(lab: Lab, holders: list[tuple[int, int]], total: int) -> tuple[str, ...]:
    parts = []
    for site_number, count in holders:
        site = lab.site_of(site_number)
        if site is not None:
            parts.append(f"{line(site)} {count / total:.0%}")
    if not parts:
        return ()
    last = min(20, len(lab.timeouts))
    when = "the last time-out" if last == 1 else f"the last {last} time-outs"
    return (f"Held then by {', '.join(parts)} ({when}).",)


@rule(
    "R03",
    "Pool too large",
    needs=WATCH,
    why="""A pool that hardly ever has half of its connections out keeps the others open for
    nothing: each is a process or thread of the server, memory, and a share of max_connections that
    another worker may lack. A large pool also lets a burst, or a leak, reach the server unbraked.
    What counts is how many were out for 99.9 % of the time, second by second; the smaller pool is
    advised only where the replay of the recorded requests shows no wait.""",
    silent="""The watch is younger than a week, or the pool went idle for all of it; more than half
    of pool_size (less two) was out in 99.9 % of the time; somebody would wait in the replay.
    Where nobody looked for most of the week, or too few requests were recorded for a replay, the
    peak counts instead.""",
)
def oversized(case: Case) -> Found | None:
    """What a week held for 99.9 % of the time, and two more, fit into half of the size."""
    pool = case.pool
    if pool.size is None or case.watched_for < _WEEK or not pool.checkouts:
        return None
    if pool.library == "aiohttp":
        return None
    for most in dict.fromkeys((_mostly_out(case), pool.peak)):
        wanted = max(2, most + 2)
        if most + 2 <= 0.5 * pool.size and (most == pool.peak or _is_waitless(case, wanted)):
            return _shrunk(case, most, wanted)
    return None


def _mostly_out(case: Case) -> int:
    """How many were out for 99.9 % of the time; the peak where most of the week was not seen."""
    levels = case.seen.levels
    total = sum(levels.values())
    if total < _SEEN * _WEEK:
        return case.pool.peak
    rest = total
    for level in sorted(levels):
        rest -= levels[level]
        if rest <= (1 - _MOSTLY) * total:
            return min(level, case.pool.peak)
    return case.pool.peak


def _is_waitless(case: Case, size: int) -> bool:
    """Whether nobody would wait in the replay, p99."""
    if case.lab is None or case.lab.demand.size is None:
        return False
    row = next(iter(case.lab.predict([size]).rows), None)
    if row is None or row.range is None or len(case.lab) < PLENTY or row.range[1] > WAITED:
        return False
    if row.p99 is not None:
        return row.p99 <= WAITED
    # Fewer at once do not slow the server down, so what came at busy times decides.
    return case.lab.share_beyond(size + row.overflow) <= _RARELY


def _shrunk(case: Case, most: int, wanted: int) -> Found:
    pool = case.pool
    size = pool.size or 0
    freed = (size - wanted) * case.server.workers
    option = {"asyncpg": "max_size"}.get(pool.library, "pool_size")
    settings: dict[str, tuple[object, object]] = {option: (size, wanted)}
    floor = case.number("min_size")
    if floor is not None and floor > wanted:
        settings["min_size"] = (int(floor), wanted)
    is_peak = most == pool.peak
    seen = f"in {long(case.watched_for)} ({pool.checkouts:,} checkouts)"
    usual = f"At most {most} of {size} were out for 99.9 % of the time {seen}; the peak was"
    waits = (
        "nobody would have waited"
        if is_peak
        else "p99 is 0 in the replay; who comes in a peak such as that one may wait"
    )
    return Found(
        title="The pool is larger than a week needed",
        severity="info",
        evidence=(
            f"At most {most} of {size} were out at once {seen}."
            if is_peak
            else f"{usual} {pool.peak}.",
        ),
        settings=settings,
        reasons=(
            f"the peak of {most} and two more" if is_peak else f"{most} mostly, and two more",
        ),
        effect=f"Waits unchanged: {waits}. {many(freed, 'server connection')} free for others.",
        confidence="medium",
        benefit=float(freed),
    )
