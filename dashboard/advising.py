"""Advice on the pools of one dashboard: what the rules need, kept ready so that asking is cheap."""

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakKeyDictionary

from .analysis import budget, gates, twins
from .analysis.advice import LIFETIMES, of_case, ordered
from .analysis.case import Case
from .analysis.lab import Lab, worth
from .analysis.rules import Rule
from .analysis.servers import server_of
from .model.findings import Advice, Suspect
from .model.limits import ServerLimit
from .model.origin import CallSite
from .model.seen import Birth, Seen
from .model.snapshot import PoolSnapshot, Snapshot
from .observing import Notes
from .predicting import demand_of, has_semantics
from .probes.frames import SITES
from .recorder import histories
from .recorder.plain import call_site
from .recorder.pool import PoolRecord
from .recorder.snapshots import still
from .watching import Watch, Watches
from .watching_all import births_of

_log: Final = logging.getLogger(__name__)
#: A trace that was measured is good for so many seconds, or until it has grown by this share.
_FRESH: Final = 15.0
_GROWN: Final = 0.25
#: Predictions that differ by less than this share are told as they were told before.
_SAME: Final = 0.25
#: Advice that is remembered for limits which somebody entered before.
_MOST_TOLD: Final = 100
#: Recycled connections from which on the hours before are looked at.
_RECYCLED: Final = 6
_HOURS: Final = 21_600.0
_GONE: Final = frozenset({"lost", "orphaned"})
_CERTAIN: Final = frozenset({"proven", "probable"})


@dataclass(slots=True)
class _Bench:
    """What is kept of one pool between two questions."""

    notes: Notes = field(default_factory=Notes)
    lab: Lab | None = None
    lab_at: float = 0.0
    lab_of: tuple[int, int, frozenset[int]] = (0, 0, frozenset())
    told: dict[tuple[str, ServerLimit], Advice] = field(default_factory=dict)


class Advisor:
    """Looks at every pool; asked in any thread, one question at a time."""

    def __init__(self, watches: Watches) -> None:
        """`watches`: the pools."""
        self._watches = watches
        self._benches: WeakKeyDictionary[PoolRecord, _Bench] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._broken: set[str] = set()

    def _broke(self, rule: Rule, error: Exception) -> None:
        """A rule that fails is left out, and logged once; the others speak."""
        if rule.id not in self._broken:
            self._broken.add(rule.id)
            _log.error("rule %s failed and is left out", rule.id, exc_info=error)

    def _bench(self, record: PoolRecord) -> _Bench:
        bench = self._benches.get(record)
        if bench is None:
            bench = self._benches.setdefault(record, _Bench())
        return bench

    def look(self) -> None:
        """Note what a snapshot does not hold; called with each one."""
        now = self._watches.clock()
        for watch, record in self._watches.records():
            self._bench(record).notes.look(watch, record, now)

    def advise(
        self,
        snapshot: Snapshot,
        suspects: Sequence[Suspect],
        server: ServerLimit | None = None,
    ) -> list[Advice]:
        """What to change, the most severe first."""
        births, found = births_of(self._watches), list[Advice]()
        with self._lock:
            records = self._watches.records()
            # What was collected since the snapshot is told by its birth.
            names = {record.name for _, record in records}
            pools = {name: pool for name, pool in snapshot.pools.items() if name in names}
            snapshot = replace(snapshot, pools=pools)
            for watch, record in records:
                pool = snapshot.pools.get(record.name)
                if pool is not None and pool.state != "failed":
                    case = self._case(watch, record, snapshot, suspects, births)
                    case = replace(case, server=self._limit(record, snapshot, server))
                    found += self._told(record, case.server, of_case(case, broke=self._broke))
        named = {pool.born_at for pool in snapshot.pools.values()}
        for birth in births:
            if birth.call_site not in named:
                found += of_case(_orphaned(birth, snapshot), LIFETIMES, self._broke)
        return ordered(found)

    def case(
        self,
        name: str,
        snapshot: Snapshot,
        suspects: Sequence[Suspect],
        server: ServerLimit | None = None,
    ) -> Case | None:
        """One pool as the rules see it; None when no pool has this name."""
        births = births_of(self._watches)
        with self._lock:
            for watch, record in self._watches.records():
                if record.name == name and name in snapshot.pools:
                    case = self._case(watch, record, snapshot, suspects, births)
                    return replace(case, server=self._limit(record, snapshot, server))
        return None

    def collecting(self, snapshot: Snapshot, suspects: Sequence[Suspect]) -> dict[str, str]:
        """Pools of which too little is known for advice about their size, and what there is."""
        found = {}
        with self._lock:
            for watch, record in self._watches.records():
                pool = snapshot.pools.get(record.name)
                if pool is None or pool.state != "open" or not has_semantics(watch.probe):
                    continue
                mine = tuple(each for each in suspects if each.pool == pool.name)
                lab = self._lab(watch, record, mine, self._watches.clock())
                found[pool.name] = gates.data(Case(pool=pool, lab=lab))
        return {name: text for name, text in found.items() if text}

    def _case(
        self,
        watch: Watch,
        record: PoolRecord,
        snapshot: Snapshot,
        suspects: Sequence[Suspect],
        births: Sequence[Birth],
    ) -> Case:
        now = self._watches.clock()
        bench = self._bench(record)
        bench.notes.look(watch, record, now)
        pool = snapshot.pools[record.name]
        if pool.born_at is None:
            pool = replace(pool, born_at=watch.born_at)
        mine = tuple(each for each in suspects if each.pool == pool.name)
        seen = replace(
            bench.notes.seen(watch, record, now),
            births=_births_of(pool, snapshot.pools, births),
            twins=twins.of(pool, snapshot.pools),
        )
        recycled = sum(each.reason == "stale" for each in seen.closings)
        history = None
        if recycled >= _RECYCLED:
            with still(record):
                history = histories.of(record, now, self._wall, _HOURS, 360)
        return Case(
            pool=pool,
            suspects=mine,
            pools=tuple(snapshot.pools.values()),
            history=history,
            seen=seen,
            lab=self._lab(watch, record, mine, now),
            service=snapshot.source.service,
        )

    @staticmethod
    def _limit(record: PoolRecord, snapshot: Snapshot, entered: ServerLimit | None) -> ServerLimit:
        """What was entered; else what the server said, if it is this pool's."""
        limit, activity = entered or ServerLimit(), snapshot.server
        pool = snapshot.pools[record.name]
        if activity is None or not budget.has_server(pool):
            return limit
        return budget.limit_at(server_of(pool), snapshot.pools.values(), limit, activity)

    def _wall(self, at: float) -> float:
        return time.time() - (self._watches.clock() - at)

    def _lab(
        self, watch: Watch, record: PoolRecord, suspects: Sequence[Suspect], now: float
    ) -> Lab | None:
        """Measured anew when the trace has changed by much, or after some seconds."""
        bench, count = self._bench(record), record.checkins + record.failures.total()
        if not count or not has_semantics(watch.probe):
            return None
        lost = lost_of(suspects)
        before, timeouts, gone = bench.lab_of
        is_same = (
            bench.lab is not None
            and (lost, record.failures["timeout"]) == (gone, timeouts)
            and count <= before * (1 + _GROWN)
            and 0 <= now - bench.lab_at < _FRESH
        )
        if not is_same:
            rows = record.trace.newest(len(record.trace))
            demand = demand_of(record, watch.probe, worth(rows.asked, rows.wait), lost)
            bench.lab = Lab(demand, sites_of(record))
            bench.lab_at, bench.lab_of = now, (count, record.failures["timeout"], lost)
        return bench.lab

    def _told(self, record: PoolRecord, server: ServerLimit, found: list[Advice]) -> list[Advice]:
        """G5: a prediction that hardly differs is told as it was told before."""
        bench = self._bench(record)
        steady = [_steady(each, bench.told.get((each.rule, server))) for each in found]
        others = {key: each for key, each in bench.told.items() if key[1] != server}
        if len(others) > _MOST_TOLD:
            others.clear()
        bench.told = others | {(each.rule, server): each for each in steady}
        return steady


