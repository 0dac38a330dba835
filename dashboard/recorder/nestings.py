"""Owners that held a connection and asked for one more of the same pool.

Found when somebody looks, so that a checkout pays nothing for it: in what waits and holds, and in
the rows that were added to the trace since the last look. Each request is counted once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from typing import Final, NamedTuple

from ..model.claim import CONNECTION, Claim
from .batch import Batch
from .flows import Key, Scene, Visit, holder

#: Pairs of call sites that are kept, and requests that somebody else held.
_MOST: Final = 256
_MOST_MOVED: Final = 2048
Pair = tuple[int, int]


class Found(NamedTuple):
    """A request whose owner held `outer` (its latest), `depth` connections with this one."""

    outer: Visit
    inner: Visit
    depth: int

    @property
    def pair(self) -> Pair:
        """The call sites."""
        return self.outer.site, self.inner.site


class Tally:
    """What is known of a pair of call sites."""

    __slots__ = ("count", "depth", "owners")

    def __init__(self) -> None:
        """Nothing yet."""
        self.count = self.depth = 0
        self.owners = 1

    def add(self, count: int, depth: int) -> None:
        """Some more."""
        self.count += count
        self.depth = max(self.depth, depth)


class Nestings:
    """Those of one pool, by the indexes of the call site that held and of the one that asked."""

    def __init__(self) -> None:
        """Nothing was looked at."""
        self.tallies: dict[Pair, Tally] = {}
        #: Rows of the trace that were looked at, since the watch began.
        self.seen = 0
        #: Who really held, of requests whose owner did not; 0 for those that nobody gave back.
        self.moved: dict[Key, int] = {}
        #: Requests that are counted and have not ended.
        self._counted: Counter[Key] = Counter()
        #: What holds while its owner asked for more; how many of these have ended by now. They
        #: count when it comes back itself: within a leak whatever the owner does looks nested.
        self._outer: dict[Key, dict[Pair, Tally]] = {}

    def note(self, batch: Batch, written: int) -> None:
        """Who held what the batch returned; to be called when it had statements or losses.

        `written` rows were in the trace before it: these are given up when there is too much to
        remember.
        """
        if len(self.moved) > _MOST_MOVED:
            self.moved.clear()
            self.seen = written
        columns = zip(batch.owners, batch.uses, batch.reasons, batch.asks, strict=True)
        for owner, use, reason, asked in columns:
            if reason is not None:
                self.moved[owner.ident, asked] = 0
            elif use is not None and use.user is not None and use.user.ident != owner.ident:
                self.moved[owner.ident, asked] = use.user.ident

    def look(self, scene: Scene) -> None:
        """Count what is nested in it; 0.1 µs for each row, 4 µs where owners nest."""
        owners = scene.overlapping()
        known = self._outer
        holders = {owner for owner, _ in known}
        visits = scene.visits(owners | holders)
        outer = [visit for owner in holders for visit in visits[owner] if visit.key in known]
        found = [each for owner in owners for each in nested(visits[owner])]
        self._settle(outer)
        self._count(found)
        self._note_owners(found, [(visit, known[visit.key]) for visit in outer])
        self.moved.clear()

    def _settle(self, outer: Iterable[Visit]) -> None:
        """What came back was no leak: what was nested in it counts."""
        known, self._outer = self._outer, {}
        for visit in outer:
            if visit.end is None:
                self._outer[visit.key] = known[visit.key]
                continue
            for pair, later in known[visit.key].items():
                self._add(pair, later.count, later.depth)

    def _count(self, found: Iterable[Found]) -> None:
        counted, self._counted = self._counted, Counter()
        for each in found:
            outer, inner, depth = each
            if inner.end is None:
                self._counted[inner.key] += 1
            is_new = not (counted and counted[inner.key])
            if not is_new:
                counted[inner.key] -= 1
            later = self._later(each) if outer.end is None else None
            if later is None or inner.end is None:
                self._add(each.pair, is_new, depth)
            elif is_new:
                later.add(1, depth)

    def _later(self, found: Found) -> Tally:
        """What counts when the outer one is back."""
        return self._outer.setdefault(found.outer.key, {}).setdefault(found.pair, Tally())

    def _add(self, pair: Pair, count: int, depth: int) -> None:
        tally = self.tallies.get(pair)
        if tally is None and count and len(self.tallies) < _MOST:
            tally = self.tallies[pair] = Tally()
        if tally is not None:
            tally.add(count, depth)

    def _note_owners(
        self, found: Iterable[Found], known: Iterable[tuple[Visit, Iterable[Pair]]]
    ) -> None:
        """How many owners were at it at once: each for as long as it held what it held first."""
        outer: defaultdict[Pair, dict[Key, Visit]] = defaultdict(dict)
        for visit, pairs in known:
            for pair in pairs:
                outer[pair][visit.key] = visit
        for each in found:
            outer[each.pair][each.outer.key] = each.outer
        for pair, visits in outer.items():
            tally = self.tallies.get(pair)
            if tally is not None:
                tally.owners = max(tally.owners, at_once(visits.values()))

    @property
    def memory(self) -> int:
        """Bytes, estimated."""
        return 200 * (len(self.moved) + len(self.tallies) + len(self._outer))

    def by_inner(self) -> Counter[int]:
        """How many requests of each call site were nested."""
        counts: Counter[int] = Counter()
        for (_, inner), tally in list(self.tallies.items()):
            counts[inner] += tally.count
        return counts


def nested(visits: Sequence[Visit]) -> list[Found]:
    """The nested ones among the visits of one owner, which are in the order of asking."""
    found: list[Found] = []
    holding: list[Visit] = []
    for visit in visits:
        if holding:
            holding = [each for each in holding if each.is_held_at(visit.asked)]
        if holding:
            found.append(Found(holding[-1], visit, len(holding) + 1))
        if visit.got is not None:
            holding.append(visit)
    return found


def at_once(visits: Iterable[Visit]) -> int:
    """The highest number of owners that held one of these at the same time."""
    changes: list[tuple[float, int, int]] = []
    for _, _, owner, _, got, end in visits:
        if got is not None and end != got:
            changes += (got, 1, owner), (inf if end is None else end, 0, owner)
    changes.sort()
    inside: Counter[int] = Counter()
    most = 0
    for _, begins, owner in changes:
        if begins:
            inside[owner] += 1
            most = max(most, len(inside))
        elif inside[owner] > 1:
            inside[owner] -= 1
        else:
            del inside[owner]
    return most


def beside(held: Iterable[Claim]) -> dict[int, tuple[int, ...]]:
    """Numbers of the connections that one holds who has several, by its number."""
    by_holder: defaultdict[int, list[int]] = defaultdict(list)
    for claim in held:
        by_holder[holder(claim)].append(claim[CONNECTION].number)
    return {
        owner: tuple(sorted(numbers))
        for owner, numbers in by_holder.items()
        if owner and len(numbers) > 1
    }
