"""Distributions with a bounded relative error.

A bucket is the top 16 bits of a double: sign, exponent and four bits of mantissa, so an octave
has 16 buckets of equal width and a value is known to within 1/32 of itself (3.1 %). Reading the
bits costs nothing: a batch of values is one array, and its buckets are every fourth 16-bit word.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

#: A value and the middle of its bucket differ by at most this share of the value.
RELATIVE_ERROR: Final = 1 / 32
_TOP_WORD: Final = 3 if sys.byteorder == "little" else 0


def bucket_words(packed: bytes) -> list[int]:
    """The bucket of each double (seconds, not negative) of an array's bytes."""
    return memoryview(packed).cast("H")[_TOP_WORD::4].tolist()


def buckets_of(values: Iterable[float]) -> list[int]:
    """The bucket of each value (seconds, not negative)."""
    return bucket_words(array("d", values).tobytes())


def lower_bound(bucket: int) -> float:
    """The smallest value of a bucket."""
    bound: float = struct.unpack(">d", bucket.to_bytes(2, "big") + bytes(6))[0]
    return bound


@cache
def middle(bucket: int) -> float:
    """The value that stands for a bucket; 0 stays 0."""
    return (lower_bound(bucket) + lower_bound(bucket + 1)) / 2 if bucket else 0.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """Counts by bucket; sums and extremes come from the buckets' middles."""

    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    @property
    def total(self) -> float:
        """The sum in seconds, within `RELATIVE_ERROR`."""
        return sum(middle(bucket) * count for bucket, count in self.counts.items())

    @property
    def longest(self) -> float:
        """The largest value, within `RELATIVE_ERROR`; 0 if empty."""
        return middle(max(self.counts)) if self.counts else 0.0

    @property
    def mean(self) -> float | None:
        """The mean, None without values."""
        count = self.count
        return self.total / count if count else None

    def percentile(self, q: float) -> float | None:
        """The q-th percentile (0..100) by nearest rank, within `RELATIVE_ERROR`; None if empty."""
        if not 0 <= q <= 100:
            msg = f"percentile takes 0 to 100, not {q!r}"
            raise ValueError(msg)
        count = self.count
        if not count:
            return None
        rank = max(1, -(-q * count // 100))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                break
        return middle(bucket)

    def cumulative(self, bounds: Iterable[float]) -> Iterator[int]:
        """How many values lie at or below each bound (ascending), for Prometheus buckets."""
        ordered = sorted(self.counts.items())
        position = seen = 0
        for bound in bounds:
            while position < len(ordered) and middle(ordered[position][0]) <= bound:
                seen += ordered[position][1]
                position += 1
            yield seen


EMPTY: Final = Distribution()
