"""One memory budget for all pools of a dashboard.

What can grow with the traffic: a pool's trace, up to 3 MB, and its histograms, with the hours. All
else is bounded by what the application has: call sites (512), connections, callers.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from .pool import PoolRecord
from .trace import LEAST, ROW

#: Bytes that one dashboard keeps of all its pools.
BUDGET: Final = 16 * 1024 * 1024
#: A trace that is too long loses a little more, so that it need not be shrunk every time.
_SLACK: Final = 7 / 8
_NAMED: Final = 3
#: Halving the histograms more often gains nothing.
_HALVINGS: Final = 4
#: Traces that are shrunk on the host's path at a time: a millisecond each.
_AT_A_TIME: Final = 3


def fit(records: Sequence[PoolRecord], budget: int) -> list[str]:
    """Shrink until all records fit into so many bytes; answer what became coarser.

    The longest traces go first, all to the same length; then the older halves of the histograms.
    What is left is what counters and call sites take, 50 kB a pool. To be called by a reader; what
    the host had to give up since the last time is in the answer.
    """
    for record in records:
        record.weight = record.memory
    done, is_all = _shrink_traces(records, _weight(records) - budget, len(records))
    for record in records:
        was_trimmed, record.was_trimmed = record.was_trimmed, False
        if was_trimmed and record not in done:
            done.append(record)
    said = _said(done)
    for _ in range(_HALVINGS):
        if _weight(records) <= budget or not is_all:
            break
        for record in records:
            _coarsen(record)
        if "histograms" not in said:
            said.append("histograms")
    return said


def trim(record: PoolRecord, records: Iterable[PoolRecord], budget: int) -> None:
    """As `fit`, on the host's path, for a record that has grown; at most a few milliseconds.

    Of the others it is known how much they took when they were last looked at.
    """
    everybody = {id(each): each for each in (*records, record)}.values()
    record.weight = record.memory
    excess = _weight(everybody) - budget
    if excess <= 0:
        return
    shrunk, is_all = _shrink_traces(list(everybody), excess, _AT_A_TIME)
    for each in shrunk:
        each.was_trimmed = True
    if is_all and _weight(everybody) > budget:
        _coarsen(record)
        record.was_trimmed = True


def _weight(records: Iterable[PoolRecord]) -> int:
    return sum(record.weight for record in records)


def _shrink_traces(
    records: Sequence[PoolRecord], excess: int, most: int
) -> tuple[list[PoolRecord], bool]:
    """Shrink the longest, and answer which; whether none that is too long is left.

    One that is being folded or looked at is left for the next time.
    """
    if excess <= 0:
        return [], True
    lengths = [len(record.trace) for record in records]
    longest = _level(lengths, sum(lengths) - -(-excess // ROW))
    too_long = [record for record in records if len(record.trace) > max(longest, LEAST)]
    shrunk = []
    for record in sorted(too_long, key=lambda each: -len(each.trace))[:most]:
        with record.alone() as is_mine:
            if is_mine:
                record.trace.shrink(int(longest * _SLACK))
                record.weight = record.memory
                shrunk.append(record)
    return shrunk, len(shrunk) == len(too_long)


def _coarsen(record: PoolRecord) -> None:
    with record.alone() as is_mine:
        if is_mine:
            record.past.coarsen()
            record.weight = record.memory


def _said(shrunk: Sequence[PoolRecord]) -> list[str]:
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
