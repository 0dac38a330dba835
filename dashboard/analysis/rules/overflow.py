"""R04 and R05: connections beyond the size."""

from typing import Final

from ...model.whatif import Change
from .. import gates
from ..case import DAY, Case
from ..words import long, many, number
from .rule import SETTINGS, WATCH, Found, rule

_WEEK: Final = 7 * DAY
#: Overflow that is kept for the day on which it is needed.
_SPARE: Final = 2
#: Churn: opens a minute, and their share of the checkouts.
_OPENS_A_MINUTE: Final = 1.0
_OPENS_SHARE: Final = 0.02
_SHORT_LIFE: Final = 10.0
#: Seconds and overflow connections below which nothing is told.
_LEAST_WATCH: Final = 60.0
_LEAST_CLOSED: Final = 10


@rule(
    "R04",
    "Overflow churn",
    needs=WATCH,
    why="""SQLAlchemy closes a connection at its return when pool_size connections are idle
    already. So overflow is not spare capacity: under steady load each overflow connection is
    opened, used once or twice and closed, and each open costs a handshake, a login and a process
    of the server. Giving the same total to pool_size keeps the connections. Whether waits get
    shorter depends on what a connect costs; that there are fewer opens is certain.""",
    silent="""The pool has no overflow, or is a NullPool on purpose (behind a pooler); fewer than
    ten overflow connections were closed; fewer than one open a minute or they live for over ten
    seconds, and they are below 2 % of the checkouts; the first minute of the watch.""",
)
def churn(case: Case) -> Found | None:
    """Overflow is opened and closed over and over."""
    pool, size = case.pool, case.pool.size
    overflow = case.number("max_overflow")
    closed = pool.closed_by.get("idle", 0)
    if not case.is_queue or size is None or overflow == 0 or closed < _LEAST_CLOSED:
        return None
    if case.watched_for < _LEAST_WATCH:
        return None
    # Each was closed at its return, or is open: what was recycled is no overflow.
    opens = closed + max(0, pool.overflow)
    a_minute, share = opens * 60 / case.watched_for, opens / max(1, pool.checkouts)
    life = _median_life(case)
    is_short = life is not None and life < _SHORT_LIFE
    if not (a_minute > _OPENS_A_MINUTE and is_short) and share <= _OPENS_SHARE:
        return None
    peak = max(size + 1, min(pool.peak, pool.max or pool.peak))
    left = 0 if pool.max is None else min(2, max(0, pool.max - peak))
    return Found(
        title="Overflow connections are opened and closed over and over",
        evidence=(
            (
                f"{many(opens, 'connection')} opened beyond pool_size in {long(case.watched_for)}: "
                f"{number(a_minute)} a minute, {share:.1%} of {pool.checkouts:,} checkouts."
            ),
            *_lives(closed, life),
            *_connect(case),
        ),
        settings={
            "pool_size": (size, peak),
            "max_overflow": (_whole(overflow), left),
        },
        reasons=(f"{peak} were out at once at the most; a kept connection costs no connect",),
        effect=f"About {number(opens * 3600 / case.watched_for)} opens an hour -> "
        f"{_opens(case, peak, left)}. Waits: not promised.",
        unknown="whether waits get shorter: that depends on the connects",
        benefit=a_minute,
    )


def _opens(case: Case, size: int, overflow: int) -> str:
    """How many the replay opens an hour with the new settings, as far as it tells."""
    change = Change(overflow=overflow)
    is_known = case.lab is not None and overflow and not gates.data(case)
    rows = case.lab.predict([size], change).rows if case.lab is not None and is_known else ()
    if not rows or rows[0].opens is None:
        return f"none once {size} are open"
    return f"about {number(round(rows[0].opens))} in the replay"


