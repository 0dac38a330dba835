"""The wait-for graph: who holds a connection and waits for one that only others like it hold.

A pool is dead when it is full and each of its connections is held by somebody who waits for a dead
pool, or by nobody who could return it. What is left when everybody who can go on has gone on is the
knot (Coffman, Elphick and Shoshani, for resources of which there are several).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ..model.findings import Knot, Tie
from ..model.origin import CallSite
from ..model.snapshot import Checkout, Nesting, PoolSnapshot, Waiter
from .crossing import Held, by_holder
from .orphans import holder, orphaned_for
from .sentences import place, plural

#: Seconds that everybody in a knot has waited: pictures of two pools are not of one instant.
_SETTLED: Final = 0.5
_NAMED: Final = 3

Wait = tuple[PoolSnapshot, Waiter]


def find(pools: Mapping[str, PoolSnapshot]) -> tuple[Knot, ...]:
    """Every circular wait, one for each group of pools that it ties together."""
    queues = {name: pool for name, pool in pools.items() if pool.waiting}
    if not queues:
        return ()
    held = by_holder(pools)
    waits = _waits(queues, held)
    dead = set(queues)
    while True:
        still = {name for name in dead if _is_dead(queues[name], waits, dead)}
        if still == dead:
            break
        dead = still
    return tuple(_knot(group, pools, held, waits) for group in _groups(dead, held, waits))


def _waits(queues: Mapping[str, PoolSnapshot], held: Mapping[int, list[Held]]) -> dict[int, Wait]:
    """What those wait for who hold something, by the owner's number."""
    found: dict[int, Wait] = {}
    for pool in queues.values():
        for waiter in pool.waiting:
            for owner in (waiter.owner, *waiter.awaited_by):
                if owner.ident in held and waiter.waited_for >= _SETTLED:
                    found.setdefault(owner.ident, (pool, waiter))
    return found


def _is_dead(pool: PoolSnapshot, waits: Mapping[int, Wait], dead: set[str]) -> bool:
    out = [checkout for checkout in pool.open if not checkout.is_retired]
    if pool.max is None or len(out) < pool.max:
        return False
    stuck = [checkout for checkout in out if not _is_forgotten(pool, checkout)]
    return bool(stuck) and all(
        (wait := waits.get(holder(checkout).ident)) is not None and wait[0].name in dead
        for checkout in stuck
    )


def _is_forgotten(pool: PoolSnapshot, checkout: Checkout) -> bool:
    """Nobody is left to return it."""
    site = next((each for each in pool.call_sites if each.call_site == checkout.call_site), None)
    return checkout.is_unreferenced or orphaned_for(checkout, site) is not None


def _groups(
    dead: set[str], held: Mapping[int, list[Held]], waits: Mapping[int, Wait]
) -> Iterator[tuple[str, ...]]:
    """Dead pools that are tied together by somebody who holds one and waits for the other."""
    left = set(dead)
    while left:
        group = {min(left)}
        while True:
            more = {
                name
                for owner, (pool, _) in waits.items()
                for name in ({pool.name} | {each.name for each, _ in held[owner]}) & dead
                if ({pool.name} | {each.name for each, _ in held[owner]}) & group
            }
            if more <= group:
                break
            group |= more
        left -= group
        yield tuple(sorted(group))


def _knot(
    group: tuple[str, ...],
    pools: Mapping[str, PoolSnapshot],
    held: Mapping[int, list[Held]],
    waits: Mapping[int, Wait],
) -> Knot:
    ties: list[Tie] = []
    owners: set[int] = set()
    depth = 1
    for owner, (pool, waiter) in waits.items():
        mine = [(each, checkout) for each, checkout in held[owner] if each.name in group]
        if pool.name in group and mine:
            owners.add(owner)
            depth = max(depth, len(mine) + 1)
            ties += [_tie(each, checkout, pool, waiter) for each, checkout in mine]
    ties.sort(key=lambda tie: -tie.waited_for)
    out = [(pools[name], checkout) for name in group for checkout in pools[name].open]
    dead = sum(_is_forgotten(pool, checkout) for pool, checkout in out)
    seen = [each for name in group for each in pools[name].nestings]
    floor = floor_of(seen, len(owners), depth)
    return Knot(
        pools=group,
        ties=tuple(ties),
        sentence=_sentence(group, pools, ties, dead),
        owners=floor.owners,
        depth=floor.depth,
        floor=floor.slots if len(group) == 1 else None,
        dead=dead,
    )


