"""The black box: what a pool looked like when it ran out.

Nothing runs in the background. A caller that times out, or is cancelled after a second of waiting,
freezes the live tables at once, on the host's path; another wait that is too long is found by
whoever looks. What belongs together is one episode: it ends when nobody timed out and nobody waited
long for a minute.
"""

import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..model.claim import ASKED, OWNER, Claim
from ..model.ports import Facts
from .freezing import Doing, Frozen, InUse

if TYPE_CHECKING:
    from .pool import PoolRecord

#: A wait of so many seconds is long, or half of the pool's own time-out if that is less.
LONG_WAIT: Final = 5.0
#: A pool of which every slot is out is exhausted once somebody has waited for so many seconds.
EXHAUSTED: Final = 1.0
#: Seconds without a time-out or a long wait after which an episode is over.
QUIET: Final = 60.0
#: Incidents of one pool, of one dashboard, and the bytes of all together.
EACH: Final = 20
MOST: Final = 200
BYTES: Final = 4 * 1024 * 1024
#: Settings that say how long a caller waits at most.
_TIMEOUTS: Final = ("pool_timeout", "connect")
#: Clocks of two threads that time out together may differ by this.
_TOGETHER: Final = 1.0
_NAME: Final = 40


class Episode:
    """One incident as it is kept: frozen until a reader has made a picture of it."""

    __slots__ = (
        "began",
        "box",
        "cause",
        "frozen",
        "id",
        "is_over",
        "kept",
        "last",
        "pool",
        "timeouts",
        "waited",
        "wall",
    )

    def __init__(self, box: "BlackBox", cause: str, frozen: Frozen, name: str) -> None:
        """`name` is its id."""
        self.box = box
        self.id = name
        self.pool = frozen.name
        self.cause = cause
        self.frozen: Frozen | None = frozen
        #: What a reader made of it; has a `memory`.
        self.kept: Any = None
        self.began = self.last = frozen.at
        self.wall = frozen.wall
        self.timeouts = 0
        #: How long the task had waited that gave up first; None if none did.
        self.waited: float | None = None
        self.is_over = False

    @property
    def ended(self) -> float | None:
        """When the last caller gave up or waited long, as UNIX time; None while it goes on."""
        return self.wall + self.last - self.began if self.is_over else None

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        frozen, kept = self.frozen, self.kept
        return 300 + (frozen.memory if frozen else 0) + (kept.memory if kept else 0)


class Shelf:
    """The episodes of all pools of one dashboard, oldest first; bounded in number and bytes."""

    def __init__(self) -> None:
        """Empty."""
        self.episodes: deque[Episode] = deque(maxlen=MOST)

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        self.episodes.clear()

    def add(self, episode: Episode) -> None:
        """The oldest make room for it."""
        before = self.of(episode.box)
        if len(before) >= EACH:
            self._drop(before[0])
        self.episodes.append(episode)
        excess = self.memory - BYTES
        for old in list(self.episodes)[:-1]:
            if excess <= 0:
                break
            excess -= old.memory
            self._drop(old)

    def _drop(self, episode: Episode) -> None:
        with suppress(ValueError):  # It left by itself.
            self.episodes.remove(episode)

    def of(self, box: "BlackBox") -> list[Episode]:
        """Those of one pool, oldest first."""
        return [each for each in list(self.episodes) if each.box is box]

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return sum(each.memory for each in list(self.episodes))

    def free(self, name: str) -> str:
        """The id, with a number if another incident has it."""
        taken = {each.id for each in list(self.episodes)}
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        return free


def nobody_looks(_: Sequence[object]) -> tuple[()]:
    """Owners are not asked what they do."""
    return ()


def nobody_knows(_: int) -> str:
    """Nothing is known of what keeps a connection in use."""
    return ""