def _median_life(case: Case) -> float | None:
    lives = sorted(
        each.age for each in case.seen.closings if each.reason == "idle" and each.age is not None
    )
    return lives[len(lives) // 2] if lives else None


def _lives(closed: int, life: float | None) -> tuple[str, ...]:
    if life is None:
        return (f"{closed:,} of them were closed at their return.",)
    return (f"{closed:,} of them were closed at their return, half within {long(life)} of life.",)


def _connect(case: Case) -> tuple[str, ...]:
    took = case.pool.lifetime.get("create_time", case.pool.create_time)
    median, slow = took.percentile(50), took.percentile(95)
    if median is None or slow is None:
        return ()
    return (f"Opening one takes {long(median)} (median), {long(slow)} (p95).",)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


@rule(
    "R05",
    "No bound, or a bound that is never used",
    needs=SETTINGS,
    why="""Without a bound a burst, or a leak, opens connections until the server refuses: the
    pool no longer protects anybody, and the failure hits every other client of the server. A
    bound makes the burst wait instead. Overflow that was not needed in a week is harmless, but
    it counts in the server's budget.""",
    silent="""The pool has a bound and used its overflow, or it is two at most, or the pool was
    watched for less than a week; pools that keep nothing.""",
)
def unlimited(case: Case) -> Found | None:
    """`max_overflow=-1`, `pool_size=0`, `limit=0`; or overflow that a week did not need."""
    if case.pool.library == "aiohttp":
        return _no_limit(case) if case.number("limit") == 0 else None
    if not case.is_queue:
        return None
    if (case.number("max_overflow") or 0) < 0 or case.number("pool_size") == 0:
        return _no_bound(case)
    return _unused(case)


def _no_bound(case: Case) -> Found:
    pool = case.pool
    size = case.number("pool_size") or 0
    wanted = max(int(size), pool.peak) + 2 if pool.checkouts else int(size) + 10
    overflow = _whole(case.number("max_overflow"))
    settings: dict[str, tuple[object, object]] = {"max_overflow": (overflow, wanted - int(size))}
    if size == 0:
        settings = {"pool_size": (0, max(5, wanted))}
    most = f" At most {pool.peak} were out at once." if pool.checkouts else ""
    option = "pool_size=0" if size == 0 else f"max_overflow={overflow}"
    return Found(
        title="The pool has no bound",
        evidence=(f"{option}: a burst or a leak opens connections without end.{most}",),
        settings=settings,
        reasons=(f"the peak was {pool.peak}; two more" if pool.checkouts else "a bound",),
        effect="Bounds the damage: a burst waits, and the server stays open to others.",
        confidence="medium",
    )


def _no_limit(case: Case) -> Found:
    peak = case.pool.peak
    limit = max(20, 2 * peak) if case.pool.checkouts else 100
    most = f" At most {peak} were out at once." if case.pool.checkouts else ""
    return Found(
        title="The connector has no limit",
        severity="info",
        evidence=(f"limit=0: a slow host ties up sockets without end.{most}",),
        settings={"limit": (0, limit)},
        reasons=(f"twice the peak of {peak}" if case.pool.checkouts else "aiohttp's default",),
        effect="Bounds the damage: requests wait instead of opening sockets.",
        confidence="medium",
    )


def _unused(case: Case) -> Found | None:
    pool, overflow = case.pool, case.number("max_overflow")
    if not overflow or pool.size is None or case.watched_for < _WEEK or pool.peak > pool.size:
        return None
    if overflow <= _SPARE:
        return None
    return Found(
        title="The overflow was never used",
        severity="info",
        evidence=(
            (
                f"At most {pool.peak} of pool_size {pool.size} were out at once in "
                f"{long(case.watched_for)}; max_overflow is {int(overflow)}."
            ),
        ),
        settings={"max_overflow": (int(overflow), _SPARE)},
        reasons=(f"the peak was {pool.peak} of {pool.size}",),
        effect="None for callers; the server's budget has "
        f"{many((int(overflow) - _SPARE) * case.server.workers, 'connection')} more.",
        confidence="medium",
    )
