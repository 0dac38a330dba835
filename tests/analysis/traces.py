"""Made-up traffic, and the plainest replays that the real ones are measured against."""

import heapq
from collections.abc import Sequence
from math import exp, inf, log
from random import Random

from dashboard.model.whatif import Demand


def poisson(count: int, rate: float, mean: float, seed: int) -> tuple[list[float], list[float]]:
    """Arrivals and exponential holds."""
    chance = Random(seed)
    now, arrivals, holds = 0.0, [], []
    for _ in range(count):
        now += chance.expovariate(rate)
        arrivals.append(now)
        holds.append(chance.expovariate(1 / mean))
    return arrivals, holds


def bursty(
    count: int, seed: int, low: float = 100.0, high: float = 600.0, hold: float = 0.02
) -> tuple[list[float], list[float]]:
    """Half a second of `high` every five seconds; lognormal holds."""
    chance = Random(seed)
    sigma = 0.8
    mu = log(hold) - sigma**2 / 2
    now, arrivals, holds = 0.0, [], []
    for _ in range(count):
        now += chance.expovariate(high if now % 5 < 0.5 else low)
        arrivals.append(now)
        holds.append(chance.lognormvariate(mu, sigma))
    return arrivals, holds


def random_bursts(count: int, seed: int) -> tuple[list[float], list[float]]:
    """The same on average, but bursts come and last at random: no two days are alike."""
    chance = Random(seed)
    sigma = 0.8
    mu = log(0.02) - sigma**2 / 2
    now, until, is_burst = 0.0, 0.0, True
    arrivals, holds = [], []
    for _ in range(count):
        now += chance.expovariate(600.0 if is_burst else 100.0)
        while now > until:
            is_burst = not is_burst
            until += chance.expovariate(1 / 0.5 if is_burst else 1 / 4.5)
        arrivals.append(now)
        holds.append(chance.lognormvariate(mu, sigma))
    return arrivals, holds


def drifting(count: int, seed: int) -> tuple[list[float], list[float]]:
    """`random_bursts` whose pace wanders from minute to minute, by about a quarter."""
    chance, pace = Random(f"pace {seed}"), 1.0
    arrivals, holds = random_bursts(count, seed)
    now, before, until = 0.0, 0.0, 0.0
    drifted = []
    for at in arrivals:
        while now >= until:
            pace = exp(0.7 * log(pace) + chance.gauss(0, 0.2))
            until += 60.0
        now += (at - before) / pace
        before = at
        drifted.append(now)
    return drifted, holds


def full_replay(
    arrivals: Sequence[float], holds: Sequence[float], slots: int, patience: Sequence[float]
) -> tuple[dict[int, float], list[int]]:
    """Every request through the heap: waits by index where somebody waited, and who left."""
    heap = [-inf] * slots
    waits: dict[int, float] = {}
    left = []
    for i, (now, hold) in enumerate(zip(arrivals, holds, strict=True)):
        free = heap[0]
        if free <= now:
            heapq.heapreplace(heap, now + hold)
        elif free - now > patience[i]:
            left.append(i)
        else:
            heapq.heapreplace(heap, free + hold)
            waits[i] = free - now
    return waits, left


def recorded(
    arrivals: Sequence[float],
    holds: Sequence[float],
    size: int,
    timeout: float | None = None,
    semantics: str = "asyncpg",
    overflow: int = 0,
) -> Demand:
    """What a pool of this size would have written down."""
    patience = [inf if timeout is None else timeout] * len(arrivals)
    waits, left = full_replay(arrivals, holds, size + overflow, patience)
    gone = set(left)
    count = len(arrivals)
    return Demand(
        asked=arrivals,
        wait=[patience[i] if i in gone else waits.get(i, 0.0) for i in range(count)],
        hold=[0.0 if i in gone else holds[i] for i in range(count)],
        outcome=[1 if i in gone else 0 for i in range(count)],
        site=[1] * count,
        owner=[0] * count,
        duration=arrivals[-1] - arrivals[0],
        size=size,
        overflow=overflow,
        timeout=timeout,
        semantics=semantics,
    )


