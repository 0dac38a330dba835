"""A limit for each host under a shared cap, event by event as aiohttp has it.

Read in 3.11 to 3.14. Who asks takes an idle connection to its host, whatever is taken otherwise;
else it opens one if both limits leave room; else it waits. A return wakes the first in the queue
of a host drawn at random, of those that have room: within a host it is first come, first served,
between hosts it is not.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Final

from .chains import Links
from .chance import Chance
from .replay import Load, Replayed

_NOBODY: Final = -1
_NEVER: Final = (inf, _NOBODY)


@dataclass(frozen=True, slots=True)
class Limits:
    """Slots of all hosts and of each, None for no limit; a returned connection is idle for `keep`.

    `keep` in seconds, infinity for ever, 0 where it is closed at once.
    """

    slots: int | None = None
    per_host: int | None = None
    keep: float = inf


def replay_hosts(
    load: Load, host: Sequence[int], limits: Limits, links: Links | None = None, seed: int = 0
) -> Replayed:
    """`host[i]`: where request i goes, 0 where that is unknown; `links`: which follows which."""
    pool = _Pool(load, host, limits, links or Links([], [], []), seed)
    pool.run()
    done = pool.done
    done.most = pool.most
    pairs = sorted(zip(done.waited, done.waits, strict=True))
    done.waited, done.waits = [i for i, _ in pairs], [wait for _, wait in pairs]
    gone = sorted(zip(done.left, done.left_after, strict=True))
    done.left, done.left_after = [i for i, _ in gone], [after for _, after in gone]
    return done


class _Pool:
    """What is out and idle by host, who waits, and what happens next."""

    def __init__(
        self, load: Load, host: Sequence[int], limits: Limits, links: Links, seed: int
    ) -> None:
        self.holds, self.patience, self.host = load.holds, load.patience, host
        self.slots = len(load) + 1 if limits.slots is None else limits.slots
        self.per_host = len(load) + 1 if limits.per_host is None else limits.per_host
        self.keep, self.chance = limits.keep, Chance(seed)
        self.asks = list(load.arrivals)
        self.done = Replayed(self.asks)
        self.after, self.gaps = links.after, links.gaps
        before = links.before or [_NOBODY] * len(load)
        #: Those who ask when they did, the last one first; and those who ask after another.
        self.firsts = [(at, i) for i, at in enumerate(load.arrivals) if before[i] < 0][::-1]
        self.due: list[tuple[float, int]] = []
        self.ends: list[tuple[float, int]] = []
        #: Who waits, by host; who waits no more stays listed until its turn. And when each leaves.
        self.queues: dict[int, deque[int]] = {}
        self.waiting: set[int] = set()
        self.leaves: list[tuple[float, int]] = []
        self.used = self.most = 0
        numbers = range(max(host, default=0) + 1)
        self.of = [0 for _ in numbers]
        self.idle: list[deque[float]] = [deque() for _ in numbers]

    def run(self) -> None:
        """Event by event; at the same instant a return comes first."""
        firsts, due, ends, leaves = self.firsts, self.due, self.ends, self.leaves
        while True:
            ask = firsts[-1] if firsts else _NEVER
            is_due = bool(due) and due[0] < ask
            at = due[0][0] if is_due else ask[0]
            end = ends[0][0] if ends else inf
            if leaves and leaves[0][0] < end and leaves[0][0] < at:
                self._leave(*heappop(leaves))
            elif end <= at and end < inf:
                self._return(*heappop(ends))
            elif is_due:
                self._ask(*heappop(due))
            elif firsts:
                self._ask(*firsts.pop())
            else:
                return

    def _ask(self, now: float, i: int) -> None:
        host = self.host[i]
        self.asks[i] = now
        if self._take_idle(host, now) or self._has_room(host):
            self._admit(i, now)
            return
        if host not in self.queues:
            self.queues[host] = deque()
        self.queues[host].append(i)
        self.waiting.add(i)
        if self.patience[i] < inf:
            heappush(self.leaves, (now + self.patience[i], i))

    def _has_room(self, host: int) -> bool:
        return self.used < self.slots and (self.of[host] < self.per_host or not host)

    def _take_idle(self, host: int, now: float) -> bool:
        """The connection that has been idle for longest, unless that is too long."""
        idle = self.idle[host]
        while idle:
            if now - idle.popleft() <= self.keep:
                return True
        return False

    def _admit(self, i: int, now: float) -> None:
        self.used += 1
        if self.used > self.most:  # noqa: PLR1730 -- called for every request
            self.most = self.used
        self.of[self.host[i]] += 1
        end = now + self.holds[i]
        heappush(self.ends, (end, i))
        if self.after:
            self._follow(i, end)

    def _follow(self, i: int, end: float) -> None:
        if self.after[i] >= 0:
            heappush(self.due, (end + self.gaps[self.after[i]], self.after[i]))

    def _leave(self, at: float, i: int) -> None:
        if i not in self.waiting:
            return
        self.waiting.discard(i)
        self.done.left.append(i)
        self.done.left_after.append(self.patience[i])
        if self.after:
            self._follow(i, at)

    def _return(self, now: float, i: int) -> None:
        host = self.host[i]
        self.used -= 1
        self.of[host] -= 1
        woken = self._next() if self.waiting else _NOBODY
        if self.keep > 0 and host:
            self.idle[host].append(now)
        if woken != _NOBODY:
            self._take_idle(self.host[woken], now)
            self.done.waited.append(woken)
            self.done.waits.append(now - self.asks[woken])
            self._admit(woken, now)

    def _next(self) -> int:
        """The first in the queue of one of the hosts that have room."""
        open_to = []
        for host, queue in list(self.queues.items()):
            while queue and queue[0] not in self.waiting:
                queue.popleft()
            if not queue:
                del self.queues[host]
            elif self._has_room(host):
                open_to.append(host)
        if not open_to:
            return _NOBODY
        host = open_to[0 if len(open_to) == 1 else self.chance.below(len(open_to))]
        i = self.queues[host].popleft()
        self.waiting.discard(i)
        return i
