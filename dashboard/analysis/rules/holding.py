"""R13 to R15: connections held for something else, or held twice."""

from typing import Final

from ...model.snapshot import CallSiteStats
from ...model.whatif import Change
from .. import deadlock, gates, remedies
from ..case import Case
from ..words import fitting, line, long, many, number, sentence
from .enlarging import predicted_change
from .rule import WATCH, Found, rule

#: A line is looked at from so many checkouts and this share of the connection time on.
_ENOUGH: Final = 100
_SHARE: Final = 0.20
_BUSY: Final = 0.5
#: Seconds of a hold that may go without statements: the program's own work, commit and reset.
_OWN_WORK: Final = 0.005
#: What a released and taken connection costs beside its statements: a round trip.
_ROUND_TRIP: Final = 0.001
#: Threads of anyio's pool, unless told otherwise.
ANYIO: Final = 40


def idle_sites(case: Case) -> tuple[CallSiteStats, ...]:
    """Lines that hold a large share of the connection time and use less than half of it."""
    return tuple(
        site
        for site in case.busiest_sites()
        if site.checkouts >= _ENOUGH
        and site.share >= _SHARE
        and site.statements
        and site.busy_time < _BUSY * site.total_hold
        and site.total_hold - site.busy_time >= _OWN_WORK * site.checkouts
    )


@rule(
    "R13",
    "Held while not used",
    needs=WATCH,
    why="""A connection that is held while its owner calls another service, computes, or streams
    an answer is a slot that does nothing: with one query of 3 ms and a call of 40 s the pool has
    to be ten thousand times as large as the database needs. This is what most pools are too small
    for. Release before the slow part and take one again after it, or split the session.""",
    silent="""Statements cannot be seen in this library; the line has fewer than 100 checkouts or
    less than a fifth of the connection time; it uses at least half of what it holds, or leaves
    less than 5 ms of a hold unused; no statement was ever seen (a lock or a listener).""",
)
def held_unused(case: Case) -> Found | None:
    """Statement time below half of the hold."""
    sites = idle_sites(case)
    if not sites:
        return None
    site = sites[0]
    busy = site.busy_time / site.total_hold
    mean = site.total_hold / site.checkouts
    gap = site.quiet_time.percentile(50)
    freed = site.share * (1 - busy)
    return Found(
        title=f"{line(site.call_site)} holds connections that it does not use",
        evidence=(
            (
                f"{site.call_site}: held for {long(mean)} on average, of which "
                f"{long(site.busy_time / site.checkouts)} ({busy:.1%}) in statements "
                f"({site.checkouts:,} checkouts, {many(site.statements, 'statement')})."
            ),
            *((f"The longest pause of a checkout is {long(gap)} (median).",) if gap else ()),
            f"That is {site.share:.0%} of all connection time of this pool.",
        ),
        code=remedies.earlier(case, site.call_site),
        reasons=(f"{1 - busy:.0%} of what this line holds goes unused",),
        effect=_freed(case, site, busy, freed),
        confidence="medium",
        benefit=freed,
    )


def _freed(case: Case, site: CallSiteStats, busy: float, freed: float) -> str:
    text = f"{freed:.0%} of the pool's connection time is free for others"
    number_of = None if case.lab is None else case.lab.sites.get(site.call_site)
    if number_of is None:
        return f"{text}."
    mean = site.total_hold / site.checkouts
    factor = min(1.0, busy + _ROUND_TRIP / mean) if mean else 1.0
    change = Change(hold=factor, sites=frozenset({number_of}))
    told = predicted_change(case, change)
    return f"{text}; {told}." if told else f"{text}."


