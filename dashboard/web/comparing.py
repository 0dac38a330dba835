"""What pools did before and after each of the application's marks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..model.history import Mark
from ..model.period import Period
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot

#: Marks that are compared, and the seconds on each side of one: at least, at most.
_MARKS: Final = 3
_SHORTEST: Final = 20.0
_LONGEST: Final = 900.0
_REACH: Final = 21600.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A pool on both sides of a mark, for the same length of time."""

    mark: Mark
    pool: str
    before: Period
    after: Period


def compare(
    reading: Reading, pools: Mapping[str, PoolSnapshot], now: float
) -> Iterator[Comparison]:
    """Each of the last marks, for every pool that did something on both sides; `now` as UNIX."""
    for mark in _marks(reading, pools):
        for name in sorted(pools):
            since = pools[name].since
            begun = mark.at if since is None else since.timestamp()
            length = min(now - mark.at, mark.at - begun, _LONGEST)
            if length < _SHORTEST:
                continue
            before = reading.period(name, mark.at - length, mark.at)
            after = reading.period(name, mark.at, mark.at + length)
            if before is not None and after is not None and before.checkouts and after.checkouts:
                yield Comparison(mark, name, before, after)


def _marks(reading: Reading, pools: Mapping[str, PoolSnapshot]) -> list[Mark]:
    """They are the process's own: any pool's history has them all."""
    marks = {mark for name in sorted(pools)[:1] for mark in reading.history(name, _REACH, 2).marks}
    return sorted(marks, key=lambda mark: mark.at, reverse=True)[:_MARKS]
