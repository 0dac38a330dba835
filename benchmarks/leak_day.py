"""A synthetic day: eleven call sites, about 1.9 million checkouts and 460 leaks.

How much of a hold is quiet is assumed: 2 to 20 % where the database works, 50 to 95 % where the
application does.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Final

DAY: Final = 86_400.0
#: Shares of a hold in which no statement runs.
_DATABASE: Final = (0.02, 0.2)
_APPLICATION: Final = (0.5, 0.95)
#: Checkouts of the common sites of which one is a leak.
_ODDS: Final = 3_550

Hold = Callable[[random.Random], float]


@dataclass(frozen=True)
class Site:
    """What one line does in a day: times of checkout, holds, quiet times, and which are leaks."""

    name: str
    starts: list[float]
    holds: list[float]
    quiet: list[float]
    leaks: frozenset[int]


def day(seed: int, scale: float = 1.0) -> list[Site]:
    """The eleven sites; `scale` is a part of the day's traffic."""
    rng = random.Random(seed)

    def site(
        name: str, count: int, hold: Hold, share: tuple[float, float], odds: float, **more: float
    ) -> Site:
        count = max(2, round(count * scale)) if count > 100 else count
        first = more.get("first", 0.0)
        starts = sorted(rng.uniform(first, DAY) for _ in range(count))
        holds = [hold(rng) for _ in range(count)]
        quiet = [each * rng.uniform(*share) for each in holds]
        leaks = {place for place in range(count) if rng.random() < odds}
        if "leaks_within" in more:
            leaks.add(rng.randrange(int(more["leaks_within"])))
        return Site(name, starts, holds, quiet, frozenset(leaks))

    odds = 1 / _ODDS
    launch = rng.uniform(0.2, 0.7) * DAY
    return [
        site("lognormal 10 ms, s 0.8", 600_000, _lognormal(0.01, 0.8), _DATABASE, odds),
        site("lognormal 50 ms, s 1.5", 150_000, _lognormal(0.05, 1.5), _DATABASE, odds),
        site("lognormal 50 ms, s 2.2", 60_000, _lognormal(0.05, 2.2), _DATABASE, odds),
        site("Pareto 1.5", 200_000, _pareto(1.5), _DATABASE, odds),
        site("Pareto 1.1", 20_000, _pareto(1.1), _DATABASE, odds),
        site("mixture, 1 % 6 s", 430_000, _mixture, _APPLICATION, odds),
        site("batch 30 s", 200, _normal(30, 3), _APPLICATION, 1 / 100),
        site("nightly report 10 min", 2, _normal(600, 60), _DATABASE, 0.0),
        site("hourly job 90 s", 24, _normal(90, 15), _DATABASE, 1 / 24),
        site(
            "new line",
            20_000,
            _lognormal(0.05, 0.8),
            _DATABASE,
            odds,
            first=launch,
            leaks_within=5,
        ),
        site("slow leak 1/10,000", 400_000, _lognormal(0.01, 0.8), _DATABASE, 1 / 10_000),
    ]


def _lognormal(median: float, sigma: float) -> Hold:
    return lambda rng: rng.lognormvariate(log(median), sigma)


def _pareto(exponent: float) -> Hold:
    return lambda rng: 0.01 * rng.paretovariate(exponent)


def _normal(mean: float, deviation: float) -> Hold:
    return lambda rng: max(1.0, rng.gauss(mean, deviation))


def _mixture(rng: random.Random) -> float:
    slow = rng.random() < 0.01
    return rng.lognormvariate(log(6), 0.3) if slow else rng.lognormvariate(log(0.01), 0.8)
