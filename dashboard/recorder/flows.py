"""What one owner did with a pool, request by request: of what has ended, holds and waits."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ..model.claim import ASKED, GOT, SITE, Claim, user_of
from .trace import Rows

#: Times of the trace are sums of durations: they are known to this many seconds.
_EPSILON: Final = 2e-6
#: What has ended since the last look if nothing has.
NO_ROWS: Final = Rows._make(array(code) for code in "dddHIHBB")
#: Owner and time of asking: by which a request is known again when it has ended.
Key = tuple[int, float]


class Visit(NamedTuple):
    """One request. `got` is None if it got nothing (yet), `end` while it has not ended."""

    asked: float
    #: Orders those that were asked at the same time, as the clock has it.
    turn: int
    owner: int
    site: int
    got: float | None
    end: float | None

    @property
    def key(self) -> Key:
        """By which it is known again when it has ended."""
        return self.owner, self.asked

    def is_held_at(self, at: float) -> bool:
        """Whether it had its connection at a time after it was asked."""
        if self.got is None or self.got > at + _EPSILON:
            return False
        return self.end is None or self.end > at + _EPSILON


class Scene(NamedTuple):
    """Requests since the last look: rows that have ended, claims that hold and that wait.

    `moved` says who really held, of rows whose owner only fetched the connection; 0 for nobody.
    """

    rows: Rows
    held: Sequence[Claim]
    waiting: Sequence[Claim]
    moved: Mapping[Key, int]

    def overlapping(self) -> set[int]:
        """Owners that asked again before their last request had ended: at most these have nested.

        Rows are in the order of ending, so that a request which was asked before the one above it
        ended overlaps it.
        """
        found: set[int] = set()
        last: dict[int, float] = {}
        rows = self.rows
        spans = zip(self._owners(), rows.asked, rows.wait, rows.hold, strict=True)
        for owner, asked, wait, hold in spans:
            if owner in last and asked < last[owner] - _EPSILON:
                found.add(owner)
            last[owner] = asked + wait + hold
        live = Counter(map(holder, self._live()))
        found.update(owner for owner, count in live.items() if count > 1)
        for claim in self._live():
            owner = holder(claim)
            if owner in last and claim[ASKED] < last[owner] - _EPSILON:
                found.add(owner)
        found.discard(0)  # Unknown owners are not one.
        return found

    def visits(self, owners: set[int]) -> defaultdict[int, list[Visit]]:
        """What these owners did, in the order of asking.

        Of several that were asked at one instant, what ended later was asked first.
        """
        found: defaultdict[int, list[Visit]] = defaultdict(list)
        if not owners:
            return found
        for visit in (*self._ended(owners), *self._lasting(owners)):
            found[visit.owner].append(visit)
        for visits in found.values():
            visits.sort()
        return found

    def _owners(self) -> Sequence[int]:
        owners = self.rows.owner
        if not self.moved:
            return owners
        keys = zip(owners, self.rows.asked, strict=True)
        return [self.moved.get(key, key[0]) for key in keys]

    def _live(self) -> Iterator[Claim]:
        yield from self.held
        yield from self.waiting

    def _ended(self, owners: set[int]) -> Iterator[Visit]:
        rows, count = self.rows, len(self.rows.asked)
        for place, owner in enumerate(self._owners()):
            if owner in owners:
                asked, wait = rows.asked[place], rows.wait[place]
                got = None if rows.outcome[place] else asked + wait
                end = asked + wait + rows.hold[place]
                yield Visit(asked, count - place, owner, rows.site[place], got, end)

    def _lasting(self, owners: set[int]) -> Iterator[Visit]:
        """What holds was asked before what has ended, what waits after it."""
        first = -len(self.held)
        behind = len(self.rows.asked) + 1
        for turn, claim in enumerate(self._live(), first):
            owner = holder(claim)
            if owner in owners:
                order = turn if turn < 0 else turn + behind
                yield Visit(claim[ASKED], order, owner, claim[SITE].index, claim[GOT], None)


def holder(claim: Claim) -> int:
    """The number of the one that uses the connection: not always the one that asked for it."""
    return user_of(claim).ident
