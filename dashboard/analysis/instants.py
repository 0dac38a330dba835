"""When a picture of a pool was taken, and how long ago something was by then."""

from datetime import datetime, timedelta

from ..model.snapshot import PoolSnapshot


def seconds_since_timeout(pool: PoolSnapshot) -> float | None:
    """None without a timeout, or when the pool is at rest and the instant cannot be told."""
    now = instant(pool)
    if pool.last_timeout is None or now is None:
        return None
    return max(0.0, (now - pool.last_timeout).total_seconds())


def instant(pool: PoolSnapshot) -> datetime | None:
    """When the snapshot was taken; without `at` read off a caller: `since` and `waited_for`."""
    if pool.at is not None:
        return pool.at
    for waiter in pool.waiting:
        return waiter.since + timedelta(seconds=waiter.waited_for)
    for checkout in pool.open:
        return checkout.since + timedelta(seconds=checkout.held_for)
    return None
