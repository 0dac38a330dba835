"""Which sizes are worth a look, and how much may be said about them."""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

from ..model.whatif import GRADES

#: Checkouts and seconds below which nothing is said.
LEAST: Final = 1_000
LEAST_SECONDS: Final = 60.0
#: From here on: the range of p95; p50 and p95; p99.
ROUGH: Final = 3_000
ENOUGH: Final = 10_000
PLENTY: Final = 30_000
ENOUGH_BURSTS: Final = 10
PLENTY_BURSTS: Final = 30
#: Where so few wait, p95 is 0 also without bursts to learn from.
_HARDLY_ANY: Final = 0.01
#: Shares of drawn holds that cost a grade.
MANY_IMPUTED: Final = 0.05
MOST_IMPUTED: Final = 0.30
_SIZES: Final = 12


@dataclass(frozen=True, slots=True)
class Depth:
    """How much may be said of one size."""

    has_range: bool
    has_p95: bool
    has_p99: bool


def depth(count: int, bursts: int, waited_share: float) -> Depth:
    """Bursts are the unit of what was learned, not checkouts; unless hardly anybody waits."""
    is_calm = waited_share < _HARDLY_ANY
    return Depth(
        has_range=count >= ROUGH,
        has_p95=count >= ENOUGH and (is_calm or bursts >= ENOUGH_BURSTS),
        has_p99=count >= PLENTY and (waited_share == 0 or bursts >= PLENTY_BURSTS),
    )


def worst(*grades: str) -> str:
    """The worst of several grades."""
    return max(grades, key=GRADES.index)


def imputed_grade(share: float) -> str:
    """What drawn holds leave of a grade."""
    if share > MOST_IMPUTED:
        return "D"
    return "C" if share > MANY_IMPUTED else "A"


def staffing(offered: float) -> int:
    """Square-root staffing: the load and twice its root; where a search starts."""
    return max(1, ceil(offered + 2 * sqrt(offered)))


def candidates(offered: float, peak: int, size: int | None, overflow: int, lost: int) -> list[int]:
    """About twelve sizes from the offered load to the peak, around the present one.

    `peak`: the most that would ever be held at once. `overflow` and `lost` as they stay.
    """
    spare = overflow - lost
    least = max(1, ceil(offered) - spare)
    most = max(least, peak - spare)
    wanted = {least, most, max(least, min(most, staffing(offered) - spare))}
    if size is not None:
        near = {size - 2, size - 1, size + 1, size + 2, ceil(size * 1.5), 2 * size}
        wanted |= {each for each in near if each >= least}
        wanted.add(size)
    # Steps of equal ratio between the ends, until there are enough.
    for parts in range(1, 4 * _SIZES):
        if len(wanted) >= _SIZES:
            break
        ratio = (most / least) ** (1 / parts)
        wanted |= {round(least * ratio**step) for step in range(parts)}
    return sorted(each for each in wanted if each >= 1)
