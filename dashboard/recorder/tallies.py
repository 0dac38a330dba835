"""Waits and holds by call site and bucket, counted quickly and spread over the tables later."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from .batch import Batch, Packed, words
from .callsites import CallSites
from .history import TEN, Past

_BUCKET: Final = 0xFFFF
#: Batches that wait to be counted: 4,096 checkouts, which a reader counts in 3 ms.
_MOST: Final = 16
#: Steps that are counted before their counts are spread: a minute, for which 300 words each wait.
_STEPS: Final = 6

Words = tuple[int, ...]


class Tallies:
    """What was measured, until the statistics of sites, of the past and of all time have it.

    A pool meets the same sites and buckets again and again, so that one dict is all that is
    written for a batch. That is done when somebody reads; on the host's path only for what has
    waited for `_MOST` batches, one for each that comes: its thread is never held for long.
    """

    def __init__(self, past: Past, sites: CallSites, lifetime: dict[str, Counter[int]]) -> None:
        """The tables that get their share."""
        self._past = past
        self._sites = sites
        self._lifetime = lifetime
        #: Batches to be counted, each with its ten seconds.
        self._waiting: deque[tuple[int, Packed]] = deque()
        #: Counts by site (above 16 bits) and bucket, for each ten seconds.
        self._waits: dict[int, Counter[int]] = {}
        self._holds: dict[int, Counter[int]] = {}

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return sum(300 + 9 * len(packed.sites) for _, packed in list(self._waiting))

    def add(self, batch: Batch, packed: Packed, first: float) -> None:
        """Take a batch; `first` is the first time in it at which one was got."""
        step = int(batch.ends[-1] // TEN)
        if first < step * TEN:
            count = _count_halves if first >= (step - 1) * TEN else _count_each
            count(self._waits, batch.gots, words(packed.sites, packed.waits))
            count(self._holds, batch.ends, words(packed.sites, packed.holds))
            return
        self._waiting.append((step, packed))
        if len(self._waiting) > _MOST:
            self._count()
            if len(self._holds) > _STEPS:
                self._share()

    def settle(self) -> None:
        """Count and spread all."""
        while self._waiting:
            self._count()
        self._share()

    def _count(self) -> None:
        step, packed = self._waiting.popleft()
        _of(self._waits, step).update(words(packed.sites, packed.waits))
        _of(self._holds, step).update(words(packed.sites, packed.holds))

    def _share(self) -> None:
        for name, table in (("wait", self._waits), ("use", self._holds)):
            for step, counts in table.items():
                self._spread(name, step, counts)
            table.clear()

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


def _of(table: dict[int, Counter[int]], step: int) -> Counter[int]:
    counts = table.get(step)
    if counts is None:
        counts = table[step] = Counter()
    return counts


def _count_halves(table: dict[int, Counter[int]], times: list[float], words: Words) -> None:
    """Of a batch that reaches over two steps, as most do that reach over any."""
    step = int(max(times) // TEN)
    border = step * TEN
    pairs = list(zip(times, words, strict=True))
    _of(table, step - 1).update([word for time, word in pairs if time < border])
    _of(table, step).update([word for time, word in pairs if time >= border])


def _count_each(table: dict[int, Counter[int]], times: list[float], words: Words) -> None:
    """Of a batch that reaches over many steps: each word belongs to the step of its time."""
    pairs = Counter(zip(map(TEN.__rfloordiv__, times), words, strict=True))
    for (step, word), count in pairs.items():
        _of(table, int(step))[word] += count
