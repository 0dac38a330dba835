"""Holds that nobody saw: of requests that left, and of checkouts that are still out."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from ..model.whatif import RETURNED
from .chance import Chance
from .demand import Rows

#: Holds of a call site from which on it speaks for itself.
_ENOUGH: Final = 30
#: A request that waited at least this long was granted at a full pool.
_FULL: Final = 0.001


def imputations(rows: Rows, count: int, seed: int = 0) -> list[list[float]]:
    """Columns of holds, `count` times with the missing ones drawn anew; empty without any hold.

    Drawn from completed holds of the same call site: of those granted at a full pool where there
    are enough, for these would have been too; of all sites where the site has too few. A checkout
    that is still out lasts at least as long as it has.
    """
    if not rows.missing:
        return [rows.hold] if len(rows) else []
    choices = _choices(rows)
    if not choices[None]:
        return []
    chance = Chance(seed)
    drawn = []
    for _ in range(count):
        holds = list(rows.hold)
        for i in rows.missing:
            holds[i] = _draw(choices, rows.site[i], rows.least.get(i), chance)
        drawn.append(holds)
    return drawn


def _choices(rows: Rows) -> dict[int | None, list[float]]:
    """Completed holds, ascending, of each call site that needs some; of all sites under None."""
    unseen = set(rows.least)
    seen = [i for i, what in enumerate(rows.outcome) if what == RETURNED]
    if unseen:
        seen = [i for i in seen if i not in unseen]
    choices: dict[int | None, list[float]] = {None: sorted(rows.hold[i] for i in seen)}
    for site in {rows.site[i] for i in rows.missing}:
        own = [i for i in seen if rows.site[i] == site]
        full = [i for i in own if rows.wait[i] >= _FULL]
        best = full if len(full) >= _ENOUGH else own
        if len(best) >= _ENOUGH:
            choices[site] = sorted(rows.hold[i] for i in best)
    return choices


def _draw(
    choices: dict[int | None, list[float]], site: int, least: float | None, chance: Chance
) -> float:
    pool: Sequence[float] = choices.get(site) or choices[None]
    start = 0 if least is None else bisect_right(pool, least)
    if start < len(pool):
        return pool[start + chance.below(len(pool) - start)]
    return least or 0.0
