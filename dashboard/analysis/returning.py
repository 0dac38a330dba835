"""What was suspected and came back: a suspicion that turned out wrong is taken back in public."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..model.findings import Suspect
from ..model.origin import CallSite
from ..model.snapshot import CameBack, Checkout, Lost, PoolSnapshot
from . import evidence
from .sentences import span

#: Seconds that they stay in the list.
REMEMBERED: Final = 900.0
#: Verdicts that say a connection is forgotten.
_SUSPICIONS: Final = frozenset({"lost", "orphaned", "overdue", "stalled", "held_elsewhere"})
_MOST: Final = 1000
#: By pool, connection, line and owner. Not by the time: a clock that is moved moves dates.
Key = tuple[str, int, CallSite, int]


@dataclass(slots=True)
class _Taken:
    """A suspicion that is taken back; `is_told`: the recorder said when it came back."""

    suspect: Suspect
    at: datetime
    is_told: bool = False


class Memory:
    """Suspects from look to look."""

    def __init__(self) -> None:
        """Nobody has looked."""
        self._has_looked = False
        self._suspected: dict[Key, Suspect] = {}
        self._taken: dict[Key, _Taken] = {}

    def look(
        self, pools: Mapping[str, PoolSnapshot], found: Iterable[Suspect], at: datetime
    ) -> list[Suspect]:
        """Note who is suspected; answer who was, and is back, for a quarter of an hour."""
        self._take_back(pools, at)
        for suspect in found:
            if _is_suspicion(suspect) and len(self._suspected) < _MOST:
                self._suspected[_key(suspect.pool, suspect)] = suspect
        returned = [*self._by_recorder(pools), *self._by_look(pools, at)]
        self._has_looked = True
        return returned

    def _take_back(self, pools: Mapping[str, PoolSnapshot], at: datetime) -> None:
        for key, suspect in list(self._suspected.items()):
            pool = pools.get(suspect.pool)
            if pool is not None and _is_out(key, suspect, pool):
                continue
            self._suspected.pop(key, None)
            is_lost = pool is not None and any(
                _key(pool.name, each) == key for each in pool.recently_lost
            )
            if pool is not None and not is_lost:
                self._taken[key] = _Taken(suspect, at)
        while len(self._taken) > _MOST:
            self._taken.pop(next(iter(self._taken)))

    def _by_recorder(self, pools: Mapping[str, PoolSnapshot]) -> Iterator[Suspect]:
        """What it kept of those that were suspected; before the first look, of all."""
        for pool in pools.values():
            for back in pool.recently_back:
                taken = self._taken.get(_key(pool.name, back))
                if taken is not None:
                    taken.is_told = True
                    yield _taken_back(taken.suspect, back.ended_at, back.held_for)
                elif not self._has_looked:
                    yield _told(pool, back)

    def _by_look(self, pools: Mapping[str, PoolSnapshot], at: datetime) -> Iterator[Suspect]:
        """Those that were quiet for too short to be kept by the recorder: about now."""
        for key, taken in list(self._taken.items()):
            if (at - taken.at).total_seconds() > REMEMBERED or key[0] not in pools:
                self._taken.pop(key, None)
            elif not taken.is_told:
                held = taken.suspect.held_for
                since_look = (taken.at - taken.suspect.since).total_seconds()
                yield _taken_back(taken.suspect, taken.at, max(held, since_look))


def _key(pool: str, one: Suspect | Checkout | CameBack | Lost) -> Key:
    return pool, one.connection, one.call_site, one.owner.ident


def _is_suspicion(suspect: Suspect) -> bool:
    if suspect.ended_at is not None or suspect.verdict not in _SUSPICIONS:
        return False
    is_beyond = (suspect.quiet_for or 0.0) > (suspect.bound or 0.0)
    return is_beyond or suspect.verdict == "orphaned"


def _is_out(key: Key, suspect: Suspect, pool: PoolSnapshot) -> bool:
    """Whether it is still the same checkout: one that began later has not held for so long."""
    return any(
        each.connection == key[1]
        and each.held_for >= suspect.held_for
        and _key(key[0], each) == key
        for each in pool.open
    )


def _taken_back(suspect: Suspect, ended_at: datetime, held: float) -> Suspect:
    said = f"called {suspect.verdict.replace('_', ' ')} ({suspect.certainty}), then returned"
    return replace(
        suspect,
        verdict="returned",
        certainty="possible",
        held_for=held,
        evidence=(f"{said} after {span(held)}", *suspect.evidence[:1]),
        now=(),
        ended_at=ended_at,
    )


def _told(pool: PoolSnapshot, back: CameBack) -> Suspect:
    return Suspect(
        pool=pool.name,
        verdict="returned",
        certainty="possible",
        call_site=back.call_site,
        stack=back.stack,
        owner=back.owner,
        request=back.request,
        held_for=back.held_for,
        evidence=(evidence.returned(back),),
        backend_pid=back.backend_pid,
        since=back.since,
        ended_at=back.ended_at,
        connection=back.connection,
        quiet_for=back.quiet,
        bound=back.bound,
    )
