"""Recent events for display: samples of checkouts and checkins, and every failure.

A list of at most `MOST` entries with a running number. What is left out is counted.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from ..model.claim import Claim, Connection

MOST: Final = 4000


class Entry(NamedTuple):
    """One event: `claim` for those of a checkout, `connection` and `facts` for the others."""

    number: int
    at: float
    pool: str
    what: str
    is_kept: bool
    claim: Claim | None = None
    connection: int = 0
    reason: str | None = None
    facts: Connection | None = None


_new: Final = tuple.__new__


class Feed:
    """Written while a pool is folded, read by number."""

    def __init__(self, most: int = MOST) -> None:
        """Keep `most` entries."""
        self._entries: deque[Entry] = deque(maxlen=most)
        #: The number of the newest entry.
        self.newest = 0
        #: Events that were never entered because a batch had too many.
        self.sampled_out = 0

    def add(
        self,
        at: float,
        pool: str,
        what: str,
        is_kept: bool,  # noqa: FBT001 -- called in a loop on the host's path
        claim: Claim | None = None,
        connection: int = 0,
        reason: str | None = None,
        facts: Connection | None = None,
    ) -> None:
        """Enter an event; one that `is_kept` is never sampled out by a reader."""
        self.newest = number = self.newest + 1
        entry = (number, at, pool, what, is_kept, claim, connection, reason, facts)
        self._entries.append(_new(Entry, entry))

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        self._entries.clear()
        self.newest = self.sampled_out = 0

    def since(self, number: int) -> list[Entry]:
        """Entries after `number`, oldest first."""
        if number >= self.newest:
            return []
        entries = list(self._entries)
        behind = self.newest - number
        return entries[-behind:] if behind < len(entries) else entries

    def latest(self, count: int) -> list[Entry]:
        """The last `count` entries, newest first; in one step, for the host's path."""
        return list(islice(reversed(self._entries), count))


def thin(entries: Sequence[Entry], limit: int, most_kept: int) -> tuple[list[Entry], int]:
    """At most `limit` samples, evenly spread, and every kept entry up to `most_kept`; the rest."""
    kept = [each for each in entries if each.is_kept][-most_kept:]
    others = [each for each in entries if not each.is_kept]
    if len(others) > limit:
        step = len(others) / limit
        others = [others[int(place * step)] for place in range(limit)]
    chosen = sorted((*kept, *others), key=lambda each: (each.at, each.number))
    return chosen, len(entries) - len(chosen)
