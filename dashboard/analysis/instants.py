"""When a picture of a pool was taken, how long ago something was by then, and what is the same."""

from datetime import datetime, timedelta
from typing import Final

from ..model.findings import Suspect
from ..model.snapshot import Checkout, PoolSnapshot

#: Between two pictures of one moment: each has its own idea of the wall clock.
_SAME: Final = timedelta(seconds=0.05)


def is_about(suspect: Suspect, checkout: Checkout) -> bool:
    """Whether they are one; they may be of two pictures."""
    is_same = suspect.connection == checkout.connection
    return is_same and abs(suspect.since - checkout.since) < _SAME


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
