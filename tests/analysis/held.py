"""Pools, lines and checkouts of plain data, for verdicts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.analysis.suspects import find
from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.findings import Suspect
from dashboard.model.origin import CallSite, Owner
from dashboard.model.snapshot import (
    CallSiteStats,
    CameBack,
    Checkout,
    PoolSnapshot,
    Snapshot,
    Source,
    StackFrame,
    Waiter,
)

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORDERS = CallSite("shop/orders.py", 88, "place_order")
AUDIT = CallSite("shop/audit.py", 20, "audit")
#: 12,400 checkouts of at most a second: nothing over 2 s is usual.
USUAL = (*(0.01,) * 12_000, *(0.1,) * 399, 0.8)
#: What a stack looks like inside the line, in the middle of somewhere else.
INSIDE = StackFrame("shop/orders.py", 97, "place_order", is_library=False)
WORKER = StackFrame("shop/worker.py", 12, "work", is_library=False)


def library(file: str, function: str) -> StackFrame:
    """A frame of a library."""
    return StackFrame(file, 100, function, is_library=True)


SLEEP = library("asyncio/tasks.py", "sleep")
HTTP = library("aiohttp/client.py", "ClientSession._request")
DRIVER = library("asyncpg/connection.py", "Connection._execute")


def seen(values: Iterable[float]) -> Distribution:
    """The distribution of some seconds."""
    return Distribution(Counter(buckets_of(values)))


def line(quiet: Sequence[float] = USUAL, site: CallSite = ORDERS, **changes: Any) -> CallSiteStats:
    """What a line did; every hold was as long as it was quiet."""
    known = seen(quiet)
    facts: dict[str, Any] = {
        "checkouts": len(quiet) + 1,
        "open": 1,
        "failures": 0,
        "lost": 0,
        "share": 1.0,
        "total_hold": sum(quiet),
        "use_time": known,
        "wait_time": seen([0.001]),
        "quiet_time": known,
    }
    return CallSiteStats(call_site=site, stack=(), **{**facts, **changes})


def task(number: int, *, is_alive: bool = True) -> Owner:
    """`task request-1`."""
    return Owner("task", f"request-{number}", number, is_alive)


def held(
    quiet: float, connection: int = 1, held_for: float | None = None, **changes: Any
) -> Checkout:
    """One that ran a statement of 3 ms and was quiet since."""
    whole = quiet + 0.5 if held_for is None else held_for
    facts: dict[str, Any] = {
        "call_site": ORDERS,
        "stack": (),
        "owner": task(connection),
        "request": None,
        "held_for": whole,
        "last_used": quiet,
        "backend_pid": 4000 + connection,
        "connection": connection,
        "wait_time": 0.001,
        "since": AT - timedelta(seconds=whole),
        "quiet_for": quiet,
        "statements": 1,
        "busy_for": 0.003,
    }
    return Checkout(**{**facts, **changes})


def left(quiet: float, connection: int = 1, ended: float = 12.0, **changes: Any) -> Checkout:
    """One whose owner has ended."""
    owner = task(connection, is_alive=False)
    return held(quiet, connection, owner=owner, owner_ended_for=ended, **changes)


def waiter(
    owner: int, waited_for: float = 4.0, site: CallSite = AUDIT, *awaited_by: Owner
) -> Waiter:
    """A place in the queue."""
    return Waiter(
        call_site=site,
        owner=task(owner),
        request=None,
        waited_for=waited_for,
        since=AT - timedelta(seconds=waited_for),
        awaited_by=awaited_by,
    )


def came_back(quiet: float, bound: float, connection: int = 1) -> CameBack:
    """One that was quiet for too long, and was returned ten seconds ago."""
    return CameBack(
        call_site=ORDERS,
        stack=(),
        owner=task(connection),
        request=None,
        held_for=quiet,
        quiet=quiet,
        bound=bound,
        backend_pid=None,
        since=AT - timedelta(seconds=quiet + 10),
        ended_at=AT - timedelta(seconds=10),
        ended_ago=10.0,
        connection=connection,
    )


def pool(
    *out: Checkout, lines: Sequence[CallSiteStats] | None = None, **changes: Any
) -> PoolSnapshot:
    """An asyncpg pool of ten with these out, watched for an hour."""
    waiting = changes.get("waiting", ())
    facts: dict[str, Any] = {
        "name": "orders",
        "library": "asyncpg",
        "config": {},
        "max": 10,
        "used": sum(not each.is_retired for each in out),
        "pending_requests": len(waiting),
        "open": out,
        "call_sites": (line(),) if lines is None else tuple(lines),
        "since": AT - timedelta(hours=1),
        "at": AT,
        "sees_statements": True,
        "backend": "PostgreSQL",
    }
    return PoolSnapshot(**{**facts, **changes})


def snapshot(*pools: PoolSnapshot, at: datetime = AT) -> Snapshot:
    """These pools."""
    named = {each.name: each for each in pools}
    return Snapshot(at=at, source=Source("api", 1, "shop"), pools=named)


def suspects(*out: Checkout, leak_after: float | None = None, **changes: Any) -> list[Suspect]:
    """What is said of these."""
    return find(snapshot(pool(*out, **changes)), leak_after)


def said(found: Sequence[Suspect]) -> list[tuple[str, str]]:
    """Verdicts and certainties."""
    return [(each.verdict, each.certainty) for each in found]