def closed(users: int, think: float, hold: float, size: int, count: int, seed: int) -> Demand:
    """`users` that each think, ask, hold, and think again; lognormal holds."""
    chance = Random(seed)
    sigma = 0.5
    mu = log(hold) - sigma**2 / 2
    heap = [0.0] * size
    due = [(chance.expovariate(1 / think), user + 1) for user in range(users)]
    heapq.heapify(due)
    asked: list[float] = []
    wait: list[float] = []
    held: list[float] = []
    owner: list[int] = []
    while len(asked) < count:
        now, user = heapq.heappop(due)
        waited = max(0.0, heap[0] - now)
        lasts = chance.lognormvariate(mu, sigma)
        heapq.heapreplace(heap, now + waited + lasts)
        asked.append(now)
        wait.append(waited)
        held.append(lasts)
        owner.append(user)
        heapq.heappush(due, (now + waited + lasts + chance.expovariate(1 / think), user))
    return Demand(
        asked=asked,
        wait=wait,
        hold=held,
        outcome=[0] * count,
        site=[1] * count,
        owner=owner,
        duration=asked[-1] - asked[0],
        size=size,
        semantics="queuepool",
    )


def p95(values: Sequence[float], count: int) -> float:
    """Nearest rank over `count` values of which the rest are 0."""
    ordered = [0.0] * (count - len(values)) + sorted(values)
    return ordered[-(-95 * count // 100) - 1]


def p95_at(demand: Demand) -> float:
    """What was recorded."""
    return p95(list(demand.wait), len(demand.wait))


def saturating(count: int, size: int, cores: int, seed: int) -> Demand:
    """Bursts for a pool whose server has so many cores."""
    return sharing(*bursty(count, seed, low=60, high=250), size, cores)


def sharing(arrivals: Sequence[float], work: Sequence[float], size: int, cores: int) -> Demand:
    """So many seconds of work for a server of so many cores: event by event, nothing clever."""
    count = len(arrivals)
    left: dict[int, float] = {}
    starts, ends = [0.0] * count, [0.0] * count
    queue: list[int] = []
    now, head, asked = 0.0, 0, 0
    while asked < count or left:
        rate = min(1.0, cores / len(left)) if left else 1.0
        first = min(left, key=left.__getitem__) if left else -1
        end = now + left[first] / rate if left else inf
        arrival = arrivals[asked] if asked < count else inf
        passed = (min(end, arrival) - now) * rate
        for each in left:
            left[each] -= passed
        now = min(end, arrival)
        if end <= arrival:
            del left[first]
            ends[first] = now
        else:
            queue.append(asked)
            asked += 1
        while head < len(queue) and len(left) < size:
            left[queue[head]] = work[queue[head]]
            starts[queue[head]] = now
            head += 1
    return Demand(
        asked=arrivals,
        wait=[start - at for start, at in zip(starts, arrivals, strict=True)],
        hold=[end - start for end, start in zip(ends, starts, strict=True)],
        outcome=[0] * count,
        site=[1] * count,
        owner=[0] * count,
        duration=arrivals[-1],
        size=size,
        semantics="asyncpg",
    )


def chained(count: int, size: int, seed: int) -> Demand:
    """Requests of three checkouts each, one after the other, 5 ms apart; each its own owner."""
    arrivals, holds = bursty(count // 3, seed, low=40, high=200)
    chance = Random(seed)
    heap = [0.0] * size
    due = [(at, owner, 3) for owner, at in enumerate(arrivals, 1)]
    asked: list[float] = []
    wait, held, owners = [], [], []
    while due:
        now, owner, rest = heapq.heappop(due)
        waited = max(0.0, heap[0] - now)
        lasts = chance.choice(holds)
        heapq.heapreplace(heap, now + waited + lasts)
        asked.append(now)
        wait.append(waited)
        held.append(lasts)
        owners.append(owner)
        if rest > 1:
            heapq.heappush(due, (now + waited + lasts + 0.005, owner, rest - 1))
    return Demand(
        asked=asked,
        wait=wait,
        hold=held,
        outcome=[0] * len(asked),
        site=[1] * len(asked),
        owner=owners,
        duration=asked[-1],
        size=size,
        semantics="queuepool",
    )
