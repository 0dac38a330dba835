"""One owner, several pools: a connection that is held while its owner waits for another pool."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model.findings import Crossing
from ..model.origin import Owner
from ..model.snapshot import Checkout, PoolSnapshot, Waiter
from .orphans import holder
from .sentences import place, span

#: Seconds below which nobody needs to know.
_SHORT = 0.05

Held = tuple[PoolSnapshot, Checkout]


def find(pools: Mapping[str, PoolSnapshot]) -> tuple[Crossing, ...]:
    """Every owner with a connection of one pool and a place in another, the quietest first."""
    if len(pools) < 2:
        return ()
    held = by_holder(pools)
    found = [*_waiting(pools, held), *_holding(held), *_children(held)]
    # Several of its children may be there: the last of one key is kept.
    found.sort(key=lambda each: each.other_for)
    unique = {(each.holds, each.connection, each.waits, each.holds_too): each for each in found}
    return tuple(sorted(unique.values(), key=lambda each: each.quiet_for, reverse=True))


def by_holder(pools: Mapping[str, PoolSnapshot]) -> dict[int, list[Held]]:
    """What everybody holds, by the owner's number, the longest first; 0 stands for nobody."""
    held: defaultdict[int, list[Held]] = defaultdict(list)
    for pool in pools.values():
        for checkout in pool.open:
            held[holder(checkout).ident].append((pool, checkout))
    held.pop(0, None)
    return held


def _waiting(
    pools: Mapping[str, PoolSnapshot], held: Mapping[int, list[Held]]
) -> Iterator[Crossing]:
    for pool in pools.values():
        for waiter in pool.waiting:
            if waiter.waited_for < _SHORT:
                continue
            for owner in (waiter.owner, *waiter.awaited_by):
                for other, checkout in held.get(owner.ident, ()):
                    if other.name != pool.name:
                        yield _to_waiting(other, checkout, pool, waiter)


def _holding(held: Mapping[int, list[Held]]) -> Iterator[Crossing]:
    """The longer hold is the one that waits: its owner went on to the other pool."""
    for each in held.values():
        if len(each) < 2:
            continue
        ordered = sorted(each, key=lambda pair: pair[1].held_for, reverse=True)
        pool, first = ordered[0]
        for other, second in ordered[1:]:
            if other.name != pool.name and second.held_for >= _SHORT:
                yield _to_holding(pool, first, other, second)
                break


def _children(held: Mapping[int, list[Held]]) -> Iterator[Crossing]:
    """What those hold for whom a holder waits."""
    for other, second in (each for everything in held.values() for each in everything):
        for owner in second.awaited_by:
            for pool, first in held.get(owner.ident, ()):
                if pool.name != other.name:
                    yield _to_holding(pool, first, other, second)


def _to_waiting(
    pool: PoolSnapshot, checkout: Checkout, other: PoolSnapshot, waiter: Waiter
) -> Crossing:
    then = (
        f"and has waited for one of {other.name} ({place(waiter.call_site)}) "
        f"for {span(waiter.waited_for)}"
    )
    return Crossing(
        owner=holder(checkout),
        request=waiter.request or checkout.request,
        holds=pool.name,
        holds_at=checkout.call_site,
        connection=checkout.connection,
        held_for=checkout.held_for,
        quiet_for=checkout.quiet_for,
        waits=other.name,
        other_at=waiter.call_site,
        other_for=waiter.waited_for,
        sentence=f"{_holds(holder(checkout), pool, checkout)} {then}",
    )


def _to_holding(
    pool: PoolSnapshot, first: Checkout, other: PoolSnapshot, second: Checkout
) -> Crossing:
    then = f"and has worked with one of {other.name} ({place(second.call_site)})"
    return Crossing(
        owner=holder(first),
        request=first.request or second.request,
        holds=pool.name,
        holds_at=first.call_site,
        connection=first.connection,
        held_for=first.held_for,
        quiet_for=first.quiet_for,
        holds_too=other.name,
        other_at=second.call_site,
        other_for=second.held_for,
        sentence=f"{_holds(holder(first), pool, first)} {then} for {span(second.held_for)}",
    )


def _holds(owner: Owner, pool: PoolSnapshot, checkout: Checkout) -> str:
    return (
        f"{owner} holds a connection of {pool.name} ({place(checkout.call_site)}), "
        f"quiet for {span(checkout.quiet_for)},"
    )
