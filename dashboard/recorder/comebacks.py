"""Checkouts that had been quiet beyond the bound of their call site, and then came back."""

from collections import deque
from collections.abc import Iterator, Mapping
from math import inf
from typing import Final, NamedTuple

from ..model.claim import GOT, RETURNED, SETTING_OF, SITE, USE, Claim, Use
from .batch import Batch
from .callsites import CallSites

_MOST: Final = 200
#: Seconds that they are remembered.
REMEMBERED: Final = 900.0


class Comeback(NamedTuple):
    """A claim with its longest time without a statement, and what that was compared with."""

    claim: Claim
    quiet: float
    bound: float


class Comebacks:
    """Those of one pool."""

    def __init__(self) -> None:
        """Nothing is a suspect before somebody sets bounds."""
        self._kept: deque[Comeback] = deque(maxlen=_MOST)
        self.bounds: Mapping[int, float] = {}
        #: No hold up to this many seconds is looked at.
        self.least = inf

    def expect(self, bounds: Mapping[int, float]) -> None:
        """Seconds without a statement that are a suspect, by the index of the call site."""
        self.bounds = bounds
        self.least = min(bounds.values(), default=inf)

    def look(self, batch: Batch, sites: CallSites) -> None:
        """To be called when a hold in the batch may be longer than `least`."""
        least = self.least
        spans = zip(batch.gots, batch.ends, strict=True)
        for place in [place for place, (got, end) in enumerate(spans) if end - got > least]:
            if batch.reasons[place] is None:
                self._look_at(batch.claim(place), sites)

    def _look_at(self, claim: Claim, sites: CallSites) -> None:
        use: Use | None = claim[USE]
        end, setting, site = claim[RETURNED], claim[SETTING_OF], claim[SITE]
        quiet = use.quiet_until(end) if use is not None else end - claim[GOT]
        expected = setting.expected_hold if setting is not None else None
        bound = max(self.bounds.get(site.index, inf), expected or 0.0)
        if quiet > bound:
            self._kept.append(Comeback(claim, quiet, bound))
            sites.of(site.index).came_back += 1

    def recent(self, now: float) -> Iterator[Comeback]:
        """The latest first."""
        for each in reversed(list(self._kept)):
            if now - each.claim[RETURNED] <= REMEMBERED:
                yield each
