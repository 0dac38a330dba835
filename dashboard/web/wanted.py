"""What an address asks of the what-if card: the size to show, and another limit to each host."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot
from .whatif import Outlook

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """`limit_per_host` None leaves that of the pool, 0 is none."""

    size: str = ""
    limit_per_host: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Wanted":
        """ValueError for what is no limit; an empty field is none that was given."""
        given = query.get("limit_per_host", "").strip()
        if not given:
            return cls(query.get("size", ""))
        if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
            raise ValueError(f"limit_per_host takes a whole number from 0 on, not {given[:100]!r}")
        return cls(query.get("size", ""), int(given))

    @property
    def query(self) -> dict[str, str]:
        """For addresses: the limit, if one was given."""
        return {} if self.limit_per_host is None else {"limit_per_host": f"{self.limit_per_host}"}


def outlook_of(reading: Reading, pool: PoolSnapshot, wanted: Wanted) -> Outlook | None:
    """Other sizes of a pool; with another limit, what the present one gives stands beside."""
    limit = wanted.limit_per_host if pool.library == "aiohttp" else None
    prediction = reading.whatif(pool.name, limit_per_host=limit)
    if prediction is None:
        return None
    as_it_is = None
    if limit is not None and pool.size is not None and prediction.rows:
        as_it_is = reading.whatif(pool.name, [pool.size])
    return Outlook(pool, prediction, wanted.size, as_it_is)
