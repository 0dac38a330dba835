"""A pool's waits or holds as one distribution for each step of time."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ..model.claim import ASKED, GOT, SITE
from ..model.distribution import Distribution, buckets_of
from ..model.heat import Heat
from .history import is_fine
from .pool import PoolRecord


def of(
    records: Sequence[PoolRecord],
    now: float,
    wall: Callable[[float], float],
    seconds: float,
    columns: int,
    measure: str,
    until: float | None = None,
) -> Heat:
    """`measure` (`wait` or `use`) of all records together, in at most `columns` steps.

    They end at `until`, a time of the clock, or now, and begin at multiples of their length, so
    that a column does not change while it moves.
    """
    end = now if until is None else min(until, now)
    by_second = is_fine(seconds, now - end)
    step = 10.0 if by_second else 60.0
    steps = max(1, int(seconds / step))
    group = -(-steps // max(1, columns))
    width = step * group
    newest = int(end / width)
    numbers = range(newest - steps // group + 1, newest + 1)
    sums: dict[int, Counter[int]] = {number: Counter() for number in numbers}
    for record in records:
        past = record.past.fine if by_second else record.past.coarse
        for number in numbers:
            if (number + 1) * width > record.since:
                found = past[measure].between(number * width, (number + 1) * width)
                sums[number].update(found.counts)
        if measure == "wait":
            _add_held(record, width, sums)
    return Heat(
        start=wall(numbers[0] * width),
        step=width,
        columns=tuple(Distribution(sums[number]) for number in numbers),
    )


def _add_held(record: PoolRecord, width: float, sums: dict[int, Counter[int]]) -> None:
    """The waits of those that still hold are recorded only when they return."""
    for got, wait in _waits(record):
        column = sums.get(int(got / width))
        if column is not None:
            column.update(buckets_of([wait]))


def _waits(record: PoolRecord) -> Iterator[tuple[float, float]]:
    ledger = record.ledger
    for claim in (*list(ledger.open.values()), *list(ledger.retired.values())):
        if claim[SITE].index:
            yield claim[GOT], max(0.0, claim[GOT] - claim[ASKED])
