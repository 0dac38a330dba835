"""Cases of plain data: a pool as a snapshot shows it, and what was seen beside."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.analysis.case import Case
from dashboard.analysis.lab import Lab
from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.findings import Advice, Suspect
from dashboard.model.origin import CallSite, Owner
from dashboard.model.snapshot import CallSiteStats, PoolSnapshot
from dashboard.model.whatif import Demand

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
SITE = CallSite("shop/orders.py", 88, "place_order")
OTHER = CallSite("shop/reports.py", 12, "monthly")
DAY = 86_400.0


def times(*values: float, count: int = 1) -> Distribution:
    """A distribution of these seconds, each `count` times."""
    counts = Counter(buckets_of(values))
    return Distribution({bucket: each * count for bucket, each in counts.items()})


def pool(age: float = 3600.0, **facts: Any) -> PoolSnapshot:
    """An async SQLAlchemy pool of 5 + 5 on PostgreSQL, watched for `age` seconds."""
    config = {
        "pool_size": 5,
        "max_overflow": 5,
        "pool_timeout": 3.0,
        "pool_recycle": 900,
        "pool_pre_ping": True,
        **facts.pop("config", {}),
    }
    plain: dict[str, Any] = {
        "name": "orders",
        "library": "sqlalchemy",
        "kind": "AsyncAdaptedQueuePool",
        "backend": "PostgreSQL",
        "address": "db:5432/shop",
        "size": 5,
        "max": 10,
        "checkouts": 41_200,
        "at": NOW,
        "since": NOW - timedelta(seconds=age),
    }
    return PoolSnapshot(config=config, **{**plain, **facts})


def asyncpg_pool(age: float = 3600.0, **facts: Any) -> PoolSnapshot:
    """An asyncpg pool of 8."""
    config = {
        "min_size": 2,
        "max_size": 8,
        "max_inactive_connection_lifetime": 300.0,
        "statement_cache_size": 100,
        **facts.pop("config", {}),
    }
    made = pool(age, library="asyncpg", kind="Pool", **{"size": 8, "max": 8, **facts})
    return replace(made, config=config)


def connector(age: float = 3600.0, **facts: Any) -> PoolSnapshot:
    """An aiohttp connector of 100."""
    config = {
        "limit": 100,
        "limit_per_host": 0,
        "keepalive_timeout": 15.0,
        "force_close": False,
        "use_dns_cache": True,
        "ttl_dns_cache": 10,
        **facts.pop("config", {}),
    }
    plain: dict[str, Any] = {"library": "aiohttp", "kind": "TCPConnector", "backend": "HTTP"}
    made = pool(age, **{**plain, "size": 100, "max": 100, "address": "bank:443", **facts})
    return replace(made, config=config)


def measured(shown: PoolSnapshot, demand: Demand, **facts: Any) -> Case:
    """The pool with the figures of a trace, and the trace to replay."""
    waits = Distribution(Counter(buckets_of(demand.wait)))
    holds = Distribution(Counter(buckets_of(demand.hold)))
    shown = replace(
        shown,
        size=demand.size,
        max=demand.capacity,
        wait_time=waits,
        use_time=holds,
        lifetime={"wait_time": waits, "use_time": holds},
        checkouts=len(demand.asked),
        timeouts=sum(what == 1 for what in demand.outcome),
    )
    return Case(pool=shown, lab=Lab(demand, {SITE: 1}), **facts)


def suspect(verdict: str = "lost", certainty: str = "proven", **facts: Any) -> Suspect:
    """One checkout of `place_order` that is still out."""
    plain: dict[str, Any] = {
        "pool": "orders",
        "call_site": SITE,
        "stack": (),
        "owner": Owner("task", "Task-7"),
        "request": None,
        "held_for": 720.0,
        "evidence": ("nothing refers to the connection any more",),
        "since": NOW - timedelta(seconds=720),
    }
    return Suspect(verdict=verdict, certainty=certainty, **{**plain, **facts})


def site(call_site: CallSite = SITE, **facts: Any) -> CallSiteStats:
    """A line with 1,000 checkouts of 40 ms each, 3 ms of them in statements."""
    plain: dict[str, Any] = {
        "stack": (),
        "checkouts": 1000,
        "open": 0,
        "failures": 0,
        "lost": 0,
        "share": 0.6,
        "total_hold": 40.0,
        "use_time": times(0.04, count=1000),
        "wait_time": times(0.0),
        "quiet_time": times(0.037, count=1000),
        "statements": 1000,
        "busy_time": 3.0,
    }
    return CallSiteStats(call_site=call_site, **{**plain, **facts})


def options(advice: Advice | None) -> list[str]:
    """The lines of the diff that take away and add."""
    assert advice is not None
    return [each.strip() for each in advice.change.splitlines() if each[:1] in "+-"]


def names(found: Iterable[Advice]) -> list[str]:
    """The rules that spoke, in order."""
    return sorted(each.rule for each in found)
