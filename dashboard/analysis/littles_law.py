"""Rules of thumb beside the replay: what each gives for this pool, and why they differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

from ..model.whatif import Demand, Thumb
from . import chains
from .demand import Rows, rows_of
from .sentences import span
from .sizing import staffing

#: The guide's table: name, pool_size from, to, max_overflow from, to.
TABLE: Final = (
    ("small service", 5, 10, 5, 5),
    ("medium service", 20, 50, 10, 20),
    ("high load", 50, 100, 20, 50),
)


@dataclass(frozen=True, slots=True)
class _Requests:
    """What the guide's formula takes; None where the trace cannot tell requests apart."""

    concurrent: float | None
    checkouts: float | None


def rules_of_thumb(
    demand: Demand,
    concurrent_requests: float | None = None,
    queries_per_request: float | None = None,
) -> tuple[Thumb, ...]:
    """Little's law, square-root staffing, the guide's formula and table; empty without a hold.

    The formula's two numbers are read off the owners where these are short-lived, unless given. A
    checkout stands for a query. The formulas are in Little (1961), Whitt (1992) and the guide.
    """
    rows = rows_of(demand)
    holds = _holds(rows)
    if not holds or demand.duration <= 0:
        return ()
    known = _requests(rows)
    requests = _Requests(
        concurrent_requests if concurrent_requests is not None else known.concurrent,
        queries_per_request if queries_per_request is not None else known.checkouts,
    )
    mean = sum(holds) / demand.duration
    usual = sum(holds) / len(holds)
    peak = _busiest(zip(rows.asked, holds, strict=True))
    formula = _formula(requests, peak, usual)
    return (
        _littles_law(rows, demand, mean, peak, usual),
        _staffing(peak),
        formula,
        _table(formula.value, peak),
    )


def _holds(rows: Rows) -> list[float]:
    """Holds, with the mean in place of those nobody saw."""
    unseen = set(rows.missing)
    seen = [hold for i, hold in enumerate(rows.hold) if i not in unseen]
    if not seen:
        return []
    mean = sum(seen) / len(seen)
    return [
        max(mean, rows.least.get(i, 0.0)) if i in unseen else hold
        for i, hold in enumerate(rows.hold)
    ]


def _busiest(spans: Iterable[tuple[float, float]]) -> float:
    """How many (start, length) overlap on average in all but the busiest 1 % of the seconds."""
    inside: dict[int, float] = {}
    steps: dict[int, int] = {}
    for start, length in spans:
        first, last = int(start), int(start + length)
        if first == last:
            inside[first] = inside.get(first, 0.0) + length
            continue
        inside[first] = inside.get(first, 0.0) + first + 1 - start
        inside[last] = inside.get(last, 0.0) + start + length - last
        steps[first + 1] = steps.get(first + 1, 0) + 1
        steps[last] = steps.get(last, 0) - 1
    means, whole = [], 0
    for second in range(max(inside, default=-1) + 1):
        whole += steps.get(second, 0)
        means.append(whole + inside.get(second, 0.0))
    return sorted(means)[max(0, ceil(len(means) * 0.99) - 1)] if means else 0.0


def busiest_second(rows: Rows) -> float:
    """Connections held on average in all but the busiest 1 % of the seconds."""
    # Where nobody came back yet, what is still out is all that is known.
    holds = _holds(rows) or [rows.least.get(i, 0.0) for i in range(len(rows))]
    return _busiest(zip(rows.asked, holds, strict=True))


def _requests(rows: Rows) -> _Requests:
    """An owner that comes and goes is a request: how many at once, and checkouts of each."""
    ended = rows.ended()
    links = chains.links(rows.asked, ended, rows.owner)
    if not len(rows) or any(links.stays) or not all(rows.owner):
        return _Requests(None, None)
    lives: dict[int, tuple[float, float]] = {}
    for owner, asked, end in zip(rows.owner, rows.asked, ended, strict=True):
        first, last = lives.get(owner, (asked, end))
        lives[owner] = (min(first, asked), max(last, end))
    concurrent = _busiest((first, last - first) for first, last in lives.values())
    return _Requests(concurrent, len(rows) / len(lives))


def _littles_law(rows: Rows, demand: Demand, mean: float, peak: float, usual: float) -> Thumb:
    rate = len(rows) / demand.duration
    return Thumb(
        name="Little's law",
        value=mean,
        text=(
            f"{rate:,.1f} checkouts a second, each held for {span(usual)}, are {mean:.1f} "
            f"connections on average; {peak:.1f} in the busiest seconds."
        ),
        why=(
            "It is exact and the least that any size must exceed, but an average: it says "
            "nothing about waits."
        ),
    )


def _staffing(peak: float) -> Thumb:
    return Thumb(
        name="Square-root staffing",
        value=float(staffing(peak)),
        text=f"{peak:.1f} connections in the busiest seconds and twice their root.",
        why=(
            "It supposes that callers come independently of each other, at a constant rate, in "
            "the busiest seconds. It is where the search starts; the replay decides."
        ),
    )


def _formula(requests: _Requests, peak: float, usual: float) -> Thumb:
    name = "pool_size = concurrent_requests / avg_queries_per_request × 1.5"
    concurrent, checkouts = requests.concurrent, requests.checkouts
    why = (
        "It divides by the queries of a request, but more queries need more connection time, not "
        f"less. It has no time in it: holds of {span(usual)}, as here, and of ten times that "
        "give the same size."
    )
    if concurrent is None or not checkouts:
        return Thumb(
            name=name,
            value=None,
            text="Requests cannot be told apart in this trace, so it has no value here.",
            why=why,
        )
    value = concurrent / checkouts * 1.5
    off = f" It says {value:.1f}; {peak:.1f} are held in the busiest seconds."
    text = f"{concurrent:.1f} requests at a time with {checkouts:.1f} checkouts each: {value:.1f}."
    return Thumb(name=name, value=value, text=text, why=why + off)


def _table(formula: float | None, peak: float) -> Thumb:
    """The guide does not say where a row begins; the formula's value, or the load, decides."""
    measure = peak if formula is None else formula
    row = next((each for each in TABLE if measure <= each[2]), TABLE[-1])
    name, low, high, least, most = row
    spare = f"{least}" if least == most else f"{least} to {most}"
    return Thumb(
        name="The guide's table",
        value=float(low),
        text=f"{name}: pool_size {low} to {high}, max_overflow {spare}.",
        why=(
            "A service's size says neither how many connections its load holds "
            f"({peak:.1f} here in the busiest seconds) nor how many processes share the server. "
            "Overflow beyond pool_size is closed at checkin, so it is churn more than capacity."
        ),
    )
