"""Statistics per call site, since the watch began."""

from collections import Counter
from typing import Final

#: Distinct call sites kept for each pool; what comes after shares one entry.
MOST: Final = 512
#: The index of that entry, that of `(other call sites)`.
OVERFLOW: Final = 2


class SiteTally:
    """What one call site did: histograms by bucket, and counts."""

    __slots__ = ("failures", "lost", "use", "wait")

    def __init__(self) -> None:
        """Nothing yet."""
        self.failures = self.lost = 0
        self.use: Counter[int] = Counter()
        self.wait: Counter[int] = Counter()


class CallSites:
    """The tallies of one pool, by the site's index."""

    def __init__(self) -> None:
        """Empty."""
        self.tallies: dict[int, SiteTally] = {}

    def of(self, index: int) -> SiteTally:
        """The tally of a site."""
        tally = self.tallies.get(index)
        if tally is None:
            key = index if len(self.tallies) < MOST else OVERFLOW
            tally = self.tallies.get(key)
            if tally is None:
                tally = self.tallies[key] = SiteTally()
        return tally

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        sizes = (len(each.use) + len(each.wait) for each in list(self.tallies.values()))
        return sum(500 + 100 * size for size in sizes)
