"""Who held each slot of a pool, checkout by checkout, ready to draw."""

from dataclasses import dataclass

from .history import Mark
from .origin import CallSite, HttpRequest, Owner


@dataclass(frozen=True, slots=True)
class Bar:
    """One checkout of a lane, or a run of `count` short ones that no screen could tell apart.

    `begin` and `end` are seconds after the start of the lanes, not cut off at it; `wait` and
    `hold` are seconds, of a run the longest. `claim` is 0 for a run. `owner` and `request` are
    None when only the trace remembers the checkout.
    """

    begin: float
    end: float
    wait: float
    hold: float
    call_site: CallSite
    claim: int = 0
    count: int = 1
    owner: Owner | None = None
    request: HttpRequest | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One slot, counted from 1, and who held it; a slot may have had several connections."""

    number: int
    bars: tuple[Bar, ...] = ()

    @property
    def busy(self) -> float:
        """Seconds that it was held."""
        return sum(bar.end - bar.begin for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The `seconds` of a pool from `start` (UNIX time) on; at most the busiest lanes.

    `waiting` counts, in equal steps, the callers that waited for `noticeable` seconds or longer.
    `used` is how many slots were held at any time, listed or not. Checkouts that ended before
    `since` (UNIX time) are no longer kept; it is 0 as long as all are.
    """

    start: float
    seconds: float
    lanes: tuple[Lane, ...] = ()
    waiting: tuple[int, ...] = ()
    noticeable: float = 0.01
    used: int = 0
    since: float = 0.0
    marks: tuple[Mark, ...] = ()
