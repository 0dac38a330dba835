"""The last requests of a pool in columns, 31 bytes each: what the what-if replays.

Rows are in the order in which requests ended.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any, Final, NamedTuple

#: Rows kept for each pool at the most.
MOST: Final = 100_000
#: A ring is not shrunk to less.
LEAST: Final = 256
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
#: How often a reader begins again because rows were written while it copied them.
_TRIES: Final = 20

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
    """A ring of columns that grows with use and can be told to shrink.

    One writes at a time; readers take no lock, they begin again when they were disturbed.
    """

    def __init__(self, most: int = MOST) -> None:
        """Keep at most `most` rows."""
        self._most = most
        self._columns: tuple[Any, ...] = tuple(array(code) for code in _COLUMNS.values())
        #: Where the oldest row stands once the ring is full.
        self._start = 0
        #: Counts the writings; odd while one is under way.
        self._version = 0

    def __len__(self) -> int:
        """Rows kept."""
        return len(self._columns[0])

    @property
    def memory(self) -> int:
        """Bytes of the columns."""
        return len(self) * ROW

    def extend(self, count: int, *columns: Sequence[float]) -> tuple[bytes, ...]:
        """Append `count` rows, given as columns in the order of `Request`; the oldest go.

        Answers the packed columns: one call of `pack` takes 100 instructions a value, an array
        that is made of a list 260.
        """
        packed = tuple(
            column if isinstance(column, bytes) else pack(f"{count}{code}", *column)
            for code, column in zip(_COLUMNS.values(), columns, strict=True)
        )
        self._version += 1
        try:
            self._write(count, packed)
        finally:
            self._version += 1
        return packed

    def _write(self, count: int, packed: tuple[bytes, ...]) -> None:
        free = min(count, self._most - len(self))
        if free:
            for column, data in zip(self._columns, packed, strict=True):
                column.frombytes(data[: free * column.itemsize] if free < count else data)
        while free < count:
            part = min(count - free, self._most - self._start)
            for column, data in zip(self._columns, packed, strict=True):
                size = column.itemsize
                fresh = array(column.typecode, data[free * size : (free + part) * size])
                column[self._start : self._start + part] = fresh
            self._start = (self._start + part) % self._most
            free += part

    def shrink(self, most: int) -> None:
        """Keep only the newest `most` rows from here on."""
        self._version += 1
        self._most = max(LEAST, most)
        start = self._start
        self._columns = tuple(
            (column[start:] + column[:start])[-self._most :] for column in self._columns
        )
        self._start = 0
        self._version += 1

    def newest(self, count: int) -> Rows:
        """The last `count` rows."""
        columns = self._copy()
        most = min(count, len(columns[0]))
        return Rows._make(column[len(column) - most :] for column in columns)

    def __iter__(self) -> Iterator[Request]:
        """Rows, oldest first; over a copy, so that recording goes on."""
        for asked, wait, hold, site, owner, connection, outcome in zip(*self._copy(), strict=False):
            held = None if outcome else hold
            yield Request(asked, wait, held, site, owner, connection, OUTCOMES[outcome])

    def _copy(self) -> list[Any]:
        copies: list[Any] = []
        for _ in range(_TRIES):
            version = self._version
            start = self._start
            copies = [column[start:] + column[:start] for column in self._columns]
            if version == self._version and not version & 1:
                break
        return copies
