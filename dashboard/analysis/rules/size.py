"""R01 to R03: too small, exhausted, too large."""

from typing import Final

from .. import remedies
from ..case import DAY, Case
from ..explaining import span
from ..lab import Lab
from ..words import line, long, many
from .enlarging import enlarged, may_wait, target
from .holding import idle_sites
from .rule import TRACE, WATCH, Found, rule

_WINDOWS: Final = 2
_FULL: Final = 0.90
_WAITERS: Final = 30
_WEEK: Final = 7 * DAY


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
    in only one window; slots were free when callers waited (a slow connect or ping, not the
    size). It is held back while connections leak, while nested checkouts or the server are the
    cause, beyond the server's budget, and before there are 10,000 checkouts and 10 bursts.""",
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
    silent="""Nobody gave up, or slots were free when they did (a server that refuses or is slow
    to connect). The larger size is held back as in R01.""",
)
def exhausted(case: Case) -> Found | None:
    """Time-outs with every slot taken."""
    lab = case.lab
    if lab is None or not case.pool.timeouts or not lab.timeouts:
        return None
    if lab.full_at_timeouts() < _FULL * len(lab.timeouts):
        return None
    holders = lab.holders_at_timeouts()
    evidence = (
        (
            f"{many(case.pool.timeouts, 'caller')} gave up, with all {lab.demand.capacity} slots "
            "taken."
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
    return (f"Held then by {', '.join(parts)} (the last {min(20, len(lab.timeouts))} time-outs).",)


@rule(
    "R03",
    "Pool too large",
    needs=WATCH,
    why="""A pool that never has half of its connections out keeps the others open for nothing:
    each is a process or thread of the server, memory, and a share of max_connections that another
    worker may lack. A large pool also lets a burst, or a leak, reach the server unbraked.""",
    silent="""The watch is younger than a week, or the pool went idle for all of it; more than half
    of pool_size (less two) was ever out at once. The peak is the highest since the watch began,
    which is stricter than the 99.9th percentile.""",
)
def oversized(case: Case) -> Found | None:
    """A week's peak, and two more, fit into half of the size."""
    pool = case.pool
    if pool.size is None or case.watched_for < _WEEK or not pool.checkouts:
        return None
    if pool.peak + 2 > 0.5 * pool.size:
        return None
    wanted = max(2, pool.peak + 2)
    freed = (pool.size - wanted) * case.server.workers
    option = {"asyncpg": "max_size", "aiohttp": "limit"}.get(pool.library, "pool_size")
    if pool.library == "aiohttp":
        return None
    settings: dict[str, tuple[object, object]] = {option: (pool.size, wanted)}
    floor = case.number("min_size")
    if floor is not None and floor > wanted:
        settings["min_size"] = (int(floor), wanted)
    return Found(
        title="The pool is larger than a week needed",
        severity="info",
        evidence=(
            (
                f"At most {pool.peak} of {pool.size} were out at once in {long(case.watched_for)} "
                f"({pool.checkouts:,} checkouts)."
            ),
        ),
        settings=settings,
        reasons=(f"the peak of {pool.peak} and two more",),
        effect=f"Waits unchanged: nobody would have waited. {many(freed, 'server connection')} "
        "free for others.",
        confidence="medium",
        benefit=float(freed),
    )
