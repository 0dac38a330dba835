"""What the rows of one prediction have in common: the demand as it would be, and its callers."""

from dataclasses import dataclass, field, replace
from math import ceil, floor, inf
from typing import Final

from ..model.whatif import Change, Demand
from . import chains, sizing
from .demand import Rows, own_limits, rows_of
from .hosts import Limits, replay_hosts
from .imputing import imputations
from .measuring import Measured, measure
from .replay import Load, Replayed, replay
from .slowdown import Slowdown

#: Holds are drawn so often in a small trace. In a large one chance averages out: of 100,000
#: requests, a quarter of them drawn, the p95 moves by a tenth of its range from draw to draw.
_IMPUTATIONS: Final = 20
_DRAWN: Final = 100_000
#: Two sizes are near if one is at most so many times the other.
_NEAR: Final = 2.0
#: So many requests of unknown hosts cost the grade.
MANY_UNTOLD: Final = 0.05
_GOLDEN: Final = 0x9E3779B1
_WORD: Final = 1 << 32


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
    #: How far the level of holds wandered, as `drifting.drift` has it.
    drift: float = 0.0
    #: The size that was measured first: the present one.
    _known: tuple[int | None, Replayed, Measured] | None = None
    _seen: dict[int, Measured] = field(default_factory=dict)
    #: The least size at which no caller that comes again waits, and what happens there.
    _free: dict[tuple[int, int], tuple[int, Replayed]] = field(default_factory=dict)

    @property
    def offered(self) -> float:
        """Connections held on average if nobody had to wait or leave."""
        return self.loads[0].passed[-1] / self.demand.duration

    def capacity(self, size: int) -> int:
        """Slots at this size."""
        return size + self.overflow - self.demand.lost

    def run(self, load: Load, slots: int | None, *, closed: bool = False) -> Replayed:
        """The replay that suits the callers and the library."""
        if self.has_hosts:
            return self._by_host(load, slots, closed=closed)
        if closed or self.mode == "closed":
            return self._again(load, self.links, slots)
        if self.mode == "chained":
            return self._again(load, self.within_requests, slots)
        return replay(load, slots)

    @property
    def has_hosts(self) -> bool:
        """Whether requests to several hosts are told apart."""
        return self.demand.semantics == "aiohttp" and bool(self.demand.host)

    def _by_host(self, load: Load, slots: int | None, *, closed: bool) -> Replayed:
        demand = self.demand
        chosen = STRANGERS.links
        if closed or self.mode == "closed":
            chosen = self.links
        elif self.mode == "chained":
            chosen = self.within_requests
        if (free := self._at_rest(load, chosen, slots)) is not None:
            return free
        limits = Limits(slots, demand.limit_per_host, demand.keep)
        done = replay_hosts(load, self.rows.host, limits, chosen, self.seed)
        return self._noted(load, chosen, slots, done)

    def _at_rest(self, load: Load, links: chains.Links, slots: int | None) -> Replayed | None:
        """What never takes the last slot is the same at every larger size."""
        least, done = self._free.get((id(load), id(links)), (inf, None))
        return done if (slots or inf) >= least else None

    def _noted(
        self, load: Load, links: chains.Links, slots: int | None, done: Replayed
    ) -> Replayed:
        if done.most is not None and done.most < (slots or inf):
            self._free[id(load), id(links)] = done.most + 1, done
        elif slots and not done.waited and not done.left:
            self._free[id(load), id(links)] = slots, done
        return done

    def _again(self, load: Load, links: chains.Links, slots: int | None) -> Replayed:
        if (free := self._at_rest(load, links, slots)) is not None:
            return free
        return self._noted(load, links, slots, chains.replay_chained(load, links, slots))

    def first(self, slots: int | None) -> tuple[Replayed, Measured]:
        """The replay of the first load, with its ranges; the size asked for first is known."""
        if self._known is not None and self._known[0] == slots:
            return self._known[1:]
        done = self.run(self.loads[0], slots)
        measured = measure(self.loads[0], done, self.seed)
        if self._known is None:
            self._known = slots, done, measured
        if slots is not None:
            self._seen[slots] = measured
        return done, measured

    def at(self, slots: int) -> Measured:
        """The first load at these slots; a size that is asked for once more is known."""
        if slots not in self._seen:
            load = self.loads[0]
            self._seen[slots] = measure(load, self.run(load, slots), None)
        return self._seen[slots]

    def around(self, slots: float) -> tuple[int, int]:
        """Two sizes between which a broken one lies: known ones, if they are near enough."""
        below = max((each for each in self._seen if each <= slots), default=0)
        above = min((each for each in self._seen if each >= slots), default=0)
        if below and not above and not self._seen[below].points[95.0]:
            return below, below
        if below and above and above <= max(below + 1, _NEAR * below):
            return below, above
        return floor(slots), ceil(slots)


@dataclass(frozen=True, slots=True)
class Callers:
    """Who comes again: `mode` as `chains.mode` has it."""

    links: chains.Links
    mode: str


def hosts_untold(demand: Demand, rows: Rows) -> float:
    """The share of requests of which the host is unknown."""
    return rows.host.count(0) / max(1, len(rows)) if demand.host else 1.0


#: Every request comes by itself.
STRANGERS: Final = Callers(chains.Links([], [], []), "open")


def callers_of(rows: Rows) -> Callers:
    """How callers come, without all that a replay needs."""
    links = chains.links(rows.asked, rows.ended(), rows.owner)
    return Callers(links, chains.mode(links, rows.wait))


def set_up(
    demand: Demand,
    change: Change,
    seed: int,
    rows: Rows | None = None,
    callers: Callers | None = None,
) -> Scene | None:
    """None when no checkout has ended; `rows` and `callers` if they are known."""
    demand = _changed(demand, change)
    if rows is None:
        rows = rows_of(demand)
    times = max(1, min(_IMPUTATIONS, _DRAWN // max(1, len(rows))))
    limits = own_limits(demand)
    patience = rows.patience(demand.timeout, limits)
    timeout = min(limits.values(), default=demand.timeout)
    drawn = imputations(rows, times, seed)
    if not drawn:
        return None
    loads = [Load(rows.asked, _held(rows, holds, change), patience, timeout) for holds in drawn]
    links, mode = (each := callers or callers_of(rows)).links, each.mode
    is_blind = demand.semantics == "aiohttp" and hosts_untold(demand, rows) > MANY_UNTOLD
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
    if change.limit_per_host is not None:
        demand = replace(demand, limit_per_host=change.limit_per_host or None)
    if change.are_leaks_fixed:
        demand = replace(demand, lost=0)
    return demand if change.share == 1 else _thinned(demand, change.share)


def _thinned(demand: Demand, share: float) -> Demand:
    """Some callers, all of their requests; which, depends on the owner alone."""

    def stays(owner: int, place: int) -> bool:
        return (owner or place) * _GOLDEN % _WORD < share * _WORD

    kept = [i for i, owner in enumerate(demand.owner) if stays(owner, i)]
    return demand.picked(
        lambda column: list(map(column.__getitem__, kept)),
        open=tuple(each for i, each in enumerate(demand.open) if stays(each.owner, i)),
        waiting=tuple(each for i, each in enumerate(demand.waiting) if stays(each.owner, i)),
    )


def _held(rows: Rows, holds: list[float], change: Change) -> list[float]:
    """Each hold as it would be."""
    if change.hold == 1 and not change.less:
        return holds
    sites = change.sites
    return [
        max(0.0, hold * change.hold - change.less) if sites is None or site in sites else hold
        for hold, site in zip(holds, rows.site, strict=True)
    ]
