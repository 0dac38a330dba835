"""Connections that SQLAlchemy's QueuePool opens and closes: overflow is churn."""

from collections.abc import Sequence

from .replay import Load, Replayed

#: Requests from the end of the trace that are looked at.
MOST = 5_000


def churn(starts: Sequence[float], ends: Sequence[float], size: int) -> tuple[int, int]:
    """Opens and closes of a pool that begins empty.

    It opens when nothing is idle, and closes at checkin when `size` connections are idle already
    (SQLAlchemy 2.1, `QueuePool._do_return_conn`). Both columns ascend; at the same instant the
    return comes first.
    """
    idle = opens = closes = 0
    returned = 0
    for start in starts:
        while returned < len(ends) and ends[returned] <= start:
            returned += 1
            if idle < size:
                idle += 1
            else:
                closes += 1
        if idle:
            idle -= 1
        else:
            opens += 1
    over = len(ends) - returned
    closes += max(0, idle + over - size)
    return opens, closes


def hourly(load: Load, done: Replayed, size: int) -> tuple[float, float] | None:
    """Opens and closes an hour over the last `MOST` requests; None when there is no time span."""
    first = max(0, len(load) - MOST)
    waits = {i: w for i, w in zip(done.waited, done.waits, strict=True) if i >= first}
    gone = {i for i in done.left if i >= first}
    served = [i for i in range(first, len(load)) if i not in gone]
    starts = [done.asks[i] + waits.get(i, 0.0) for i in served]
    ends = sorted(start + load.holds[i] for start, i in zip(starts, served, strict=True))
    starts.sort()
    span = ends[-1] - starts[0] if served else 0.0
    if span <= 0:
        return None
    opens, closes = churn(starts, ends, size)
    # The first `size` are opened once in the life of the pool.
    return max(0, opens - size) * 3600 / span, closes * 3600 / span
