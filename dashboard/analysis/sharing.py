"""Holds that depend on how many are held: the server shares itself out (LPS).

Requests are admitted first come, first served; all admitted advance at a rate that depends on
their number. Virtual time, O(log slots) for each request.
"""

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush

from .replay import Load, Replayed


def replay_shared(
    load: Load, work: Sequence[float], slots: int, rates: Sequence[float]
) -> Replayed:
    """`work[i]`: seconds that request i would hold alone; `rates[n]`: speed of n together."""
    done = Replayed(load.arrivals)
    server = _Server(load, work, rates, done)
    admit, advance = server.admit, server.advance
    for i, now in enumerate(load.arrivals):
        advance(now)
        if len(server.finish) < slots:
            admit(i)
        else:
            server.queue.append(i)
    advance(float("inf"))
    done.busy = server.busy
    order = sorted(zip(done.waited, done.waits, strict=True))
    done.waited, done.waits = [i for i, _ in order], [wait for _, wait in order]
    return done


class _Server:
    """What is admitted, and who waits."""

    def __init__(
        self, load: Load, work: Sequence[float], rates: Sequence[float], done: Replayed
    ) -> None:
        self.load, self.work, self.rates, self.done = load, work, rates, done
        self.finish: list[float] = []
        self.queue: deque[int] = deque()
        self.now = self.virtual = self.busy = 0.0

    def admit(self, i: int) -> None:
        heappush(self.finish, self.virtual + self.work[i])

    def advance(self, until: float) -> None:
        """Complete what ends by then, and let the next in."""
        finish, rates = self.finish, self.rates
        while finish:
            rate = rates[len(finish)]
            left = finish[0] - self.virtual
            end = self.now + left / rate if left > 0 else self.now
            if end > until:
                self.virtual += (until - self.now) * rate
                self.busy += (until - self.now) * len(finish)
                break
            self.busy += (end - self.now) * len(finish)
            if left > 0:
                self.virtual = finish[0]
            heappop(finish)
            self.now = end
            if self.queue:
                self._let_in()
        self.now = until

    def _let_in(self) -> None:
        queue, load, done = self.queue, self.load, self.done
        while queue:
            i = queue.popleft()
            wait = self.now - load.arrivals[i]
            if wait <= load.patience[i]:
                self.admit(i)
                done.waited.append(i)
                done.waits.append(wait)
                return
            done.left.append(i)
            done.left_after.append(load.patience[i])
