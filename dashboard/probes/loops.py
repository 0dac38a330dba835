"""How late the event loops are on which holders and waiters live; measured while someone looks.

A callback that is handed to a loop runs when the loop gets to it. While it has not run, the loop
is blocked, and what its thread does at that moment is what blocks it. After that a timer goes on
for as long as somebody looks, so that what happens between two looks is seen too: one callback a
second and loop. Whoever looks from the loop itself, as a mounted dashboard does, sees nothing while
it is blocked: a sentry looks for them.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from threading import get_ident
from typing import Final
from weakref import ref

from ..model.claim import LiveOwner
from ..model.snapshot import LoopLag, StackFrame
from ._threads import current_frames
from .moments import named, of_frame
from .owners import TaskOwner
from .sentry import Sentry
from .stacks import Stack

#: From so many seconds on a loop is called blocked.
BLOCKED: Final = 0.5
#: Seconds between two callbacks, and without a look until they end.
PERIOD: Final = 1.0
_WATCHED: Final = 2.5
#: Seconds that a loop is late when the sentry looks, and between two looks at one that is late.
_LATE: Final = 0.3
_AGAIN: Final = 0.5
#: Seconds for which a block is told after it ended, and remembered for incidents.
_RECENT: Final = 60.0
_REMEMBERED: Final = 900.0
_MOST_BLOCKS: Final = 20
#: Owners of one pool whose loops are looked up.
_MOST_OWNERS: Final = 50
_LOCK: Final = 0.05
#: Functions that run a loop, and those in which one waits.
_RUNS: Final = ("BaseEventLoop._run_once", "Runner.run", "BaseEventLoop.run_until_complete")
_WAITS: Final = (".select", "._poll")

#: Who lives on a loop, or that loop.
Lives = LiveOwner | asyncio.AbstractEventLoop
#: Answers who lives, by pool.
Owners = Callable[[], Mapping[str, Iterable[Lives]]]


@dataclass(frozen=True, slots=True)
class Block:
    """A loop was late from `began` to `ended` (UNIX times)."""

    name: str
    began: float
    ended: float
    stack: Stack
    pools: tuple[str, ...]

    def told(self, *, is_blocked: bool = False) -> LoopLag:
        """As plain data."""
        return LoopLag(
            name=self.name,
            lag=self.ended - self.began,
            since=datetime.fromtimestamp(self.began, UTC),
            is_blocked=is_blocked,
            stack=tuple(StackFrame(*frame) for frame in self.stack),
            pools=self.pools,
        )


class _Pulse:
    """What is known of one loop. `_beat` runs on it, all else in a reader's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], blocks: deque[Block]
    ) -> None:
        self.loop = ref(loop)
        self.pools: tuple[str, ...] = ()
        self._clock = clock
        self._blocks = blocks
        #: When the callback that has not run yet is due; None when none is under way.
        self._due: float | None = None
        self._looked = 0.0
        self._ident: int | None = getattr(loop, "_thread_id", None)
        self._name = _name_of(self._ident)
        self._seen: Stack = ()

    @property
    def is_running(self) -> bool:
        """Whether the loop is there and runs."""
        loop = self.loop()
        return loop is not None and not loop.is_closed() and loop.is_running()

    def is_late(self, now: float) -> bool:
        """Whether it should have run by now."""
        due = self._due
        return due is not None and now - due >= _LATE

    def look(self, now: float) -> Block | None:
        """Goes on measuring; how it is blocked, if it is."""
        self._looked = now
        loop, due = self.loop(), self._due
        if loop is None or not self.is_running:
            self._due = None
        elif due is None:
            self._due = now
            with suppress(RuntimeError):  # It was closed since.
                loop.call_soon_threadsafe(self._beat, now, context=Context())
        elif now - due > BLOCKED:
            self._seen = self._blocking() or self._seen
            return self._block(now - due)
        return None

    def guard(self, now: float) -> float:
        """In the sentry's thread: what the loop does if it is late. Seconds until the next look."""
        due = self._due
        if due is None:
            return PERIOD
        if now - due < _LATE:
            return due + _LATE - now
        seen = self._blocking()
        if seen and self._due == due:  # Else it went on just now.
            self._seen = seen
        return _AGAIN

    def _beat(self, due: float) -> None:
        """On the loop, where nothing may be raised and nothing may take long."""
        try:
            if due != self._due:
                return
            now = self._clock()
            self._ident, self._name = get_ident(), threading.current_thread().name
            if now - due > BLOCKED:
                self._blocks.append(self._block(now - due))
            self._seen = ()
            loop, following = self.loop(), None
            if loop is not None and now - self._looked <= _WATCHED:
                following = now + PERIOD
                loop.call_later(PERIOD, self._beat, following, context=Context())
            # Written once: a reader that finds None begins anew.
            self._due = following
        except Exception:
            self._due = None

    def _blocking(self) -> Stack:
        """What the loop's thread does; empty when it is the one that looks."""
        if self._ident is None or self._ident == get_ident():
            return ()
        return _callback(named(of_frame(current_frames().get(self._ident))))

    def _block(self, lag: float) -> Block:
        ended = time.time()
        return Block(self._name, ended - lag, ended, self._seen, self.pools)


