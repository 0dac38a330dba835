"""Waits and holds by call site and bucket, counted quickly and spread over the tables later."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from .batch import Batch
from .callsites import CallSites
from .history import TEN, Past

_BUCKET: Final = 0xFFFF

Words = tuple[int, ...]


class Tallies:
    """What was measured in the present ten seconds.

    A pool meets the same sites and buckets again and again, so that one dict is all that the
    host's path writes; the statistics of sites, of the past and of all time get their share when
    somebody reads them, or when the ten seconds are over.
    """

    def __init__(self, past: Past, sites: CallSites, lifetime: dict[str, Counter[int]]) -> None:
        """The tables that get their share."""
        self._past = past
        self._sites = sites
        self._lifetime = lifetime
        self._step = 0
        #: Counts by site (above 16 bits) and bucket.
        self._waits: Counter[int] = Counter()
        self._holds: Counter[int] = Counter()

    def add(self, batch: Batch, waits: Words, holds: Words, first: float) -> None:
        """Count the words of a batch; `first` is the first time in it at which one was got."""
        step = int(batch.ends[-1] // TEN)
        if step != self._step:
            self.settle()
            self._step = step
        if first >= step * TEN:
            self._waits.update(waits)
            self._holds.update(holds)
        else:
            self._place("wait", batch.gots, waits)
            self._place("use", batch.ends, holds)

    def settle(self) -> None:
        """Spread what was counted."""
        for name, counts in (("wait", self._waits), ("use", self._holds)):
            if counts:
                self._spread(name, self._step, counts)
                counts.clear()

    def _place(self, name: str, times: list[float], words: Words) -> None:
        by_step: dict[int, list[int]] = {}
        for at, word in zip(times, words, strict=True):
            by_step.setdefault(int(at // TEN), []).append(word)
        for step, group in by_step.items():
            self._spread(name, step, Counter(group))

    def _spread(self, name: str, step: int, counts: Mapping[int, int]) -> None:
        totals: Counter[int] = Counter()
        for word, count in counts.items():
            site, bucket = word >> 16, word & _BUCKET
            if name == "use":
                self._sites.of(site).use[bucket] += count
            elif site:
                self._sites.of(site).wait[bucket] += count
            else:
                continue  # It asked before the watch began: nobody knows how long it waited.
            totals[bucket] += count
        self._past.measure(name, step * TEN, totals)
        self.add_to_lifetime(name, totals)

    def add_to_lifetime(self, name: str, counts: Mapping[int, int]) -> None:
        """Add to the histogram of all time."""
        lifetime = self._lifetime.setdefault(name, Counter())
        for bucket, count in counts.items():
            lifetime[bucket] += count
