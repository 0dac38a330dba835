"""When a pool will have lost its last connection, by what each line lost so far."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

from ..model.findings import Drain, Suspect
from ..model.origin import CallSite
from ..model.snapshot import PoolSnapshot
from .sentences import place, plural, span

#: What takes a slot for good.
_TAKES: Final = frozenset({"lost", "orphaned", "overdue"})
#: A rate takes so many losses, watched for so many seconds, and taken over so many.
_ENOUGH: Final = 3
_WATCHED: Final = 60.0
_SPREAD: Final = 10.0
#: 95 % of a normal distribution lie below so many standard deviations.
_P95: Final = 1.645


def of(
    pool: PoolSnapshot, suspects: Iterable[Suspect], busy: float | None = None
) -> tuple[Drain, ...]:
    """For each line that loses connections, the fastest first.

    `busy` is the 95th percentile of connections that work; without it, what Little's law says of
    the holds that ended, as if they came at random.
    """
    if pool.at is None or pool.since is None:
        return ()
    observed = (pool.at - pool.since).total_seconds()
    by_line: defaultdict[CallSite, list[Suspect]] = defaultdict(list)
    for suspect in suspects:
        if suspect.pool == pool.name and is_loss(suspect):
            by_line[suspect.call_site].append(suspect)
    if not by_line or observed <= 0:
        return ()
    every = [each for mine in by_line.values() for each in mine]
    lost = len(every)
    left = None
    if pool.max is not None and _has_rate(every, observed):
        left = max(0.0, pool.max - lost - (usually_busy(pool) if busy is None else busy))
    lines = sorted(by_line.items(), key=lambda line: -len(line[1]))
    return tuple(_drain(pool, site, mine, observed, left, lost) for site, mine in lines)


def is_loss(suspect: Suspect) -> bool:
    """Whether its slot is gone, as far as anybody can tell."""
    return (
        suspect.ended_at is None
        and suspect.verdict in _TAKES
        and suspect.certainty in {"proven", "probable"}
    )


def usually_busy(pool: PoolSnapshot) -> float:
    """The 95th percentile of connections that work: a Poisson count with Little's mean."""
    if pool.at is None or pool.since is None:
        return 0.0
    seconds = min(pool.window, (pool.at - pool.since).total_seconds())
    mean = pool.use_time.total / seconds if seconds > 0 else 0.0
    return mean + _P95 * sqrt(mean)


def _has_rate(lost: Sequence[Suspect], observed: float) -> bool:
    """What was lost at once, or just now, says nothing of the next hour."""
    return is_enough(len(lost), observed) and _spread(lost) >= _SPREAD


def is_enough(lost: int, observed: float) -> bool:
    """Whether so many losses in so many seconds may be called a rate."""
    return lost >= _ENOUGH and observed >= _WATCHED


def _spread(lost: Sequence[Suspect]) -> float:
    taken = [suspect.since for suspect in lost]
    return (max(taken) - min(taken)).total_seconds()


def _drain(
    pool: PoolSnapshot,
    site: CallSite,
    mine: Sequence[Suspect],
    observed: float,
    left: float | None,
    lost: int,
) -> Drain:
    """The slots that are left go to all lines that lose, not to this one alone."""
    every = observed / len(mine)
    lasts = low = high = None
    if left is not None:
        lasts = left * observed / lost
        low, high = (left * observed / _gamma(lost, tail) for tail in (_P95, -_P95))
    return Drain(
        pool=pool.name,
        call_site=site,
        suspects=len(mine),
        observed=observed,
        every=every,
        left=left,
        exhausted_in=lasts,
        low=low,
        high=high,
        sentence=f"{_rate(site, mine, observed, is_alone=lasts is None)}{_end(lasts, low, high)}",
    )


def _rate(site: CallSite, mine: Sequence[Suspect], observed: float, *, is_alone: bool) -> str:
    """With its range where nothing else is said that has one."""
    count = len(mine)
    begin = f"{plural(count, 'suspect')} at {place(site)}"
    if count == 1:
        return begin
    if not _has_rate(mine, observed):
        return f"{begin}, taken within {span(_spread(mine))}"
    said = f"{begin}, one slot lost every {_rounded(observed / count)}"
    if not is_alone:
        return said
    low, high = (observed / _gamma(count, tail) for tail in (_P95, -_P95))
    return f"{said} ({_rounded(low)} to {_rounded(high)})"


def _end(lasts: float | None, low: float | None, high: float | None) -> str:
    if lasts is None or low is None or high is None:
        return ""
    if lasts <= 0:
        return ", none is left for busy times"
    return f", exhausted in about {_rounded(lasts)} ({_rounded(low)} to {_rounded(high)})"


def _rounded(seconds: float) -> str:
    """Without a precision that nobody has."""
    if seconds < 90:
        return span(float(f"{seconds:.2g}"))
    if seconds < 5400:
        return span(60 * round(seconds / 60))
    return span(600 * round(seconds / 600))


def _gamma(count: int, deviations: float) -> float:
    """A quantile of a Gamma distribution with this shape and scale 1 (Wilson and Hilferty).

    For 5 % and 95 % within 3 % of the truth from a shape of 2 on.
    """
    return float(count * (1 - 1 / (9 * count) + deviations / (3 * sqrt(count))) ** 3)