class Loops:
    """The loops of one dashboard's pools."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds; not that of the watches, which a test may stop."""
        self._clock = clock
        self._sentry = Sentry(self._guard)
        self._owners: Owners = dict
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._pulses: dict[int, _Pulse] = {}
        self._searched = self._looked = self._watched = -PERIOD
        self._blocked: tuple[Block, ...] = ()
        #: Those that ended, oldest first.
        self._blocks: deque[Block] = deque(maxlen=_MOST_BLOCKS)

    def look(self, owners: Owners) -> tuple[LoopLag, ...]:
        """Loops that are blocked or were within the last minute, the latest first.

        `owners` of each pool's claims, and its own loops; asked for once a second at most.
        """
        if self._pid != os.getpid():
            self._reset()  # The loops of the parent do not run here.
        if self._lock.acquire(timeout=_LOCK):
            try:
                self._look(owners)
            finally:
                self._lock.release()
        since = time.time() - _RECENT
        ended = [block for block in reversed(list(self._blocks)) if block.ended > since]
        return (
            *(block.told(is_blocked=True) for block in self._blocked),
            *(block.told() for block in ended),
        )

    def close(self) -> None:
        """Nobody looks any more."""
        self._sentry.end()

    def _look(self, owners: Owners) -> None:
        now, self._owners = self._clock(), owners
        if now - self._searched >= PERIOD:
            self._searched = now
            self._search(owners())
        seen = [pulse.look(now) for pulse in self._pulses.values()]
        self._blocked = tuple(block for block in seen if block is not None)
        if now - self._looked > _WATCHED:
            self._watched = now
        self._looked = now
        # One look is no watch: whoever asks once needs no thread.
        if self._pulses and now - self._watched >= PERIOD:
            self._sentry.keep()

    def _guard(self) -> float | None:
        """In the sentry's thread; None once nobody watches."""
        now = self._clock()
        pulses = list(self._pulses.values())
        if self._pid != os.getpid() or not pulses or now - self._looked > _WATCHED:
            return None
        if any(pulse.is_late(now) for pulse in pulses) and self._lock.acquire(timeout=_LOCK):
            try:
                self._search(self._owners())  # Who lives on it by now is not known yet.
            finally:
                self._lock.release()
        return max(min(pulse.guard(now) for pulse in pulses), _LOCK)

    def _search(self, owners: Mapping[str, Iterable[Lives]]) -> None:
        """Which loops there are, and whose; a known one is measured as long as it runs."""
        found = {key: pulse for key, pulse in self._pulses.items() if pulse.is_running}
        pools: dict[int, set[str]] = {}
        for pool, each in owners.items():
            for owner in islice(each, _MOST_OWNERS):
                loop = _loop_of(owner)
                if loop is not None:
                    pools.setdefault(id(loop), set()).add(pool)
                    if id(loop) not in found:
                        found[id(loop)] = _Pulse(loop, self._clock, self._blocks)
        # An owner that has ended tells no loop, while its successor waits for the same one.
        out = {pool for pool, each in owners.items() if any(True for _ in each)}
        for key, pulse in found.items():
            pulse.pools = tuple(sorted(pools.get(key, set()) | (out & set(pulse.pools))))
        self._pulses = found

    def between(self, start: float, end: float) -> tuple[LoopLag, ...]:
        """Loops that were late at any time between two UNIX times."""
        now = time.time()
        ended = [each for each in list(self._blocks) if each.ended > now - _REMEMBERED]
        return tuple(
            block.told(is_blocked=block in self._blocked)
            for block in (*ended, *self._blocked)
            if block.began < end and block.ended > start
        )


def _loop_of(owner: Lives) -> asyncio.AbstractEventLoop | None:
    if isinstance(owner, asyncio.AbstractEventLoop):
        return None if owner.is_closed() else owner
    task = owner.task if isinstance(owner, TaskOwner) else None
    if task is None or task.done():
        return None
    loop = task.get_loop()
    return None if loop.is_closed() else loop


def _callback(stack: Stack) -> Stack:
    """Without what runs the loop itself; empty when the loop only waits."""
    runs = next((place for place, each in enumerate(stack) if each[2] in _RUNS), len(stack))
    own = stack[:runs]
    return () if own and own[0][2].endswith(_WAITS) else own


def _name_of(ident: int | None) -> str:
    return next((each.name for each in threading.enumerate() if each.ident == ident), "")
