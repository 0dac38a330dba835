"""From recorded requests to demand, and from demand to what is replayed."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from math import inf
from operator import add
from statistics import median
from types import MappingProxyType
from typing import Any, Final, Protocol

from ..model.whatif import (
    CANCELLED,
    CONNECTION_ERROR,
    POOL_CLOSED,
    RETURNED,
    TIMEOUT,
    Demand,
    Held,
    Queued,
)

_NUMBERS: Final = {
    "returned": RETURNED,
    "timeout": TIMEOUT,
    "pool_closed": POOL_CLOSED,
    "connection_error": CONNECTION_ERROR,
    "cancelled": CANCELLED,
}
_ASKED_FOR_A_SLOT: Final = frozenset((RETURNED, TIMEOUT, CANCELLED))


class Asked(Protocol):
    """One recorded request, as the recorder's trace gives it."""

    @property
    def asked(self) -> float:
        """When, in seconds of the recorder's clock."""

    @property
    def wait(self) -> float:
        """Seconds until it got a connection or failed."""

    @property
    def hold(self) -> float | None:
        """Seconds until the return; None for a failed one."""

    @property
    def site(self) -> int:
        """The call site's number."""

    @property
    def owner(self) -> int:
        """The task or thread."""

    @property
    def outcome(self) -> str:
        """`returned` or the failure's reason."""


def gather(
    requests: Iterable[Asked],
    *,
    size: int | None,
    overflow: int = 0,
    timeout: float | None = None,
    semantics: str = "queuepool",
    duration: float | None = None,
    open_checkouts: Sequence[Held] = (),
    waiting: Sequence[Queued] = (),
    lost: int = 0,
    connect_time: float | None = None,
) -> Demand:
    """A demand of the recorder's rows; `duration` is read off them when it is not given."""
    asked, wait, hold = array("d"), array("d"), array("d")
    outcome, site, owner = array("B"), array("I"), array("I")
    for row in requests:
        asked.append(row.asked)
        wait.append(row.wait)
        hold.append(row.hold or 0.0)
        outcome.append(_NUMBERS[row.outcome])
        site.append(row.site)
        owner.append(row.owner)
    if duration is None:
        lasts = [a + w + h for a, w, h in zip(asked, wait, hold, strict=True)]
        duration = _span(asked, lasts, open_checkouts)
    return Demand(
        asked=asked,
        wait=wait,
        hold=hold,
        outcome=outcome,
        site=site,
        owner=owner,
        duration=duration,
        size=size,
        overflow=overflow,
        timeout=timeout,
        semantics=semantics,
        open=tuple(open_checkouts),
        waiting=tuple(waiting),
        lost=lost,
        connect_time=connect_time,
    )


def _span(asked: Sequence[float], lasts: Sequence[float], open_checkouts: Sequence[Held]) -> float:
    ends = [*lasts, *(held.asked + held.wait + held.age for held in open_checkouts)]
    begins = [*asked, *(held.asked for held in open_checkouts)]
    return max(ends) - min(begins) if ends else 0.0


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
    asked, wait, hold, outcome = columns[:4]
    last = max(map(add, map(add, asked, wait), hold), default=0.0)
    unended = len(asked)
    for held in demand.open:
        row = (held.asked, held.wait, held.age, RETURNED, held.site, held.owner, held.host)
        _extend(columns, row)
    for caller in demand.waiting:
        waited = max(0.0, last - caller.asked)
        row = (caller.asked, waited, 0.0, TIMEOUT, caller.site, caller.owner, caller.host)
        _extend(columns, row)
    order = sorted(range(len(asked)), key=asked.__getitem__)
    start = asked[order[0]] if order else 0.0
    open_ones = range(unended, unended + len(demand.open))
    missing = []
    if any(outcome) or open_ones:
        missing = [p for p, i in enumerate(order) if outcome[i] != RETURNED or i in open_ones]
    asked, wait, hold, outcome, site, owner, host = (
        list(map(column.__getitem__, order)) for column in columns
    )
    return Rows(
        asked=[at - start for at in asked],
        wait=wait,
        hold=hold,
        outcome=outcome,
        site=site,
        owner=owner,
        host=host,
        missing=missing,
        least={p: hold[p] for p in missing if order[p] in open_ones},
        left_out=len(demand.asked) - unended,
    )


def newest(demand: Demand, count: int) -> Demand:
    """The last requests alone, and the time that they took."""
    start = max(0, len(demand.asked) - count)
    asked = demand.asked[start:]
    last = max(demand.asked, default=0.0)
    rest = demand.duration - (last - min(demand.asked, default=0.0))
    return replace(
        demand,
        asked=asked,
        wait=demand.wait[start:],
        hold=demand.hold[start:],
        outcome=demand.outcome[start:],
        site=demand.site[start:],
        owner=demand.owner[start:],
        host=demand.host[start:],
        duration=last - min(asked, default=0.0) + rest,
    )


def _columns(demand: Demand) -> tuple[list[Any], ...]:
    """Asked, wait, hold, outcome, site, owner and host of those who asked for a slot."""
    columns = (demand.asked, demand.wait, demand.hold, demand.outcome, demand.site, demand.owner)
    hosts = demand.host or bytes(len(demand.asked))
    if _ASKED_FOR_A_SLOT.issuperset(demand.outcome):
        return tuple(map(list, (*columns, hosts)))
    kept = [what in _ASKED_FOR_A_SLOT for what in demand.outcome]
    return tuple(list(compress(column, kept)) for column in (*columns, hosts))


def _extend(columns: tuple[list[Any], ...], row: tuple[float, ...]) -> None:
    for column, value in zip(columns, row, strict=True):
        column.append(value)
