"""What a pool did before and after each moment that changed it, and what was to be expected."""

import os
import threading
import time
from contextlib import suppress
from math import inf
from typing import Any, Final
from weakref import WeakKeyDictionary

from .analysis import whatif
from .model.comparison import Comparison, Expected
from .model.history import Mark
from .model.period import Period
from .model.whatif import Change, Demand
from .predicting import Slots, has_semantics
from .recorder import periods
from .recorder.pool import PoolRecord
from .recorder.snapshots import still
from .recorder.trace import ROW
from .turning import LONGEST, Former, Shape, Source, Turn, Turns, before
from .watching import Watch, Watches
from .words import MARKS

#: Seconds on each side at the least.
_SHORTEST: Final = 20.0
#: Seconds of CPU that one question may take; what is left waits for the next one.
_PATIENCE: Final = 0.5
_LATER: Final = "it takes a moment: look again"
_ALL: Final = 100_000
#: Pools that were forgotten lately and are kept for a while, each with its trace.
_FORMERS: Final = 2


class Comparing:
    """The moments of every pool of one dashboard."""

    def __init__(self, watches: Watches) -> None:
        """`watches`: the pools."""
        self._watches = watches
        self._turns: WeakKeyDictionary[PoolRecord, Turns]
        #: Pools that are watched no longer, by name, for a while.
        self._formers: dict[str, Former]
        self._forgotten_by, watches.forgetting = watches.forgetting, self._forget
        self._renew()

    def _renew(self) -> None:
        """The process was forked: its counts begin anew, and somebody may have held the lock."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._turns = WeakKeyDictionary()
        self._formers = {}

    @property
    def memory(self) -> int:
        """Bytes of what is kept for comparing, estimated."""
        sources = [*(each.source for each in self._formers.values())]
        kept = 0
        for turns in list(self._turns.values()):
            found = list(turns.found)
            sources += [turn.former for turn in found if turn.former is not None]
            kept += sum(0 if (demand := turn.kept) is None else len(demand.asked) for turn in found)
        records = {id(each.record): each.record for each in sources}
        return kept * ROW + sum(each.memory for each in records.values())

    def look(self) -> None:
        """Note marks and changed settings; called with each snapshot, by one at a time."""
        if self._pid != os.getpid():
            self._renew()
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._lock.release()

    def _look(self) -> None:
        marks, offset, may_keep = list(MARKS), self._offset(), True
        now = self._watches.clock()
        for name, each in list(self._formers.items()):
            if now - each.ended > LONGEST:
                self._formers.pop(name, None)
        for watch, record in self._watches.records():
            turns = self._turns.get(record)
            if turns is None:
                turns = self._turns[record] = Turns()
                former = self._formers.pop(record.name, None)
                if former is not None and former.source.probe.library == watch.probe.library:
                    turns.succeed(former, watch.probe, record, marks, offset)
            has_kept = turns.look(watch.probe, record, marks, offset, may_keep=may_keep)
            may_keep = may_keep and not has_kept

    def _forget(self, watch: Watch, record: PoolRecord) -> None:
        """A pool is about to be forgotten: another one may take its place. Never raises."""
        # Another thread may be at the table: then there is nothing to compare with.
        with suppress(RuntimeError, StopIteration):
            self._remember(watch, record)
        self._forgotten_by(watch, record)

    def _remember(self, watch: Watch, record: PoolRecord) -> None:
        turns, now = self._turns.get(record), self._watches.clock()
        shape = None if turns is None else turns.shape
        if shape is not None and now - record.since >= _SHORTEST and record.checkouts:
            while len(self._formers) >= _FORMERS:
                self._formers.pop(next(iter(self._formers)), None)
            source = Source(watch.probe, record)
            self._formers[record.name] = Former(source, shape, now)

    def _offset(self) -> float:
        """What makes a UNIX time of one of the clock."""
        return time.time() - self._watches.clock()

    def all(self) -> list[Comparison]:
        """For every pool that did something on both sides, the latest first.

        Replays what nobody asked for yet, for half a second of the caller's thread at the most.
        """
        until = time.thread_time() + _PATIENCE
        found = [
            comparison
            for watch, record in self._watches.records()
            for turn, begun, end in self._turns.get(record, Turns()).windows(record)
            if (comparison := self._compare(watch, record, turn, begun, end, until)) is not None
        ]
        return sorted(found, key=lambda each: (-each.mark.at, each.pool))

    def _compare(
        self,
        watch: Watch,
        record: PoolRecord,
        turn: Turn,
        begun: float,
        end: float,
        until: float,
    ) -> Comparison | None:
        length = min(end - turn.at, turn.since - begun, LONGEST)
        if length < _SHORTEST:
            return None
        source = turn.former or Source(watch.probe, record)
        earlier = self._period(source.record, turn.since - length, turn.since, turn.since)
        later = self._period(record, turn.at, turn.at + length, turn.at)
        if not (earlier.checkouts and later.checkouts):
            return None
        if turn.expected is None and time.thread_time() < until:
            turn.expected = _expected(turn, source, begun)
        return Comparison(
            mark=Mark(turn.mark.at, turn.words),
            pool=record.name,
            before=earlier,
            after=later,
            changed=turn.changed,
            expected=turn.expected or Expected(reason=_LATER),
            timeout=turn.after.slots.timeout,
        )

    def _period(self, record: PoolRecord, start: float, end: float, border: float) -> Period:
        now, offset = self._watches.clock(), self._offset()
        with still(record):
            return periods.of(record, now, start, end, offset, border=border)


def _expected(turn: Turn, source: Source, begun: float) -> Expected:
    """The requests before, replayed with the settings of after."""
    after = turn.after.slots
    if not has_semantics(source.probe):
        library = source.probe.library
        return Expected(reason=f"nobody knows how {library} hands out its connections")
    demand = turn.kept or before(turn, source, begun, _ALL)
    if not demand.asked:
        return Expected(reason="no request of the time before is kept any more")
    size = _bound(demand, after)
    if size is None:
        return Expected(reason="the pool has no bound after it, so nobody waits for a slot")
    prediction = whatif.predict(demand, [size], _change(turn.before, turn.after))
    return Expected(
        row=next(iter(prediction.rows), None),
        reason=" ".join(prediction.banner),
        requests=len(demand.asked),
        seconds=demand.duration,
    )


def _bound(demand: Demand, after: Slots) -> int | None:
    """The size to replay: a limit to each host alone, with no host unknown, comes to one too."""
    if after.size is not None:
        return after.size if after.overflow >= 0 else None
    hosts = set(demand.host)
    return len(hosts) * after.limit_per_host if after.limit_per_host and 0 not in hosts else None


def _change(before: Shape, after: Shape) -> Change:
    """What the replay has to do otherwise."""
    then, now = before.slots, after.slots
    changed: dict[str, Any] = {}
    if then.timeout != now.timeout:
        changed["timeout"] = inf if now.timeout is None else now.timeout
    if then.overflow != now.overflow >= 0:
        changed["overflow"] = now.overflow
    if then.limit_per_host != now.limit_per_host:
        changed["limit_per_host"] = now.limit_per_host or 0
    return Change(**changed)
