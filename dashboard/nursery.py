"""Who makes pools, how often, and what becomes of them: counted by line and place."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from .model.origin import CallSite
from .model.seen import Birth
from .recorder.pool import PoolRecord
from .watching import Watch

#: Lines and places that are told apart, and births of each whose time is kept.
_MOST: Final = 256
_TIMES: Final = 64
#: Classes that own a pool, and what a person calls them.
_KINDS: Final = {"Engine": "engine", "ClientSession": "session"}


@dataclass(slots=True)
class _Tally:
    """Pools of one line for one place."""

    site: CallSite
    library: str
    kind: str
    address: str
    count: int = 0
    ended: int = 0
    unclosed: int = 0
    checkouts: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMES))
    alive: dict[Watch, None] = field(default_factory=dict)


class Nursery:
    """The births of one dashboard; every method may be called in any thread."""

    def __init__(self) -> None:
        """Nobody was born yet."""
        self.renew_lock()
        self._tallies: dict[tuple[CallSite, str, str], _Tally] = {}
        self._of: dict[Watch, _Tally] = {}

    def renew_lock(self) -> None:
        """The process was forked, and somebody may have held it."""
        self._lock = threading.Lock()

    def born(self, watch: Watch, newborn: object, made_at: CallSite, at: float) -> None:
        """A pool was made and is watched from here on."""
        probe = watch.probe
        with self._lock:
            key = made_at, probe.library, probe.address
            tally = self._tallies.get(key)
            if tally is None:
                if len(self._tallies) >= _MOST:
                    return
                kind = _kind_of(newborn)
                tally = self._tallies[key] = _Tally(made_at, probe.library, kind, probe.address)
            tally.count += 1
            tally.times.append(at)
            tally.alive[watch] = None
            self._of[watch] = tally

    def gone(self, watch: Watch, record: PoolRecord) -> None:
        """It is watched no longer: collected, or the watch was stopped."""
        record.fold()
        with self._lock:
            tally = self._of.pop(watch, None)
            if tally is None:
                return
            del tally.alive[watch]
            tally.ended += 1
            tally.checkouts += record.checkouts
            tally.unclosed += watch.probe.is_gone and _was_open(watch, record)

    def births(self, now: float, records: Iterable[tuple[Watch, PoolRecord]]) -> list[Birth]:
        """Every line and place; `records` are those that are watched."""
        checkouts = {watch: record.checkouts for watch, record in records}
        with self._lock:
            return [_birth(tally, now, checkouts) for tally in self._tallies.values()]


def _birth(tally: _Tally, now: float, checkouts: dict[Watch, int]) -> Birth:
    return Birth(
        call_site=tally.site,
        library=tally.library,
        kind=tally.kind,
        address=tally.address,
        count=tally.count,
        alive=len(tally.alive),
        ended=tally.ended,
        unclosed=tally.unclosed,
        checkouts=tally.checkouts + sum(checkouts.get(watch, 0) for watch in tally.alive),
        times=tuple(sorted(now - at for at in tally.times)),
    )


def _kind_of(newborn: object) -> str:
    names = (kind.__name__ for kind in type(newborn).__mro__)
    return next((_KINDS[name] for name in names if name in _KINDS), "pool")


def _was_open(watch: Watch, record: PoolRecord) -> bool:
    """Whether it still had connections that nobody had closed."""
    if getattr(watch.probe, "was_dropped", False):
        return True
    ledger = record.ledger
    if ledger.state != "open":
        return False
    return any(connection.is_open for connection in list(ledger.connections.values()))