def _tie(pool: PoolSnapshot, checkout: Checkout, other: PoolSnapshot, waiter: Waiter) -> Tie:
    return Tie(
        owner=holder(checkout),
        request=waiter.request or checkout.request,
        holds=pool.name,
        holds_at=checkout.call_site,
        held_for=checkout.held_for,
        waits=other.name,
        waits_at=waiter.call_site,
        waited_for=waiter.waited_for,
        connection=checkout.connection,
    )


def _sentence(
    group: tuple[str, ...], pools: Mapping[str, PoolSnapshot], ties: list[Tie], dead: int
) -> str:
    used = sum(pools[name].used for name in group)
    names = " and ".join(group)
    whose = "another one" if len(group) == 1 else "one of the others"
    whose = "one of the other" if len(group) == 2 else whose
    forgotten = f" or forgotten ({dead})" if dead else ""
    every = {1: "The only connection", 2: "Both connections"}
    connections = every.get(used, f"All {plural(used, 'connection')}")
    verb = "is held by a caller that waits" if used == 1 else "are held by callers that wait"
    return f"{connections} of {names} {verb} for {whose}{forgotten}: {_lines(ties)}."


def _lines(ties: list[Tie]) -> str:
    """`shop/orders.py:88 holds while shop/audit.py:20 waits`."""
    pairs: dict[tuple[CallSite, CallSite], None] = {
        (tie.holds_at, tie.waits_at): None for tie in ties
    }
    named = [f"{place(one)} holds while {place(other)} waits" for one, other in pairs]
    rest = len(named) - _NAMED
    more = [f"{plural(rest, 'more pair')} of lines"] if rest > 0 else []
    return ", ".join([*named[:_NAMED], *more])


def advice(knot: Knot) -> str:
    """What it takes to rule the knot out."""
    if knot.floor is None:
        return "Take the connections of both pools in the same order everywhere."
    want = f"callers that want {knot.depth} each" if knot.owners > 1 else _alone(knot.depth)
    return (
        f"{knot.owners} {want} at once need{'' if knot.owners > 1 else 's'} {knot.floor} "
        f"connections ({knot.owners} × ({knot.depth} - 1) + 1), or one that is handed on."
    )


def _alone(depth: int) -> str:
    return f"caller that wants {depth}"


class Floor(NamedTuple):
    """`slots` with which `owners` (Tn) that take `depth` (Cm) each cannot lock a pool up."""

    owners: int
    depth: int

    @property
    def slots(self) -> int:
        """HikariCP's formula."""
        return self.owners * (self.depth - 1) + 1

    def __str__(self) -> str:
        """`8 x (3 - 1) + 1 = 17`."""
        return f"{self.owners} x ({self.depth} - 1) + 1 = {self.slots}"


def floor_of(nestings: Sequence[Nesting], owners: int = 1, depth: int = 1) -> Floor:
    """From the highest that were seen on any lines: they may meet at the same moment."""
    return Floor(
        max([owners, *(each.owners for each in nestings)]),
        max([depth, *(each.depth for each in nestings)]),
    )


def hazard(pool: PoolSnapshot) -> tuple[str, ...]:
    """Whether the nested checkouts that were seen could lock a pool up."""
    if not pool.nestings or pool.max is None:
        return ()
    floor = floor_of(pool.nestings)
    each = " each" if floor.owners > 1 else ""
    many, slots = f"{plural(floor.owners, 'caller')} with {floor.depth}{each}", floor.slots
    if slots > pool.max:
        return (f"{many} can lock up a pool of {pool.max}: {slots} connections would rule it out",)
    return (f"{slots} connections are safe for {many}, and the pool has {pool.max}",)
