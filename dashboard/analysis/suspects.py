"""Which checkouts may be leaks: pure functions of snapshots."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..model.findings import CERTAINTIES, Suspect
from ..model.snapshot import CallSiteStats, Checkout, Lost, PoolSnapshot, Snapshot

#: Seconds after which a checkout is overdue while nothing better is known of its call site.
LEAK_AFTER: Final = 60.0
#: A call site's 95th percentile says something from so many checkouts on.
_ENOUGH: Final = 30


def find(snapshot: Snapshot, leak_after: float | None = None) -> list[Suspect]:
    """Suspects of all pools, the most certain first, then the longest held.

    `leak_after` in seconds: a checkout held for longer is `overdue`.
    """
    bound = LEAK_AFTER if leak_after is None else leak_after
    found = [each for pool in snapshot.pools.values() for each in of_pool(pool, bound)]
    return sorted(found, key=_rank)


def of_pool(pool: PoolSnapshot, bound: float) -> Iterator[Suspect]:
    """The suspects of one pool."""
    usual = {site.call_site: site for site in pool.call_sites}
    for checkout in pool.open:
        suspect = _overdue(pool, checkout, bound, usual.get(checkout.call_site))
        if suspect is not None:
            yield suspect
    for lost in pool.recently_lost:
        yield _lost(pool, lost, usual.get(lost.call_site))


def _overdue(
    pool: PoolSnapshot, checkout: Checkout, bound: float, site: CallSiteStats | None
) -> Suspect | None:
    bound = max(bound, checkout.expected_hold or 0.0)
    if checkout.held_for <= bound:
        return None
    usual = _usual(site)
    evidence = [f"held for {_span(checkout.held_for)}, longer than {_span(bound)}"]
    if usual is not None:
        evidence.append(f"this call site usually holds for {_span(usual)} (95th percentile)")
    if not checkout.owner.is_alive:
        evidence.append(f"its owner, {checkout.owner}, has ended")
    if checkout.is_unreferenced:
        evidence.append("nothing refers to the connection any more")
    is_probable = not checkout.owner.is_alive or (usual is not None and bound > 10 * usual)
    return Suspect(
        pool=pool.name,
        verdict="lost" if checkout.is_unreferenced else "overdue",
        certainty=_certainty(checkout, is_probable=is_probable),
        call_site=checkout.call_site,
        stack=checkout.stack,
        now=checkout.now,
        owner=checkout.owner,
        request=checkout.request,
        held_for=checkout.held_for,
        usual=usual,
        evidence=tuple(evidence),
        backend_pid=checkout.backend_pid,
        since=checkout.since,
    )


def _certainty(checkout: Checkout, *, is_probable: bool) -> str:
    if checkout.is_unreferenced:
        return "proven"
    return "probable" if is_probable else "possible"


def _lost(pool: PoolSnapshot, lost: Lost, site: CallSiteStats | None) -> Suspect:
    taken_back: datetime = lost.ended_at
    return Suspect(
        pool=pool.name,
        verdict="lost",
        certainty="proven",
        call_site=lost.call_site,
        stack=lost.stack,
        owner=lost.owner,
        request=lost.request,
        held_for=lost.held_for,
        usual=_usual(site),
        evidence=(
            f"nobody returned it: the garbage collector found it after {_span(lost.held_for)}",
            f"{pool.library} took the slot back by itself",
        ),
        backend_pid=lost.backend_pid,
        since=lost.since,
        ended_at=taken_back,
    )


def _usual(site: CallSiteStats | None) -> float | None:
    if site is None or site.use_time.count < _ENOUGH:
        return None
    return site.use_time.percentile(95)


def _rank(suspect: Suspect) -> tuple[bool, int, float]:
    return (
        suspect.ended_at is not None,
        CERTAINTIES.index(suspect.certainty),
        -suspect.held_for,
    )


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
