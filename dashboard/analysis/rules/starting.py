"""R09 and R10: many connections at once, at the start and every recycle time."""

from statistics import median
from typing import Final

from .. import remedies
from ..case import Case
from ..words import long, many
from .rule import WATCH, Found, rule

_LEAST_OPENED: Final = 4
_SLOWER: Final = 3.0
_WAITED: Final = 10.0
#: Waits and connects of the first minute that matter, in seconds.
_FELT: Final = 0.01
_LEAST_RECYCLED: Final = 6
_TOGETHER: Final = 0.10


@rule(
    "R09",
    "Everything opens at the start",
    needs=WATCH,
    why="""A pool that is empty when traffic comes opens its connections all at once: each worker
    of a deploy does, the server forks and authenticates them all in the same second, and the
    first requests wait for that. Open what the first minute needs before the service says that it
    is ready (asyncpg: min_size), and let workers start at different times.""",
    silent="""The pool opened half of its size or less, or fewer than four connections, within two
    seconds of its first one, or connecting and waiting were then as quick as later; the watch is
    younger than two minutes or began later than the pool.""",
)
def storm(case: Case) -> Found | None:
    """Over half of the pool in two seconds, and slow for it."""
    start, size = case.seen.start, case.pool.size
    if start is None or size is None:
        return None
    if start.opened_at_once < max(_LEAST_OPENED, size / 2 + 0.5):
        return None
    slowly = start.connect_first or 0.0
    is_slow = slowly > _FELT and _ratio(slowly, start.connect_later) > _SLOWER
    waits = start.wait_first or 0.0
    is_waiting = waits > _FELT and waits > _WAITED * (start.wait_later or 0.0)
    if not is_slow and not is_waiting:
        return None
    return Found(
        title="The first minute is slow: all connections open at once",
        severity="info",
        evidence=(
            f"{start.opened_at_once} of {size} connections were opened within 2 s of the first.",
            *_beside("Connecting took", start.connect_first, start.connect_later),
            *_beside("Callers waited for", start.wait_first, start.wait_later),
        ),
        settings=_floor(case, start.opened_at_once),
        code=remedies.warm_up(case, min(start.opened_at_once, size)),
        reasons=("before the service says that it is ready; workers some seconds apart",),
        effect=f"The first minute's p95 wait {long(waits)} -> {long(start.wait_later or 0.0)}, as "
        "afterwards.",
        confidence="medium",
        benefit=waits,
    )


def _ratio(first: float | None, later: float | None) -> float:
    return first / later if first and later else 0.0


def _beside(what: str, first: float | None, later: float | None) -> tuple[str, ...]:
    if first is None:
        return ()
    after = "" if later is None else f", {long(later)} afterwards"
    return (f"{what} {long(first)} (p95) in the first minute{after}.",)


def _floor(case: Case, opened: int) -> dict[str, tuple[object, object]] | None:
    if case.pool.library != "asyncpg":
        return None
    present = case.number("min_size") or 0
    return {"min_size": (int(present), opened)} if present < opened else None


@rule(
    "R10",
    "Recycled all at once",
    needs=WATCH,
    why="""Connections that were opened together reach pool_recycle together: at that moment each
    checkout pays for a connect. Spread the ages: give each connection an end of its own, 10 %
    around the recycle time.""",
    silent="""Fewer than six connections were recycled, or they ended spread out, or nobody waited
    longer than usual when they did and a connect takes less than 10 ms.""",
)
def recycle_storm(case: Case) -> Found | None:
    """Half of the recycled ones within a tenth of the recycle time, and waits with it."""
    recycle = case.number("pool_recycle")
    if not case.is_queue or not recycle or recycle <= 0:
        return None
    agos = sorted(each.ago for each in case.seen.closings if each.reason == "stale")
    window = _TOGETHER * recycle
    if len(agos) < _LEAST_RECYCLED:
        return None
    together = _together(agos, recycle, window)
    usual, peak = _waits(case, together)
    # In a busy minute a few connects move no percentile; each was somebody's wait all the same.
    connects = case.pool.lifetime.get("create_time", case.pool.create_time)
    paid = connects.percentile(50) or 0.0
    peak = max(peak, paid)
    if 2 * len(together) < len(agos) or peak < _FELT or peak <= _SLOWER * usual:
        return None
    again = ", round after round" if together[-1] - together[0] > recycle / 2 else ""
    return Found(
        title="Connections are recycled all at once",
        severity="info",
        evidence=(
            (
                f"{len(together)} of {many(len(agos), 'recycled connection')} ended within "
                f"{long(window)} of each other{again}; pool_recycle is {long(recycle)}."
            ),
            f"Waits of {long(peak)} then; p99 is {long(usual)} usually.",
        ),
        code=remedies.JITTER.format(engine=remedies.engine(case), recycle=int(recycle)),
        settings={"pool_recycle": (case.pool.config.get("pool_recycle"), int(recycle * 1.2))},
        reasons=("each ends by itself, 10 % around the recycle time",),
        effect="The waits at the recycle time go away; there are as many connects as before.",
        confidence="medium",
        benefit=peak,
    )


def _together(agos: list[float], recycle: float, window: float) -> list[float]:
    """Those that ended within `window` of half of what one round of recycling ends.

    A round takes the recycle time; together means the same round, so older rounds count alone.
    """
    rounds = round((agos[-1] - agos[0]) / recycle) + 1
    least = 0.5 * len(agos) / rounds
    found = set[float]()
    for ago in agos:
        near = [each for each in agos if ago <= each <= ago + window]
        if len(near) >= max(2.0, least):
            found.update(near)
    return [each for each in agos if each in found]


def _waits(case: Case, agos: list[float]) -> tuple[float, float]:
    """The usual p99 wait, and the highest at those times."""
    history = case.history
    if history is None or case.pool.at is None:
        return 0.0, 0.0
    now = case.pool.at.timestamp()
    places = {int((now - ago - history.start) // history.step) for ago in agos}
    near = {place + step for place in places for step in (0, 1)}
    then = [w for at, w in enumerate(history.wait_p99) if at in near and w is not None]
    other = [w for at, w in enumerate(history.wait_p99) if at not in near and w is not None]
    return median(other) if other else 0.0, max(then, default=0.0)
