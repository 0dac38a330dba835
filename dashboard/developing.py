"""Incidents made readable: the picture of what a black box froze, with suspects and sentences.

Done once, by the first reader that looks; then only the picture is kept, compressed.
"""

import pickle
import zlib
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, cast

from .analysis import incidents as words
from .model.claim import OWNER, Claim
from .model.events import PoolEvent
from .model.findings import Brief, Incident, Suspect
from .model.ports import Facts
from .model.snapshot import LoopLag, PoolSnapshot
from .probes.frames import SITES
from .probes.loops import BLOCKED, Lives, Loops
from .recorder.events import event_of
from .recorder.freezing import EVENTS, Frozen, doing_of, newest
from .recorder.incidents import Episode
from .recorder.ledger import Ledger
from .recorder.pool import PoolRecord
from .recorder.snapshots import Camera
from .watching import Watch, Watches

#: Call sites in the picture of an incident.
_SITES: Final = 30
#: Entries of the feed in which is looked for what was not folded yet at that moment.
_SEARCHED: Final = 4000


@dataclass(frozen=True, slots=True)
class Kept:
    """What remains of an episode: the incident, compressed, and what lists say of it."""

    packed: bytes
    opening: str
    holders: str
    waiting: int
    oldest: float | None

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return len(self.packed) + 2 * (len(self.opening) + len(self.holders)) + 400


class Incidents:
    """The incidents of one dashboard, for its readers."""

    def __init__(
        self, watches: Watches, judge: Callable[[PoolSnapshot], Sequence[Suspect]], window: float
    ) -> None:
        """`judge` finds the suspects of a pool; `window` in seconds, as for other pictures."""
        self._watches = watches
        self._judge = judge
        self._window = window
        self._loops = Loops()
        watches.forgetting = self._close

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return self._watches.shelf.memory

    def look(self) -> tuple[LoopLag, ...]:
        """What nobody else tells: who waits for too long, what is over, which loops are late."""
        loops = self._loops.look(self._owners)
        records = self._watches.records()
        for watch, record in records:
            record.box.look(watch.probe)
        self._develop(records)
        return loops

    def _owners(self) -> dict[str, list[Lives]]:
        """Who holds or waits, by pool, and the loops of those that do."""
        return {
            record.name: [*(claim[OWNER] for claim in claims), *_loops_of(watch)]
            for watch, record in self._watches.records()
            if (claims := list(_claims(record.ledger)))
        }

    def _close(self, watch: Watch, record: PoolRecord) -> None:
        """The pool is about to be forgotten; its incidents stay."""
        self._loops.close()  # The next look begins anew, if there is one.
        record.box.close()
        self._develop([(watch, record)])

    def briefs(self) -> list[Brief]:
        """All in brief, the latest first."""
        told = (brief(episode) for episode in self._latest())
        return [each for each in told if each is not None]

    def all(self) -> list[Incident]:
        """All in full, the latest first: 0.3 ms for each."""
        told = (incident(episode) for episode in self._latest())
        return [each for each in told if each is not None]

    def one(self, number: str) -> Incident | None:
        """By its id; None when it is no longer kept."""
        found = next((each for each in self._latest() if each.id == number), None)
        return incident(found) if found is not None else None

    def _latest(self) -> list[Episode]:
        return list(reversed(list(self._watches.shelf.episodes)))

    def _develop(self, records: Sequence[tuple[Watch, PoolRecord]]) -> None:
        for _, record in records:
            if record.ledger.failures:
                record.fold()  # So that everybody who timed out is counted.
        watches = {id(record.box): watch for watch, record in records}
        for episode in list(self._watches.shelf.episodes):
            watch, frozen = watches.get(id(episode.box)), episode.frozen
            if watch is not None and frozen is not None:
                self._picture(episode, frozen, watch)

    def _picture(self, episode: Episode, frozen: Frozen, watch: Watch) -> None:
        """Makes the picture; what cannot be shown is counted and left out."""
        kept = None
        try:
            kept = self._kept(episode, frozen, watch)
        except Exception as error:  # noqa: BLE001 -- the observed never pays
            frozen.record.ledger.broke("incident", error)
        if episode.frozen is frozen:  # Else somebody has timed out meanwhile, and froze it anew.
            episode.kept, episode.frozen = kept, None

    def _kept(self, episode: Episode, frozen: Frozen, watch: Watch) -> Kept:
        frozen.record.sweep()  # The feed hears of who still holds.
        camera = Camera(frozen.at, frozen.wall, SITES, self._window, doing_of)
        facts = cast("Facts", Then(watch.probe))
        pool = _whole(camera.take(cast("PoolRecord", frozen), facts), frozen)
        pool = replace(pool, born_at=watch.born_at)
        waited = pool.oldest_wait or 0.0
        loops = self._loops.between(frozen.wall - max(waited, BLOCKED), frozen.wall)
        loops = tuple(each for each in loops if pool.name in each.pools)
        late = _lateness(episode, pool)
        at = datetime.fromtimestamp(episode.wall, UTC)
        incident = Incident(
            id=episode.id,
            pool=pool.name,
            at=at,
            cause=episode.cause,
            snapshot=pool,
            suspects=tuple(self._judge(pool)),
            events=_events(frozen),
            loop_lag=_longest(loops, late),
            loops=loops,
        )
        return Kept(
            packed=zlib.compress(pickle.dumps(incident)),
            opening=words.opening(pool, at.astimezone(), loops, late),
            holders=words.holders(pool),
            waiting=pool.pending_requests,
            oldest=pool.oldest_wait,
        )


