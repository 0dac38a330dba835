"""One memory budget for all pools of a dashboard."""

from collections.abc import Sequence
from typing import Final

from .pool import PoolRecord
from .trace import LEAST, ROW

#: A trace that is too long loses a little more, so that it need not be shrunk every time.
_SLACK: Final = 7 / 8
_NAMED: Final = 3
#: Halving the histograms more often gains nothing.
_HALVINGS: Final = 4


def fit(records: Sequence[PoolRecord], budget: int) -> list[str]:
    """Shrink until all records fit into so many bytes; answer what became coarser.

    The longest traces go first, all to the same length; then the older halves of the histograms.
    What is left is what counters and call sites take, 50 kB a pool.
    """
    excess = _memory(records) - budget
    if excess <= 0:
        return []
    done = _shrink_traces(records, excess)
    for _ in range(_HALVINGS):
        if _memory(records) <= budget:
            break
        for record in records:
            record.past.coarsen()
        if "histograms" not in done:
            done.append("histograms")
    return done


def _memory(records: Sequence[PoolRecord]) -> int:
    return sum(record.memory for record in records)


def _shrink_traces(records: Sequence[PoolRecord], excess: int) -> list[str]:
    lengths = [len(record.trace) for record in records]
    longest = _level(lengths, sum(lengths) - -(-excess // ROW))
    shrunk = [record for record in records if len(record.trace) > max(longest, LEAST)]
    for record in shrunk:
        record.trace.shrink(int(longest * _SLACK))
    if len(shrunk) > _NAMED:
        return [f"traces of {len(shrunk)} pools"]
    return [f"trace of {record.name}" for record in shrunk]


def _level(lengths: Sequence[int], total: int) -> int:
    """The length to which the longest have to be cut for all together to be `total`."""
    left = max(0, total)
    ordered = sorted(lengths)
    for place, length in enumerate(ordered):
        others = len(ordered) - place
        if length * others > left:
            return left // others
        left -= length
    return ordered[-1] if ordered else 0
