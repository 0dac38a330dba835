"""When owners ended, as far as that can be known."""

from collections.abc import Callable, Iterable
from typing import Final

from ..model.claim import GOT, OWNER, USE, Claim, LiveOwner, Use

#: Seconds after the checkout within which a task that only hands on has ended.
_AT_ONCE: Final = 0.05


class Endings:
    """The owners of what is out, from look to look."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` of the claims."""
        self._clock = clock
        #: By the owner's number: when it was seen alive, and when it is said to have ended.
        self._alive: dict[int, float] = {}
        self._ended: dict[int, float] = {}
        #: Those of which nobody saw when.
        self._unseen: set[int] = set()

    def look(self, claims: Iterable[Claim], now: float) -> None:
        """Note who lives. For an owner that has ended unseen: the last that is known of it."""
        alive: dict[int, float] = {}
        ended: dict[int, float] = {}
        for claim in claims:
            owner: LiveOwner = claim[OWNER]
            if owner.is_alive():
                alive[owner.ident] = now
            else:
                ended[owner.ident] = max(ended.get(owner.ident, 0.0), self._end(claim))
        self._alive, self._ended = alive, ended
        self._unseen &= ended.keys()

    def _end(self, claim: Claim) -> float:
        owner: LiveOwner = claim[OWNER]
        known = self._ended.get(owner.ident)
        if known is None:
            known = owner.ended_at(self._clock)
        if known is None:
            known = max(_last_sign(claim), self._alive.get(owner.ident, 0.0))
            self._unseen.add(owner.ident)
        return known

    def ended_for(self, claim: Claim, now: float) -> float | None:
        """Seconds since the owner ended; None while it lives, or when it did not matter yet."""
        ended = self._ended.get(claim[OWNER].ident)
        return None if ended is None else max(0.0, now - ended)

    def was_seen(self, claim: Claim) -> bool:
        """Whether that is exact; else it ended after that time, and nobody saw when."""
        return claim[OWNER].ident not in self._unseen

    def was_handed_over(self, claim: Claim) -> bool:
        """Whether the owner only fetched the connection for somebody else."""
        owner: LiveOwner = claim[OWNER]
        ended = self._ended.get(owner.ident)
        if ended is None or not owner.is_carrier:
            return False
        use: Use | None = claim[USE]
        has_used = use is not None and use.user is not None and use.user.ident == owner.ident
        return not has_used and ended - claim[GOT] <= _AT_ONCE


def _last_sign(claim: Claim) -> float:
    """When its owner was last known to do something."""
    use: Use | None = claim[USE]
    got: float = claim[GOT]
    is_its = use is not None and use.user is not None and use.user.ident == claim[OWNER].ident
    return max(got, use.last) if use is not None and is_its else got
