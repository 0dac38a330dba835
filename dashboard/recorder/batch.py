"""A batch of claims that were returned, in columns.

The host pays for this, so that every loop over claims is one in C, or a list comprehension where
that is cheaper. The figures are callgrind instructions for one claim.
"""

import sys
from operator import sub
from struct import unpack
from typing import Any, Final, NamedTuple

from ..model.claim import (
    ASKED,
    CONNECTION,
    GOT,
    OWNER,
    PHASES,
    REASON,
    RETURNED,
    SITE,
    USE,
    Claim,
    LiveOwner,
    Use,
)
from .connections import Connections
from .ledger import WIDTH
from .trace import Trace

_LITTLE: Final = sys.byteorder == "little"
#: Where in the bytes of a double, and of a word made of site and bucket, the bucket stands.
_TOP: Final = 6 if _LITTLE else 0
_LOW: Final = 0 if _LITTLE else 2
_MOST_NUMBERS: Final = 0xFFFF


class Packed(NamedTuple):
    """Columns of a batch as the trace keeps them."""

    sites: bytes
    waits: bytes
    holds: bytes


class Batch:
    """Columns of the first claims in `Ledger.rows`, in the order in which they ended.

    The rows are read in place, and stay there until the batch is done with.
    """

    __slots__ = ("_end", "_rows", "asks", "ends", "gots", "indexes", "phases", "reasons", "waits")

    def __init__(self, rows: list[Any], count: int) -> None:
        """`rows`: whole claims, one after the other, of which `count` make the batch."""
        self._rows = rows
        self._end = end = count * WIDTH
        self.asks: list[float] = rows[ASKED:end:WIDTH]
        self.gots: list[float] = rows[GOT:end:WIDTH]
        self.ends: list[float] = rows[RETURNED:end:WIDTH]
        self.phases: list[dict[str, float] | None] = rows[PHASES:end:WIDTH]
        self.reasons: list[str | None] = rows[REASON:end:WIDTH]
        self.waits = list(map(sub, self.gots, self.asks))
        # A list comprehension reads an attribute for 160, `map` with an `attrgetter` for 350.
        self.indexes: list[int] = [site.index for site in rows[SITE:end:WIDTH]]

    def __len__(self) -> int:
        """How many claims there are."""
        return len(self.asks)

    @property
    def owners(self) -> list[LiveOwner]:
        """Who asked."""
        return self._rows[OWNER : self._end : WIDTH]

    @property
    def uses(self) -> list[Use | None]:
        """What each did with its connection; only asked for once there was a statement."""
        return self._rows[USE : self._end : WIDTH]

    def claim(self, place: int) -> Claim:
        """One claim, as it was."""
        return self._rows[place * WIDTH : (place + 1) * WIDTH]

    def enter(self, trace: Trace, known: Connections) -> Packed:
        """Append to the trace; answer its columns of sites, waits and holds.

        `known`: of more connections only the low 16 bits of a number are kept.
        """
        rows, end, count = self._rows, self._end, len(self)
        holds = list(map(sub, self.ends, self.gots))
        idents = [owner.ident for owner in rows[OWNER:end:WIDTH]]
        numbers = [each.number for each in rows[CONNECTION:end:WIDTH]]
        hosts = bytes(count)
        if known.has_hosts:
            names = (each.host for each in rows[CONNECTION:end:WIDTH])
            hosts = bytes(map(trace.hosts.__getitem__, names))
        if known.numbered > _MOST_NUMBERS:
            numbers = [number & _MOST_NUMBERS for number in numbers]
        _, waits, packed_holds, sites, *_ = trace.extend(
            count, self.asks, self.waits, holds, self.indexes, idents, numbers, hosts, bytes(count)
        )
        return Packed(sites, waits, packed_holds)


def words(sites: bytes, values: bytes) -> tuple[int, ...]:
    """The site (16 bits) and, below it, the bucket of each value, both columns packed.

    Counting these counts pairs at the price of integers: 720 for each, a pair costs twice that.
    """
    both = bytearray(2 * len(sites))
    both[_LOW::4] = values[_TOP::8]
    both[_LOW + 1 :: 4] = values[_TOP + 1 :: 8]
    both[2 - _LOW :: 4] = sites[0::2]
    both[3 - _LOW :: 4] = sites[1::2]
    return unpack(f"{len(sites) // 2}I", both)
