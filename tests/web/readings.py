"""Readings of plain data, for pages."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.events import CheckedIn, CheckedOut, CheckoutFailed, PoolEvent
from dashboard.model.findings import Suspect
from dashboard.model.history import History
from dashboard.model.origin import CallSite, HttpRequest, Owner
from dashboard.model.snapshot import (
    CallSiteStats,
    Checkout,
    PoolSnapshot,
    Snapshot,
    Source,
    StackFrame,
    Waiter,
)

AT = datetime(2026, 11, 22, 9, 3, 20, tzinfo=UTC)
ROLLUP = CallSite("shop/reports.py", 61, "rollup")
PLACE = CallSite("shop/orders.py", 88, "place_order")
STACK = (
    StackFrame("shop/reports.py", 61, "rollup", is_library=False),
    StackFrame("shop/jobs.py", 40, "run_job", is_library=False),
    StackFrame("sqlalchemy/orm/session.py", 2040, "execute", is_library=True),
    StackFrame("sqlalchemy/pool/base.py", 711, "checkout", is_library=True),
)


def seen(*seconds: float) -> Distribution:
    """A distribution of these values."""
    counts: dict[int, int] = {}
    for bucket in buckets_of(seconds):
        counts[bucket] = counts.get(bucket, 0) + 1
    return Distribution(counts)


def task(number: int) -> Owner:
    """`task worker-3`."""
    return Owner("task", f"worker-{number}", number)


def checkout(
    held_for: float = 0.2, site: CallSite = PLACE, owner: int = 1, connection: int = 1
) -> Checkout:
    """A connection that is out."""
    return Checkout(
        call_site=site,
        stack=STACK,
        owner=task(owner),
        request=HttpRequest("GET", "/orders/{id}"),
        held_for=held_for,
        last_used=None,
        backend_pid=4000 + connection,
        connection=connection,
        wait_time=0.0004,
        since=AT - timedelta(seconds=held_for),
        age=1860.0,
        uses=12,
    )


def waiter(waited_for: float = 1.9, site: CallSite = PLACE, owner: int = 50) -> Waiter:
    """A caller in the queue."""
    since = AT - timedelta(seconds=waited_for)
    return Waiter(
        call_site=site, owner=task(owner), request=None, waited_for=waited_for, since=since
    )


def suspect(
    pool: str = "orders",
    held_for: float = 277.0,
    site: CallSite = ROLLUP,
    owner: int = 3,
    verdict: str = "overdue",
    certainty: str = "probable",
    ended_at: datetime | None = None,
) -> Suspect:
    """A checkout that may be a leak."""
    return Suspect(
        pool=pool,
        verdict=verdict,
        certainty=certainty,
        call_site=site,
        stack=STACK,
        owner=task(owner),
        request=None,
        held_for=held_for,
        evidence=("It has been out for 132 times its usual hold.",),
        since=AT - timedelta(seconds=held_for),
        usual=2.1,
        connection=99,
        backend_pid=4001,
        ended_at=ended_at,
    )


def site_stats(site: CallSite, share: float, checkouts: int = 900, lost: int = 0) -> CallSiteStats:
    """What one line did."""
    return CallSiteStats(
        call_site=site,
        stack=STACK,
        checkouts=checkouts,
        open=2,
        failures=0,
        lost=lost,
        share=share,
        total_hold=share * 1000,
        use_time=seen(0.01, 0.02, 0.16),
        wait_time=seen(0.0004),
    )


def pool(
    name: str = "orders",
    used: int = 0,
    idle: int = 0,
    waiting: int = 0,
    size: int | None = 20,
    maximum: int | None = 30,
    **changes: object,
) -> PoolSnapshot:
    """A SQLAlchemy pool; what is not given follows from the counts."""
    facts: dict[str, object] = {
        "config": {"pool_size": size, "max_overflow": 10, "pool_timeout": 30.0},
        "kind": "QueuePool",
        "backend": "PostgreSQL",
        "address": "orders-db:5432",
        "overflow": max(0, used + idle - (size or used + idle)),
        "count": used + idle,
        "peak": used,
        "oldest_wait": 1.9 if waiting else None,
        "checkouts": 1200,
        "checkins": 1200 - used,
        "created": used + idle,
        "checkout_rate": 12.0,
        "wait_time": seen(0.0003, 0.0005, 0.412),
        "use_time": seen(0.02, 0.05, 0.186),
        "open": tuple(checkout(0.1 + n / 10, owner=n, connection=n) for n in range(used)),
        "waiting": tuple(waiter(1.9 - n / 10, owner=50 + n) for n in range(waiting)),
        "since": AT - timedelta(hours=2),
        "own_used": used,
        "own_idle": idle,
    }
    return PoolSnapshot(
        name=name,
        library="sqlalchemy",
        size=size,
        max=maximum,
        used=used,
        idle=idle,
        pending_requests=waiting,
        **{**facts, **changes},  # type: ignore[arg-type]
    )


def snapshot(*pools: PoolSnapshot) -> Snapshot:
    """These pools at `AT`."""
    return Snapshot(
        at=AT, source=Source("api-7f9c", 4121, "shop"), pools={p.name: p for p in pools}
    )


def wave(length: int = 60, top: int = 10) -> History:
    """A history that goes up and down."""
    used = tuple(round(top / 2 + top / 2 * math.sin(n / 5)) for n in range(length))
    return History(
        start=AT.timestamp() - 15 * length,
        step=15.0,
        used=used,
        pending=tuple(max(0, n - top + 2) for n in used),
        checkouts=tuple(n * 10 for n in used),
        timeouts=tuple(int(n == top) for n in used),
        errors=(0,) * length,
        created=(0,) * length,
        wait_p50=tuple(0.0004 if n else None for n in used),
        wait_p99=tuple(0.01 * n if n else None for n in used),
        use_p95=(0.1,) * length,
    )


def some_events() -> list[PoolEvent]:
    """A checkout, its checkin and a timeout, in seconds before `AT`."""
    about = {"pool": "orders", "call_site": PLACE, "owner": task(1), "request": None}
    return [
        CheckedOut(at=-3.0, claim=1, connection=1, wait_time=0.0024, **about),  # type: ignore[arg-type]
        CheckedIn(at=-2.0, claim=1, connection=1, use_time=0.053, **about),  # type: ignore[arg-type]
        CheckoutFailed(at=-1.0, claim=2, reason="timeout", wait_time=30.0, **about),  # type: ignore[arg-type]
    ]
