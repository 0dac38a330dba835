"""R06 and R07: what the server has, and what it can do."""

from typing import Final

from .. import budget, gates
from ..budget import USUAL, Budget
from ..case import Case
from ..sentences import span
from ..slowdown import Slowdown
from ..words import line, many
from .rule import SETTINGS, TRACE, Found, rule

_RESERVED: Final = 3
#: Defaults of `max_connections`: PostgreSQL's, and MySQL's.
_DEFAULTS: Final = {"MySQL": 151}


@rule(
    "R06",
    "More connections than the server has",
    needs=SETTINGS,
    why="""Each worker process has pools of its own, so what they may open together is the sum of
    size and overflow over all pools times the workers; during a rolling deploy the old workers
    count as well. When that is more than the server's max_connections less what it reserves, the
    busiest hour ends in "too many clients", also for everybody else. A server works best with few
    connections that are busy: some for each core, not hundreds.""",
    silent="""The sum fits the limit that was given; no limit was given and the sum stays below
    the server's default (PostgreSQL 100, less 3 reserved); SQLite and HTTP; a pooler's port (6432
    or 6543), behind which there are fewer connections than pools open: see R24.""",
)
def too_many(case: Case) -> Found | None:
    """The pools of all workers may open more than the server has."""
    found = budget.for_pool(case.pool, case.pools, case.server)
    if found is None or not _is_largest(found, case.pool.name):
        return None
    if found.is_pooled and found.usable is None:
        return None
    if found.usable is None:
        return _unknown(case, found)
    return _broken(case, found) if found.is_broken else None


def _is_largest(found: Budget, name: str) -> bool:
    """One advice for each server, at the pool that may open most."""
    totals = {s.pool: float("inf") if s.total is None else s.total for s in found.shares}
    return max(sorted(totals), key=totals.__getitem__) == name


def _is_many(found: Budget) -> bool:
    """Several pools, or one in each of several workers."""
    return len(found.shares) > 1 or found.limit.workers > 1


def _unknown(case: Case, found: Budget) -> Found | None:
    usual = _DEFAULTS.get(case.pool.backend, USUAL)
    if found.wanted is None or found.wanted <= usual - _RESERVED:
        return None
    pools = "These pools" if _is_many(found) else "This pool"
    return Found(
        title=f"{pools} may open {found.wanted:,} connections",
        evidence=(
            f"{found.formula()} connections at {found.server}.",
            f"A server's default max_connections is {usual}, {_RESERVED} of them reserved.",
            found.reserve(),
        ),
        code="""
# ask the server, then share out what it has:
#     SHOW max_connections; SHOW superuser_reserved_connections;
#     pool_size + max_overflow <= (max_connections - reserved) // workers
""",
        reasons=("the server's limit is not known here",),
        effect="With the limit known: the most that each worker may open.",
        confidence="low",
    )


def _broken(case: Case, found: Budget) -> Found:
    limit, room = case.server, found.room(case.pool.name) or 0
    wanted = "any number of" if found.wanted is None else f"{found.wanted:,}"
    pools = "The pools" if _is_many(found) else "The pool"
    return Found(
        title=f"{pools} may ask the server for {wanted} connections; it has {found.usable:,}",
        severity="critical" if case.pool.backend else "warning",
        evidence=(*_sum(found), f"{found.reserve()}.", found.sentence()),
        settings=_within(case, room),
        code="" if room else _pooler(),
        reasons=(
            (
                f"{found.usable:,} usable over {many(limit.workers, 'worker')}: "
                f"{found.per_worker:,} in each, {room} of them for this pool"
            ),
        ),
        effect='No "too many clients"; the smaller pool is predicted by the what-if of its page.',
        benefit=float((found.wanted or 10_000) - (found.usable or 0)),
    )


def _sum(found: Budget) -> tuple[str, ...]:
    """Nothing to add up where there is one pool of one size."""
    formula = found.formula()
    return (f"{formula}.",) if "=" in formula else ()


def _within(case: Case, room: int) -> dict[str, tuple[object, object]] | None:
    pool = case.pool
    if not room:
        return None
    if pool.library == "asyncpg":
        return {"max_size": (pool.size, room)}
    if not case.is_queue:
        return None
    size = min(pool.size or room, room)
    overflow = case.pool.config.get("max_overflow")
    changed: dict[str, tuple[object, object]] = {}
    if size != pool.size:
        changed["pool_size"] = (pool.size, size)
    return changed | {"max_overflow": (overflow, room - size)}


