"""The last requests of a pool in columns, 31 bytes each: what the what-if replays.

Rows are in the order in which requests ended.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import pack
from typing import Final, NamedTuple

#: Rows kept for each pool at the most.
MOST: Final = 100_000
_FIRST: Final = 1024
_COLUMNS: Final = {
    "asked": "d",
    "wait": "d",
    "hold": "d",
    "site": "H",
    "owner": "I",
    "connection": "H",
    "outcome": "B",
}
#: Bytes of one row over all columns.
ROW: Final = sum(array(code).itemsize for code in _COLUMNS.values())

#: Outcomes by their number in the column.
OUTCOMES: Final = ("returned", "timeout", "pool_closed", "connection_error", "cancelled")


@dataclass(frozen=True, slots=True)
class Request:
    """One row. `wait` is asked to got, or to the failure; `hold` is None for a failed one.

    `owner` tells tasks and threads apart, 32 bits of their identity; `connection` is its number
    in the pool (1, 2, 3 …, modulo 65,536).
    """

    asked: float
    wait: float
    hold: float | None
    site: int
    owner: int
    connection: int
    outcome: str


class Rows(NamedTuple):
    """Copies of columns, oldest row first: for those who count in C."""

    asked: "array[float]"
    wait: "array[float]"
    hold: "array[float]"
    site: "array[int]"
    owner: "array[int]"
    connection: "array[int]"
    outcome: "array[int]"


class Trace:
    """A ring of columns that grows with use and can be told to shrink."""

    def __init__(self, most: int = MOST) -> None:
        """Keep at most `most` rows."""
        self._most = most
        self._columns = {name: array(code) for name, code in _COLUMNS.items()}
        #: Where the oldest row stands once the ring is full.
        self._start = 0

    def __len__(self) -> int:
        """Rows kept."""
        return len(self._columns["asked"])

    @property
    def memory(self) -> int:
        """Bytes of the columns."""
        return len(self) * ROW

    def extend(self, count: int, *columns: Iterable[float]) -> list[bytes]:
        """Append `count` rows, given as columns in the order of `Request`; the oldest go.

        Answers the packed columns: one call of C packs many values, an array takes them one by
        one.
        """
        packed = [
            pack(f"={count}{code}", *values)
            for code, values in zip(_COLUMNS.values(), columns, strict=True)
        ]
        free = min(count, self._most - len(self))
        place = self._start
        for (name, column), data in zip(self._columns.items(), packed, strict=True):
            size = column.itemsize
            column.frombytes(data[: free * size])
            rest = array(_COLUMNS[name], data[free * size :])
            place = self._start
            while rest:
                part = rest[: self._most - place]
                column[place : place + len(part)] = part
                place = (place + len(part)) % self._most
                rest = rest[len(part) :]
        self._start = place
        return packed

    def shrink(self, most: int) -> None:
        """Keep only the newest `most` rows from here on."""
        self._most = max(_FIRST, most)
        for name, column in self._columns.items():
            self._columns[name] = (column[self._start :] + column[: self._start])[-self._most :]
        self._start = 0

    def newest(self, count: int) -> Rows:
        """The last `count` rows; a row that is being written meanwhile may be torn."""
        start = self._start
        most = min(count, len(self))
        ordered = [column[start:] + column[:start] for column in self._columns.values()]
        return Rows._make(column[len(column) - most :] for column in ordered)

    def __iter__(self) -> Iterator[Request]:
        """Rows, oldest first; over a copy, so that recording goes on."""
        start = self._start
        ordered = [column[start:] + column[:start] for column in self._columns.values()]
        for asked, wait, hold, site, owner, connection, outcome in zip(*ordered, strict=True):
            held = None if outcome else hold
            yield Request(asked, wait, held, site, owner, connection, OUTCOMES[outcome])
