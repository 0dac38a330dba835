"""Lanes, heat and one checkout as plain data, for readings."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.heat import Heat
from dashboard.model.history import Mark
from dashboard.model.lanes import Bar, Lane, Lanes
from dashboard.model.origin import CallSite, HttpRequest, Owner
from dashboard.model.passage import Passage
from dashboard.model.snapshot import StackFrame

SITE = CallSite("shop/orders.py", 88, "place_order")
FRAMES = (
    StackFrame("shop/orders.py", 88, "place_order", is_library=False),
    StackFrame("sqlalchemy/pool/base.py", 712, "connect", is_library=True),
)


def values(*seconds: float) -> Distribution:
    """A distribution of these values."""
    return Distribution(Counter(buckets_of(seconds)))


def bar(begin: float, end: float, **changes: object) -> Bar:
    """A checkout from `begin` to `end`, in seconds of the lanes."""
    facts: dict[str, object] = {
        "wait": 0.0004,
        "hold": end - begin,
        "call_site": SITE,
        "claim": round((begin + 1000) * 1000),
        "owner": Owner("task", "worker-1", 1),
    }
    return Bar(begin=begin, end=end, **{**facts, **changes})  # type: ignore[arg-type]


def lanes(
    at: datetime,
    size: int = 30,
    marks: tuple[Mark, ...] = (),
    site: CallSite = SITE,
    owner: Owner | None = None,
) -> Lanes:
    """A slot held throughout, and others with short and long checkouts."""
    owner = owner or Owner("task", "worker-3", 3)
    held = bar(-217.0, 60.0, is_open=True, hold=277.0, call_site=site, owner=owner)
    first = Lane(1, (held,))
    rest = [
        Lane(
            number,
            tuple(bar(t, t + (0.4 if t % 7 else 2.6)) for t in range(number % 5, 57, 3)),
        )
        for number in range(2, size + 1)
    ]
    waiting = tuple(max(0, n % 40 - 30) for n in range(120))
    start = at.timestamp() - 60
    return Lanes(start, 60.0, (first, *rest), waiting, used=size, marks=marks)


def heat(at: datetime, seconds: float, columns: int, marks: tuple[Mark, ...] = ()) -> Heat:
    """Most of it short, some of it over any target."""
    columns = min(columns, 60)
    step = seconds / columns
    spread = (values(*(0.0002 * (n % 5 + 1) for n in range(20)), 0.3), values(0.002, 0.004, 2.0))
    return Heat(at.timestamp() - seconds, step, spread * (columns // 2), marks)


def passage(at: datetime, number: int, pool: str = "orders", site: CallSite = SITE) -> Passage:
    """A checkout that came back."""
    asked = at - timedelta(seconds=3)
    return Passage(
        claim=number,
        pool=pool,
        state="returned",
        call_site=site,
        stack=FRAMES,
        asked=asked,
        wait_time=0.412,
        got=asked + timedelta(seconds=0.412),
        use_time=2.1,
        ended=asked + timedelta(seconds=2.512),
        owner=Owner("task", "worker-1", 1),
        request=HttpRequest("GET", "/orders/{id}"),
        connection=3,
        backend_pid=4003,
        phases={"connect": 0.031, "reset": 0.0002},
    )