def _pooler() -> str:
    return """
# nothing is left for this pool: put PgBouncer between, and let it queue
+    poolclass=NullPool,  # and the pooler's address in the URL
"""


@rule(
    "R07",
    "The server is the bottleneck",
    needs=TRACE,
    why="""Where holds get longer the more connections are out, the server (or a lock in it) is
    shared out among them: a larger pool moves the queue from the pool, where it is fair and
    cheap, into the server. Within each call site the median hold at busy times is compared with
    that at quiet times, and a curve of speed against concurrency is fitted. The size at which the
    server does most is where the pool should end.""",
    silent="""Holds do not depend on what is out; fewer than 200 holds at busy and at quiet times;
    the pool was always full or always idle, so that both look alike.""",
)
def saturated(case: Case) -> Found | None:
    """Holds at busy times are at least half as long again as at quiet times."""
    lab = case.lab
    if lab is None or not lab.slowdown_may_show or gates.data(case):
        return None
    found = lab.slowdown
    if found.verdict != "saturating" or found.ratio is None or found.ratio < 1.5:
        return None
    present, best = lab.demand.capacity, _best(found)
    is_lower = present is not None and best < present
    return Found(
        title="The server slows down with what is out: a larger pool would not help",
        evidence=(
            (
                f"Within a call site, holds at busy times are {found.ratio:.1f} times those at "
                f"quiet times ({len(lab):,} checkouts, up to {found.observed} at once)."
            ),
            (
                f"The best description of the server: {found.model} (explains "
                f"{found.explained or 0:.0%} of the spread of the holds)."
            ),
            *_slowest(case),
        ),
        settings=_lowered(case, best) if is_lower else None,
        code="" if is_lower else _slow_code(case),
        reasons=(f"the server does most with about {best} at a time",),
        effect=_lowering(case, best) if is_lower else "The queue ends where the slow work does.",
        confidence="medium",
        unknown="more than 1.5 times what was observed",
        is_replayed=True,
    )


def _best(found: Slowdown) -> int:
    """The least size that does 95 % of the most that the fitted server does, within the seen."""
    speeds = found.speeds(max(1, found.observed))
    done = [n * speed for n, speed in enumerate(speeds)]
    most = max(done)
    return next(n for n, each in enumerate(done) if n and each >= 0.95 * most)


def _lowered(case: Case, best: int) -> dict[str, tuple[object, object]] | None:
    if case.pool.library == "asyncpg":
        return {"max_size": (case.pool.size, best)}
    if not case.is_queue:
        return None
    changed: dict[str, tuple[object, object]] = {"pool_size": (case.pool.size, best)}
    if case.pool.config.get("max_overflow"):
        changed["max_overflow"] = (case.pool.config.get("max_overflow"), 0)
    return changed


def _lowering(case: Case, best: int) -> str:
    """What the fitted replay says of the lower size."""
    lab = case.lab
    if lab is None:
        return ""
    row = (
        next(iter(lab.predict([best - max(0, lab.demand.overflow)]).rows), None)
        if (best - max(0, lab.demand.overflow) >= 1)
        else None
    )
    now = span(lab.wait(95))
    if row is None or row.range is None:
        return f"p95 wait is {now}; at {best} it cannot be told."
    low, high = row.range
    return f"p95 wait {now} -> {span(low)} to {span(high)} at {best}, with shorter holds."


def _slowest(case: Case) -> tuple[str, ...]:
    sites = case.busiest_sites()
    if not sites:
        return ()
    top = sites[0]
    median = top.use_time.percentile(50)
    if median is None:
        return ()
    return (
        (
            f"{line(top.call_site)} takes {top.share:.0%} of the connection time, {span(median)} "
            f"each (median of {top.use_time.count:,})."
        ),
    )


def _slow_code(case: Case) -> str:
    sites = case.busiest_sites()
    where = f"what {sites[0].call_site} runs" if sites else "the slowest statement"
    return f"# keep the pool as it is; look at {where}:\n{_LOOK}"


_LOOK: Final = """\
#     EXPLAIN (ANALYZE, BUFFERS) ...
#     SELECT wait_event_type, wait_event, count(*) FROM pg_stat_activity GROUP BY 1, 2;
"""