class BlackBox:
    """Writes the episodes of one pool. No method waits or raises."""

    def __init__(self, record: "PoolRecord", shelf: Shelf) -> None:
        """`shelf` is shared by all pools of a dashboard."""
        self._record = record
        self._shelf = shelf
        #: Notes what owners do at this moment.
        self.doing: Doing = nobody_looks
        #: Answers what keeps a connection in use without a statement.
        self.in_use: InUse = nobody_knows
        self.reset()

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        # Only ever tried, never waited for.
        self._lock = threading.Lock()
        self._open: Episode | None = None
        self._limit = LONG_WAIT
        self._knows_limit = False

    def timed_out(self, claim: Claim) -> None:
        """Called on the host's path while the claim still waits: freezes once an episode."""
        try:
            now, waited = self._record.now(), self._record.now() - claim[ASKED]
            since = now - max(0.0, waited - self._limit)
            episode = self._open
            if episode is not None and episode.cause == "timeout" and _goes_on(episode, since):
                episode.last = now
            else:
                is_task = claim[OWNER].kind == "task"
                self._strike("timeout", since, waited if is_task else None)
        except Exception as error:
            self._record.ledger.broke("black box", error)

    def gave_up(self, claim: Claim) -> None:
        """Called as `timed_out`: a caller was cancelled. After a long wait that is a time-out too.

        `asyncio.wait_for(pool.acquire(), 5)` looks like that to the pool.
        """
        try:
            now, waited = self._record.now(), self._record.now() - claim[ASKED]
            if waited > EXHAUSTED:
                since = now - (waited - EXHAUSTED)
                episode = self._open
                if episode is not None and _goes_on(episode, since):
                    episode.last = now
                else:
                    self._strike("long_wait", since)
        except Exception as error:
            self._record.ledger.broke("black box", error)

    def look(self, facts: Facts) -> None:
        """Called by every reader: who has waited for too long, and what is over."""
        try:
            self._look(facts)
        except Exception as error:
            self._record.ledger.broke("black box", error)

    def _look(self, facts: Facts) -> None:
        record, episode = self._record, self._open
        now = record.now()
        pending = list(record.ledger.pending.values())
        waited = now - pending[0][ASKED] if pending else 0.0
        cause, limit = None, 0.0
        if pending and not self._knows_limit:
            self._limit, self._knows_limit = limit_of(facts.settings()), True
        if waited > min(EXHAUSTED, self._limit):
            most = facts.limits()[1]
            if waited > EXHAUSTED and most is not None and len(record.ledger.open) >= most:
                cause, limit = "exhausted", EXHAUSTED
            elif waited > self._limit:
                cause, limit = "long_wait", self._limit
        if cause is not None:
            self._strike(cause, now - (waited - limit))
        elif episode is not None and not _goes_on(episode, now):
            self._end(episode)

    def _strike(self, cause: str, since: float, waited: float | None = None) -> None:
        """It is bad since then: a new episode, or a worse cause of the one that goes on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            episode = self._open
            if episode is not None and not _goes_on(episode, since):
                self._end(episode)
                episode = None
            if episode is None:
                self._begin(cause, waited)
                return
            episode.last = self._record.now()
            if cause == "timeout" != episode.cause:
                # The first who gives up is the better moment for the picture.
                episode.frozen, episode.kept = self._freeze(), None
                episode.cause, episode.waited = cause, waited
        finally:
            self._lock.release()

    def _begin(self, cause: str, waited: float | None) -> None:
        frozen = self._freeze()
        name = self._shelf.free(name_of(frozen.name, frozen.wall))
        episode = Episode(self, cause, frozen, name)
        episode.waited = waited
        self._open = episode
        self._shelf.add(episode)

    def _freeze(self) -> Frozen:
        return Frozen(self._record, self.doing, self.in_use)

    def _end(self, episode: Episode) -> None:
        episode.is_over = True
        if self._open is episode:
            self._open = None

    def close(self) -> None:
        """The watch ends, and with it the episode."""
        if self._open is not None:
            self._end(self._open)

    def count(self, at: float) -> None:
        """A caller timed out at that time; told when it is folded, one after the other."""
        episode = self._open
        if episode is None or episode.began > at + _TOGETHER:
            earlier = [each for each in self._shelf.of(self) if each.began <= at + _TOGETHER]
            episode = earlier[-1] if earlier else None
        if episode is not None:
            episode.timeouts += 1
            episode.last = max(episode.last, at)
            episode.cause = "timeout"  # Also if another thread was at it then.


def limit_of(settings: Any) -> float:
    """From how many seconds on a wait is long."""
    limits = [settings.get(name) for name in _TIMEOUTS]
    known = [limit / 2 for limit in limits if isinstance(limit, int | float) and limit > 0]
    return min([LONG_WAIT, *known])


def name_of(pool: str, wall: float) -> str:
    """`orders-20261122-134501`, in this process's own time, as on the pages."""
    plain = re.sub(r"[^a-z0-9]+", "-", pool.lower()).strip("-")[:_NAME].strip("-")
    if plain != pool:
        plain = f"{plain or 'pool'}-{zlib.crc32(pool.encode('utf-8', 'surrogatepass')):08x}"
    return f"{plain}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(wall))}"


def _goes_on(episode: Episode, since: float) -> bool:
    """Whether what is bad since then belongs to the episode."""
    return since - episode.last <= QUIET
