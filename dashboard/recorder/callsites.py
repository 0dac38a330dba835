"""Statistics per call site, since the watch began."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

#: Distinct call sites kept for each pool; what comes after shares one entry.
MOST: Final = 512
#: The index of that entry, that of `(other call sites)`.
OVERFLOW: Final = 2
#: Checkouts of a site after which a new generation begins, and seconds (half a week). Two are kept,
#: so that one hold which was longer than all others is forgotten after 50,000 checkouts or a week.
GENERATION: Final = 16_384
_AGE: Final = 302_400.0


class Uses:
    """What the holders of one site did, of those that ran a statement and came back."""

    __slots__ = ("busy", "handed_on", "holds", "looked", "quiet", "statements")

    def __init__(self) -> None:
        """Nothing yet."""
        self.statements = 0
        self.busy = 0.0
        #: Their holds by bucket, and the longest times without a statement.
        self.holds: Counter[int] = Counter()
        self.quiet: Counter[int] = Counter()
        #: Of how many it was asked whether somebody else had taken over, and of how many it is so.
        self.looked = self.handed_on = 0


class SiteTally:
    """What one call site did: histograms by bucket, and counts."""

    __slots__ = (
        "_before",
        "_begun",
        "_count",
        "_start",
        "came_back",
        "failures",
        "lost",
        "use",
        "uses",
        "wait",
    )

    def __init__(self) -> None:
        """Nothing yet."""
        self.failures = self.lost = self.came_back = 0
        self.use: Counter[int] = Counter()
        self.wait: Counter[int] = Counter()
        #: None before the first statement.
        self.uses: Uses | None = None
        #: Quiet times up to the begin of the generation before, and of this one.
        self._before: Mapping[int, int] = {}
        self._start: Mapping[int, int] = {}
        #: When this one began, and after how many checkouts.
        self._begun: float | None = None
        self._count = 0

    def quiet_time(self) -> dict[int, int]:
        """The longest times without a statement by bucket, of this generation and the one before.

        A checkout without statements counts with its hold.
        """
        counts = self._quiet_ever()
        for bucket, count in self._before.items():
            counts[bucket] -= count
        return {bucket: count for bucket, count in counts.items() if count > 0}

    def _quiet_ever(self) -> Counter[int]:
        """Only those with statements are counted twice, so that the others cost nothing."""
        counts = Counter(self.use)
        if self.uses is not None:
            counts.subtract(self.uses.holds)
            counts.update(self.uses.quiet)
        return counts

    def turn(self, now: float) -> None:
        """Begin a generation if this one is full, or old and not empty."""
        if self._begun is None:
            self._begun = now
        fresh = self.use.total() - self._count
        if fresh >= GENERATION or (fresh and now - self._begun >= _AGE):
            self._before, self._start = self._start, dict(self._quiet_ever())
            self._begun, self._count = now, self._count + fresh

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        buckets = len(self.use) + len(self.wait) + len(self._before) + len(self._start)
        if self.uses is None:
            return 500 + 100 * buckets
        return 800 + 100 * (buckets + len(self.uses.holds) + len(self.uses.quiet))


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

    def turn(self, now: float) -> None:
        """Let each site begin a generation if it is time; to be called when all is counted."""
        for tally in list(self.tallies.values()):
            tally.turn(now)

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return sum(each.memory for each in list(self.tallies.values()))
