"""A limit for each host under a shared cap, as aiohttp has it: approximate.

aiohttp 3 wakes a waiter of a host drawn at random; here the one that has waited longest goes first.
"""

from collections import Counter, deque
from collections.abc import Sequence
from heapq import heappop, heappush

from .replay import Load, Replayed


def replay_hosts(
    load: Load, host: Sequence[int], slots: int | None, per_host: int | None
) -> Replayed:
    """`host[i]`: whose slot request i needs; None is no limit."""
    done = Replayed(load.arrivals)
    shared = _Shared(load, host, slots or len(load) + 1, per_host or len(load) + 1, done)
    for i, now in enumerate(load.arrivals):
        shared.advance(now)
        if shared.has_room(host[i]):
            shared.admit(i, now)
        else:
            shared.queues.setdefault(host[i], deque()).append(i)
    shared.advance(float("inf"))
    pairs = sorted(zip(done.waited, done.waits, strict=True))
    done.waited, done.waits = [i for i, _ in pairs], [wait for _, wait in pairs]
    return done


class _Shared:
    """What is held by host, and who waits."""

    def __init__(
        self, load: Load, host: Sequence[int], slots: int, per_host: int, done: Replayed
    ) -> None:
        self.load, self.host, self.slots, self.per_host = load, host, slots, per_host
        self.done = done
        self.used = 0
        self.of = Counter[int]()
        self.ends: list[tuple[float, int]] = []
        self.queues: dict[int, deque[int]] = {}

    def has_room(self, host: int) -> bool:
        return self.used < self.slots and self.of[host] < self.per_host

    def admit(self, i: int, now: float) -> None:
        self.used += 1
        self.of[self.host[i]] += 1
        heappush(self.ends, (now + self.load.holds[i], self.host[i]))

    def advance(self, until: float) -> None:
        """Return what ends by then; who has waited longest and may goes next."""
        while self.ends and self.ends[0][0] <= until:
            now, host = heappop(self.ends)
            self.used -= 1
            self.of[host] -= 1
            self._let_in(now)

    def _let_in(self, now: float) -> None:
        while self.used < self.slots:
            for queue in self.queues.values():
                while queue and self._has_left(queue[0], now):
                    queue.popleft()
            heads = [q[0] for h, q in self.queues.items() if q and self.of[h] < self.per_host]
            if not heads:
                return
            i = min(heads)
            self.queues[self.host[i]].popleft()
            self.admit(i, now)
            self.done.waited.append(i)
            self.done.waits.append(now - self.load.arrivals[i])

    def _has_left(self, i: int, now: float) -> bool:
        """Note that it left before now."""
        patience = self.load.patience[i]
        if now - self.load.arrivals[i] <= patience:
            return False
        self.done.left.append(i)
        self.done.left_after.append(patience)
        return True
