"""What the rows of one prediction have in common: the demand as it would be, and its callers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from ..model.whatif import Change, Demand
from . import chains, sizing
from .demand import Rows, own_limits, rows_of
from .hosts import replay_hosts
from .imputing import imputations
from .measuring import Measured, measure
from .replay import Load, Replayed, replay
from .slowdown import Slowdown

#: Holds are drawn so often in a small trace, and in the largest.
_IMPUTATIONS: Final = 20
_FEWEST: Final = 2
_DRAWN: Final = 100_000
_GOLDEN: Final = 0x9E3779B1
_WORD: Final = 1 << 32
_Number = TypeVar("_Number", int, float)


@dataclass(slots=True)
class Scene:
    """`loads` differ in drawn holds only; `is_record` when nothing but the size changes."""

    demand: Demand
    rows: Rows
    loads: list[Load]
    mode: str
    links: chains.Links
    #: The links of short-lived owners alone.
    within_requests: chains.Links
    overflow: int
    is_record: bool
    seed: int
    grade: str = "A"
    found: Slowdown = Slowdown("unknown", 0)  # noqa: RUF009 -- frozen

    @property
    def offered(self) -> float:
        """Connections held on average if nobody had to wait or leave."""
        return self.loads[0].passed[-1] / self.demand.duration

    def capacity(self, size: int) -> int:
        """Slots at this size."""
        return size + self.overflow - self.demand.lost

    def run(self, load: Load, slots: int | None, *, closed: bool = False) -> Replayed:
        """The replay that suits the callers and the library."""
        demand = self.demand
        if demand.semantics == "aiohttp" and demand.host:
            return replay_hosts(load, self.rows.host, slots, demand.limit_per_host)
        if closed or self.mode == "closed":
            return chains.replay_chained(load, self.links, slots)
        if self.mode == "chained":
            return chains.replay_chained(load, self.within_requests, slots)
        return replay(load, slots)

    def measured(self, load: Load, slots: int | None, *, closed: bool = False) -> Measured:
        """Run and measure."""
        return measure(load, self.run(load, slots, closed=closed), self.seed)


def mode_of(rows: Rows) -> str:
    """How callers come, without all that a replay needs."""
    return chains.mode(chains.links(rows.asked, rows.ended(), rows.owner), rows.wait)


def set_up(demand: Demand, change: Change, seed: int, rows: Rows | None = None) -> Scene | None:
    """None when no checkout has ended; `rows` if they are at hand, for a demand as it is."""
    demand = _changed(demand, change)
    if rows is None:
        rows = rows_of(demand)
    times = max(_FEWEST, min(_IMPUTATIONS, _DRAWN // max(1, len(rows))))
    limits = own_limits(demand)
    patience = rows.patience(demand.timeout, limits)
    timeout = min(limits.values(), default=demand.timeout)
    drawn = imputations(rows, times, seed)
    if not drawn:
        return None
    loads = [Load(rows.asked, _held(rows, holds, change), patience, timeout) for holds in drawn]
    links = chains.links(rows.asked, rows.ended(), rows.owner)
    mode = chains.mode(links, rows.wait)
    is_blind = demand.semantics == "aiohttp" and not demand.host
    unsure = "C" if is_blind or mode == "unknown" else "A"
    return Scene(
        demand=demand,
        rows=rows,
        loads=loads,
        mode=mode,
        links=links,
        within_requests=links.without_persistent(),
        overflow=max(0, demand.overflow),
        is_record=change == Change(),
        seed=seed,
        grade=sizing.worst(sizing.imputed_grade(rows.imputed_share), unsure),
    )


def _changed(demand: Demand, change: Change) -> Demand:
    if change.timeout is not None:
        demand = replace(demand, timeout=change.timeout)
    if change.overflow is not None:
        demand = replace(demand, overflow=change.overflow)
    if change.are_leaks_fixed:
        demand = replace(demand, lost=0)
    return demand if change.share == 1 else _thinned(demand, change.share)


def _thinned(demand: Demand, share: float) -> Demand:
    """Some callers, all of their requests; which, depends on the owner alone."""

    def stays(owner: int, place: int) -> bool:
        return (owner or place) * _GOLDEN % _WORD < share * _WORD

    kept = [i for i, owner in enumerate(demand.owner) if stays(owner, i)]
    return replace(
        demand,
        asked=_at(demand.asked, kept),
        wait=_at(demand.wait, kept),
        hold=_at(demand.hold, kept),
        outcome=_at(demand.outcome, kept),
        site=_at(demand.site, kept),
        owner=_at(demand.owner, kept),
        host=_at(demand.host, kept) if demand.host else (),
        open=tuple(each for i, each in enumerate(demand.open) if stays(each.owner, i)),
        waiting=tuple(each for i, each in enumerate(demand.waiting) if stays(each.owner, i)),
    )


def _at(column: Sequence[_Number], places: Sequence[int]) -> list[_Number]:
    return [column[place] for place in places]


def _held(rows: Rows, holds: list[float], change: Change) -> list[float]:
    """Each hold as it would be."""
    if change.hold == 1 and not change.less:
        return holds
    sites = change.sites
    return [
        max(0.0, hold * change.hold - change.less) if sites is None or site in sites else hold
        for hold, site in zip(holds, rows.site, strict=True)
    ]
