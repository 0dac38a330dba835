"""Holds that nobody saw: of requests that left, and of checkouts that are still out."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

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
    """Completed holds, ascending, by site; of all sites under None."""
    unseen = set(rows.missing)
    every: dict[int | None, list[float]] = {None: []}
    full: dict[int, list[float]] = {}
    for i, (site, hold) in enumerate(zip(rows.site, rows.hold, strict=True)):
        if i in unseen:
            continue
        every[None].append(hold)
        every.setdefault(site, []).append(hold)
        if rows.wait[i] >= _FULL:
            full.setdefault(site, []).append(hold)
    every.update({site: holds for site, holds in full.items() if len(holds) >= _ENOUGH})
    return {
        site: sorted(holds)
        for site, holds in every.items()
        if site is None or len(holds) >= _ENOUGH
    }


def _draw(
    choices: dict[int | None, list[float]], site: int, least: float | None, chance: Chance
) -> float:
    pool: Sequence[float] = choices.get(site) or choices[None]
    start = 0 if least is None else bisect_right(pool, least)
    if start < len(pool):
        return pool[start + chance.below(len(pool) - start)]
    return least or 0.0
