"""The last requests of a pool in columns, 32 bytes each: what the what-if replays.

Rows are in the order in which requests ended.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add
from struct import pack
from typing import Any, Final, NamedTuple

#: Rows kept for each pool at the most.
MOST: Final = 100_000
#: A trace is not shrunk to less.
LEAST: Final = 256
_COLUMNS: Final = {
    "asked": "d",
    "wait": "d",
    "hold": "d",
    "site": "H",
    "owner": "I",
    "connection": "H",
    "host": "B",
    "outcome": "B",
}
#: Rows of a chunk at the least, as long as more come.
_CHUNK: Final = 256
#: Bytes of one row over all columns, with its share of what a chunk takes.
ROW: Final = sum(array(code).itemsize for code in _COLUMNS.values()) + 2

#: Hosts that are told apart; further ones share the number behind them.
MOST_HOSTS: Final = 254
#: Outcomes by their number in the column.
OUTCOMES: Final = ("returned", "timeout", "pool_closed", "connection_error", "cancelled")


@dataclass(frozen=True, slots=True)
class Request:
    """One row. `wait` is asked to got, or to the failure; `hold` is None for a failed one.

    `owner` tells tasks and threads apart, 32 bits of their identity; `connection` is its number
    in the pool (1, 2, 3 …, modulo 65,536); `host` that of `Hosts`, 0 where a pool has but one.
    """

    asked: float
    wait: float
    hold: float | None
    site: int
    owner: int
    connection: int
    outcome: str
    host: int = 0


class Rows(NamedTuple):
    """Copies of columns, oldest row first: for those who count in C."""

    asked: "array[float]"
    wait: "array[float]"
    hold: "array[float]"
    site: "array[int]"
    owner: "array[int]"
    connection: "array[int]"
    host: "array[int]"
    outcome: "array[int]"


class Hosts(dict[str | None, int]):
    """Numbers of hosts in the order in which they were first met; None, an unknown one, is 0."""

    def __init__(self) -> None:
        """Nothing but the unknown."""
        super().__init__({None: 0})

    def __missing__(self, name: str | None) -> int:
        """Called once for each host, and each time for those that are too many."""
        if len(self) > MOST_HOSTS:
            return MOST_HOSTS + 1
        number = self[name] = len(self)
        return number


class Trace:
    """Chunks of packed columns; the oldest go. It grows with use and can be told to shrink.

    One writes at a time. Chunks do not change and their list is copied in one step, so that
    readers take no lock; and nothing that was written is ever moved on the host's path.
    """

    def __init__(self, most: int = MOST) -> None:
        """Keep at most `most` rows."""
        self._most = most
        self.hosts = Hosts()
        self._chunks: deque[tuple[bytes, ...]] = deque()
        #: Rows in all chunks; of the oldest chunk some may be beyond `most`.
        self._count = 0

    def __len__(self) -> int:
        """Rows kept."""
        return min(self._count, self._most)

    @property
    def memory(self) -> int:
        """Bytes of the columns."""
        return self._count * ROW

    def extend(self, count: int, *columns: Sequence[float]) -> tuple[bytes, ...]:
        """Append `count` rows, given as columns in the order of `Rows`; the oldest go.

        Answers the packed columns: one call of `pack` takes 100 instructions a value, an array
        that is made of a list 260.
        """
        packed = tuple(
            column if isinstance(column, bytes) else pack(f"{count}{code}", *column)
            for code, column in zip(_COLUMNS.values(), columns, strict=True)
        )
        chunks = self._chunks
        if chunks and _length(chunks[-1]) < _CHUNK:
            chunks[-1] = tuple(map(add, chunks[-1], packed))
        else:
            chunks.append(packed)
        self._count += count
        self._forget()
        return packed

    def _forget(self) -> None:
        while self._count - _length(self._chunks[0]) >= self._most:
            self._count -= _length(self._chunks.popleft())

    def shrink(self, most: int) -> None:
        """Keep only the newest `most` rows from here on."""
        self._most = max(LEAST, most)
        if self._chunks:
            self._forget()
            excess = max(0, self._count - self._most)
            oldest = self._chunks[0]
            cuts = [excess * array(code).itemsize for code in _COLUMNS.values()]
            self._chunks[0] = tuple(column[cut:] for column, cut in zip(oldest, cuts, strict=True))
            self._count -= excess

    def newest(self, count: int) -> Rows:
        """The last `count` rows."""
        count = min(count, self._most)
        wanted: deque[tuple[bytes, ...]] = deque()
        found = 0
        for chunk in reversed(list(self._chunks)):
            if found >= count:
                break
            wanted.appendleft(chunk)
            found += _length(chunk)
        excess = max(0, found - count)
        return Rows._make(
            array(code, b"".join(chunk[place] for chunk in wanted))[excess:]
            for place, code in enumerate(_COLUMNS.values())
        )

    def __iter__(self) -> Iterator[Request]:
        """Rows, oldest first; over a copy, so that recording goes on."""
        rows: Any = zip(*self.newest(self._most), strict=True)
        for asked, wait, hold, site, owner, connection, host, outcome in rows:
            held = None if outcome else hold
            yield Request(asked, wait, held, site, owner, connection, OUTCOMES[outcome], host)


def _length(chunk: tuple[bytes, ...]) -> int:
    """Rows of a chunk: an outcome is one byte."""
    return len(chunk[-1])