def brief(episode: Episode) -> Brief | None:
    """What lists say of an episode; None before there is a picture of it."""
    kept: Kept | None = episode.kept
    if kept is None:
        return None
    ended = episode.ended
    return Brief(
        id=episode.id,
        pool=episode.pool,
        at=datetime.fromtimestamp(episode.wall, UTC),
        cause=episode.cause,
        sentence=f"{kept.opening}; {_outcome(episode, kept)}.",
        holders=kept.holders,
        timeouts=episode.timeouts,
        ended_at=None if ended is None else datetime.fromtimestamp(ended, UTC),
    )


def incident(episode: Episode) -> Incident | None:
    """An episode with its picture; None before there is one."""
    kept, told = episode.kept, brief(episode)
    if kept is None or told is None:
        return None
    # Packed by this process, and never seen by any other.
    frozen: Incident = pickle.loads(zlib.decompress(kept.packed))  # noqa: S301
    return replace(
        frozen,
        cause=told.cause,
        sentence=told.sentence,
        timeouts=told.timeouts,
        ended_at=told.ended_at,
    )


def with_loops(pools: dict[str, PoolSnapshot], loops: Sequence[LoopLag]) -> dict[str, PoolSnapshot]:
    """The pools, with the loop that they wait for where that is blocked."""
    blocked = {name: loop for loop in loops if loop.is_blocked for name in loop.pools}
    return {
        name: replace(pool, blocked_by=blocked[name]) if name in blocked else pool
        for name, pool in pools.items()
    }


def _loops_of(watch: Watch) -> tuple[AbstractEventLoop, ...]:
    """A probe that fails, because the host goes on meanwhile, tells at the next look."""
    with suppress(Exception):
        return tuple(getattr(watch.probe, "loops", tuple)())
    return ()


def _claims(ledger: Ledger) -> list[Claim]:
    return [*list(ledger.open.values()), *list(ledger.pending.values())]


def _outcome(episode: Episode, kept: Kept) -> str:
    return words.outcome(
        kept.waiting,
        kept.oldest,
        episode.timeouts,
        episode.last - episode.began,
        is_over=episode.is_over,
    )


class Then:
    """A probe's facts without what can only be asked of the pool at the moment."""

    def __init__(self, facts: Facts) -> None:
        """Settings do not change while a pool lives."""
        self._facts = facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)

    def own_counts(self) -> None:
        """Nobody asked the library then."""


def _whole(pool: PoolSnapshot, frozen: Frozen) -> PoolSnapshot:
    """With the true counts where more held or waited than were noted, and nothing of later."""
    tables, at = frozen.ledger, pool.at
    return replace(
        pool,
        config={name: _plain(value) for name, value in pool.config.items()},
        used=tables.used,
        idle=max(0, pool.count - tables.used),
        pending_requests=tables.pending_requests,
        call_sites=pool.call_sites[:_SITES],
        recently_lost=tuple(each for each in pool.recently_lost if at and each.ended_at <= at),
        recently_back=tuple(each for each in pool.recently_back if at and each.ended_at <= at),
    )


def _plain(value: object) -> object:
    """A setting's value without objects of the host's."""
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _events(frozen: Frozen) -> tuple[PoolEvent, ...]:
    """The last of the pool until then, also those that were entered later."""
    entered = newest(
        (each for each in frozen.record.feed.latest(_SEARCHED) if each.at <= frozen.at), frozen.name
    )
    found = {each.number: each for each in (*frozen.events, *entered) if each.at <= frozen.at}
    ordered = sorted(found.values(), key=lambda each: (each.at, each.number))
    return tuple(event_of(each) for each in ordered[-EVENTS:])


def _lateness(episode: Episode, pool: PoolSnapshot) -> float | None:
    """How much later than the pool's own time-out the first task gave up: its loop was late."""
    limit = pool.config.get("pool_timeout")
    if episode.waited is None or not isinstance(limit, int | float):
        return None
    late = episode.waited - limit
    return late if late > BLOCKED else None


def _longest(loops: Sequence[LoopLag], late: float | None) -> float | None:
    return max((*(each.lag for each in loops), *([late] if late is not None else [])), default=None)
