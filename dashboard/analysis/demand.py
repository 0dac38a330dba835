"""From recorded requests to demand, and from demand to what is replayed."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from math import inf
from operator import add, itemgetter
from statistics import median
from types import MappingProxyType
from typing import Any, Final

from ..model.whatif import CANCELLED, RETURNED, TIMEOUT, Demand, Held, Queued

_ASKED_FOR_A_SLOT: Final = frozenset((RETURNED, TIMEOUT, CANCELLED))


@dataclass(slots=True)
class Rows:
    """The demand in order of asking, from time 0, without what never asked for a slot.

    `missing`: requests whose hold nobody saw; `least[i]`: seconds that it lasted for certain.
    """

    asked: list[float]
    wait: list[float]
    hold: list[float]
    outcome: list[int]
    site: list[int]
    owner: list[int]
    host: list[int]
    missing: list[int]
    least: dict[int, float]
    left_out: int

    def __len__(self) -> int:
        """Requests."""
        return len(self.asked)

    @property
    def imputed_share(self) -> float:
        """The share of requests whose hold has to be drawn."""
        return len(self.missing) / max(1, len(self.asked))

    def ended(self) -> list[float]:
        """When each request was over: returned, left, or the end of the trace."""
        return list(map(add, map(add, self.asked, self.wait), self.hold))

    def patience(
        self, timeout: float | None, limits: Mapping[int, float] = MappingProxyType({})
    ) -> list[float]:
        """A cancelled caller leaves when it left; any other after `timeout`.

        `limits`: those that call sites set themselves; they hold where `timeout` is None.
        """
        if timeout is None and limits:
            patience = [limits.get(site, inf) for site in self.site]
        else:
            patience = [inf if timeout is None else timeout] * len(self.asked)
        for i in self.missing:
            if self.outcome[i] == CANCELLED:
                patience[i] = min(patience[i], self.wait[i])
        return patience


def own_limits(demand: Demand) -> dict[int, float]:
    """Seconds after which callers gave up by call site, where the pool itself sets no limit.

    `pool.acquire(timeout=…)` of asyncpg: who got a connection in time had the same patience.
    """
    if demand.timeout is not None or TIMEOUT not in demand.outcome:
        return {}
    left: dict[int, list[float]] = {}
    for site, wait, what in zip(demand.site, demand.wait, demand.outcome, strict=True):
        if what == TIMEOUT:
            left.setdefault(site, []).append(wait)
    return {site: median(waits) for site, waits in left.items()}


def rows_of(demand: Demand) -> Rows:
    """Sort, rebase, and set apart what has no hold. Closed pools and failed connects are out."""
    columns = _columns(demand)
    asked, outcome = columns["asked"], columns["outcome"]
    unended = len(asked)
    last = max(map(add, map(add, asked, columns["wait"]), columns["hold"]), default=0.0)
    for each in demand.open:
        _extend(columns, each, wait=each.wait, hold=each.age, outcome=RETURNED)
    for caller in demand.waiting:
        waited = max(0.0, last - caller.asked)
        _extend(columns, caller, wait=waited, hold=0.0, outcome=TIMEOUT)
    order = sorted(range(len(asked)), key=asked.__getitem__)
    open_ones = range(unended, unended + len(demand.open))
    missing = []
    if any(outcome) or open_ones:
        missing = [p for p, i in enumerate(order) if outcome[i] != RETURNED or i in open_ones]
    # What is zero throughout, as unknown hosts and owners are, needs no sorting.
    ordered = {
        name: list(map(each.__getitem__, order)) if any(each) else each
        for name, each in columns.items()
    }
    start = ordered["asked"][0] if order else 0.0
    ordered["asked"] = [at - start for at in ordered["asked"]]
    return Rows(
        **ordered,
        missing=missing,
        least={p: ordered["hold"][p] for p in missing if order[p] in open_ones},
        left_out=len(demand.asked) - unended,
    )


def newest(demand: Demand, count: int) -> Demand:
    """The last requests alone, and the time that they took."""
    start = max(0, len(demand.asked) - count)
    last = max(demand.asked, default=0.0)
    rest = demand.duration - (last - min(demand.asked, default=0.0))
    duration = last - min(demand.asked[start:], default=0.0) + rest
    return demand.picked(itemgetter(slice(start, None)), duration=duration)


def _columns(demand: Demand) -> dict[str, list[Any]]:
    """Lists of those who asked for a slot."""
    columns = demand.columns()
    if _ASKED_FOR_A_SLOT.issuperset(demand.outcome):
        return {name: list(each) for name, each in columns.items()}
    kept = [what in _ASKED_FOR_A_SLOT for what in demand.outcome]
    return {name: list(compress(each, kept)) for name, each in columns.items()}


def _extend(columns: dict[str, list[Any]], row: Held | Queued, **known: float) -> None:
    """`row` has under a column's name what is not `known`."""
    for name, column in columns.items():
        column.append(known[name] if name in known else getattr(row, name))