@rule(
    "R14",
    "Nested checkout",
    needs=WATCH,
    why="""Who holds a connection and asks the same pool for another can wait for itself: when as
    many do so at once as there are slots, each holds one and nobody gets the second. With Tn
    owners that each take Cm at a time, that cannot happen from Tn x (Cm - 1) + 1 slots on
    (HikariCP's formula, exact in our measurements); below, it is a matter of time. Better pass
    the connection down. A larger pool only moves the day.""",
    silent="""No owner ever held two connections of this pool at a time. It is only a hint where
    the pool is already large enough for what was seen.""",
)
def nested(case: Case) -> Found | None:
    """An owner held one and asked for another."""
    worst = max(case.pool.nestings, key=lambda n: (n.owners * (n.depth - 1), n.count), default=None)
    if worst is None:
        return None
    cap, floor = case.pool.max, deadlock.floor_of(case.pool.nestings)
    is_safe = cap is None or cap >= floor.slots
    # Lines that were never seen to meet may.
    is_alone_safe = cap is None or cap >= deadlock.floor_of([worst]).slots
    locked = {each.owner.ident for each in case.suspects if each.verdict == "deadlocked"}
    return Found(
        title=f"{line(worst.outer)} holds a connection and asks for another",
        severity="critical" if locked or not is_alone_safe else "info" if is_safe else "warning",
        evidence=(
            (
                f"Held by {worst.outer}, asked for by {worst.inner}: "
                f"{many(worst.count, 'time')}, up to {worst.depth} at once by one owner, up to "
                f"{many(worst.owners, 'owner')} at a time."
            ),
            (f"{floor} slots are safe; the pool has {'no bound' if cap is None else cap}."),
            *_locked(len(locked)),
        ),
        code=remedies.pass_down(case, worst.inner)
        + ("" if is_safe else f"# until then: at least {floor.slots} slots in all"),
        reasons=("one connection for one piece of work",),
        effect=f"No deadlock: with {floor.slots} slots it cannot happen with what was seen; with "
        "one connection for each owner it cannot happen at all.",
        benefit=float(floor.slots),
    )


def _locked(owners: int) -> tuple[str, ...]:
    if not owners:
        return ()
    waits = fitting(owners, "waits for itself", "wait for each other")
    return (f"{many(owners, 'owner')} {waits} now.",)


@rule(
    "R15",
    "More threads than connections",
    needs=WATCH,
    why="""Synchronous endpoints run in the framework's thread pool (anyio: 40 threads). When all
    of its threads wait for a connection, the one that would give one back has no thread to run
    in, because dependencies are closed in the same thread pool: the service stands still until
    the waits time out (fastapi#3205). Either there are as many connections as threads, or fewer
    threads, or the connection is opened and closed inside the endpoint.""",
    silent="""No thread of the framework's pool was seen at this pool, or nobody waited, or the
    pool has as many slots as threads came. It sees the moments at which the dashboard reads, and
    cannot see how dependencies are closed.""",
)
def more_threads(case: Case) -> Found | None:
    """The framework's threads hold and wait, and there are more of them than slots."""
    cap, threads = case.pool.max, case.seen.threads
    if case.is_async or cap is None or threads <= cap:
        return None
    has_waited = case.pool.timeouts or case.pool.pending_requests or case.pool.peak >= cap
    if not has_waited:
        return None
    wanted = max(threads, ANYIO)
    overflow = case.number("max_overflow") or 0
    held_back = gates.leak(case) or gates.nested(case) or gates.room(case, int(wanted))
    is_larger = case.is_queue and wanted > overflow and not held_back
    return Found(
        title="More threads ask for a connection than there are",
        severity="critical" if case.pool.pending_requests >= threads - cap else "warning",
        evidence=(
            (
                f"{threads} threads of the web framework held or waited for one at the same time; "
                f"the pool has {cap}."
            ),
            f"Waiting now: {case.pool.pending_requests}; gave up: {case.pool.timeouts:,}.",
            *((sentence(held_back),) if held_back else ()),
        ),
        settings={"pool_size": (case.pool.size, int(wanted - overflow))} if is_larger else None,
        code=f"""
# {"or " if is_larger else ""}fewer threads, in the lifespan:
+    anyio.to_thread.current_default_thread_limiter().total_tokens = {cap}
# or open and close inside the endpoint:
+    with Session(engine) as session:
+        ...  # the whole of its work with the database
""",
        reasons=(f"anyio runs up to {ANYIO} threads unless told otherwise",),
        effect=(
            f"With {number(wanted)} slots, or {cap} threads,"
            if is_larger
            else f"With {cap} threads"
        )
        + " no thread waits for a thread.",
    )