def _steady(advice: Advice, before: Advice | None) -> Advice:
    """What has to be copied stays as it is while its benefit does."""
    if before is None or advice.benefit is None or before.benefit is None or not before.change:
        return advice
    if (advice.held_back, advice.title) != (before.held_back, before.title):
        return advice
    if abs(advice.benefit - before.benefit) > _SAME * before.benefit:
        return advice
    return replace(advice, change=before.change, effect=before.effect, benefit=before.benefit)


def lost_of(suspects: Sequence[Suspect]) -> frozenset[int]:
    """Numbers of connections that are out and will not come back."""
    return frozenset(
        each.connection
        for each in suspects
        if each.verdict in _GONE and each.certainty in _CERTAIN and each.ended_at is None
    ) - {0}


def sites_of(record: PoolRecord) -> dict[CallSite, int]:
    """Numbers of the call sites that use a pool."""
    numbers: Collection[int] = list(record.sites.tallies)
    return {call_site(SITES[number]): number for number in numbers if number in SITES}


def _births_of(
    pool: PoolSnapshot, pools: Mapping[str, PoolSnapshot], births: Sequence[Birth]
) -> tuple[Birth, ...]:
    """What its line made for the same place; told at the first of these pools only."""
    if pool.born_at is None:
        return ()
    like = [name for name, each in pools.items() if _key(each) == _key(pool)]
    if pool.name != min(like, default=pool.name):
        return ()
    key = _key(pool)
    return tuple(each for each in births if (each.library, each.address, each.call_site) == key)


def _key(pool: PoolSnapshot) -> tuple[str, str, CallSite | None]:
    return pool.library, pool.address, pool.born_at


def _orphaned(birth: Birth, snapshot: Snapshot) -> Case:
    """A line whose pools are all gone: there is none that could be looked at."""
    pool = PoolSnapshot(
        name=birth.address or birth.library,
        library=birth.library,
        config={},
        kind="TCPConnector" if birth.library == "aiohttp" else "",
        address=birth.address,
        born_at=birth.call_site,
        checkouts=birth.checkouts,
        at=snapshot.at,
    )
    return Case(pool=pool, seen=Seen(births=(birth,)), service=snapshot.source.service)
