"""Whether connections of one event loop were used in another."""

from typing import Final

from ..model.claim import CONNECTION, OWNER, Claim
from .batch import Batch

#: Claims of a batch that are looked at: who does it once does it all the time.
_LOOKED_AT: Final = 8


class Abroad:
    """What was seen of one pool, in what came back and in what failed."""

    __slots__ = ("failed_in", "was_used")

    def __init__(self) -> None:
        """Nothing was seen."""
        self.was_used = False
        #: The event loop of the last caller that got nothing, as a weak reference.
        self.failed_in: object | None = None

    def look(self, batch: Batch) -> None:
        """At a few claims of it, the last included; 2 µs."""
        if not self.was_used:
            last = len(batch) - 1
            places = {last, *range(0, last, last // _LOOKED_AT + 1)}
            self.was_used = any(_is_abroad(batch.claim(place)) for place in places)

    def failed(self, claim: Claim) -> None:
        """A caller got nothing."""
        self.failed_in = claim[OWNER].loop or self.failed_in


def _is_abroad(claim: Claim) -> bool:
    owner, belongs = claim[OWNER].loop, claim[CONNECTION].loop
    return owner is not None and belongs is not None and owner is not belongs
