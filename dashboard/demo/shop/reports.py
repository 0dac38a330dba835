"""Reports: SQLAlchemy's sync engine in worker threads."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy import text

from .pools import Pools

Result = TypeVar("Result")

_REVENUE = text("""
    SELECT date_trunc('hour', placed_at) AS hour, count(*), sum(total_cents)
    FROM orders, disk(0.3) WHERE id > (SELECT max(id) - 1000 FROM orders) GROUP BY 1 ORDER BY 1
""")
_SHELVES = text("""
    SELECT shelf, sum(order_lines.price_cents)
    FROM products JOIN order_lines ON product_id = id, disk(:median) GROUP BY shelf ORDER BY shelf
""")


def daily_revenue(pools: Pools) -> list[tuple[str, int, int]]:
    """Orders and revenue by hour; called in a worker thread."""
    with pools.reports.connect() as connection:
        rows = connection.execute(_REVENUE).all()
    return [(hour.isoformat(), int(orders), int(cents)) for hour, orders, cents in rows]


def yearly_report(pools: Pools) -> list[tuple[int, int]]:
    """Revenue by shelf over everything there is: seconds; called in a worker thread."""
    with pools.reports.connect() as connection:
        rows = connection.execute(_SHELVES, {"median": 3.2}).all()
    return [(int(shelf), int(cents)) for shelf, cents in rows]


async def in_thread(pools: Pools, report: Callable[[Pools], Result]) -> Result:
    """Run a report beside the event loop; it knows which request asked for it."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pools.threads, copy_context().run, report, pools)
