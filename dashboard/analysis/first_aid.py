"""What to do first about a finding, and the evidence of the moment when it was at its worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..model.findings import Crossing, Incident, Suspect
from ..model.origin import CallSite
from ..model.snapshot import Checkout, PoolSnapshot
from . import crossing
from .incidents import held, outcome
from .sentences import place, roughly
from .status import Finding, active, is_scarce

#: From this share of the holders on a line is the one to change.
_MOST: Final = 0.5
#: A line that spends less than this share of its holds in statements does other things meanwhile.
_BUSY: Final = 0.5
#: Seconds without a statement before a connection is called unused.
_QUIET: Final = 0.5
#: From this share of the maximum on, and from two, unused connections are worth a word.
_SHARE: Final = 0.2
_WHEN: Final = "When the first gave up, "
_LEAKS: Final = frozenset({"lost", "orphaned", "overdue", "ghost"})


def explained(
    finding: Finding,
    pools: Mapping[str, PoolSnapshot],
    suspects: Sequence[Suspect],
    incident: Incident | None = None,
) -> Finding:
    """The same with what to do; of a pool that times out, with who held when it ran out."""
    pool, mine = pools[finding.pool], active(suspects, finding.pool)
    worst = pool
    if "timing out" in finding.claim and incident is not None and incident.timeouts:
        worst, finding = incident.snapshot, _at_its_worst(finding, pool, incident)
    return replace(finding, remedy=_remedy(finding, pool, worst, mine, crossing.find(pools)))


def at_its_worst(finding: Finding) -> str:
    """The sentence on who held when the pool ran out; empty where none is told."""
    _, when, held_by_whom = finding.evidence.partition(_WHEN)
    return f"{when}{held_by_whom}"


def elsewhere(pools: Mapping[str, PoolSnapshot], limit: int) -> list[Finding]:
    """Pools of which many connections wait while their owners are at another pool."""
    unused: dict[tuple[str, CallSite, str], list[Crossing]] = {}
    for each in crossing.find(pools):
        if each.quiet_for >= _QUIET:
            key = (each.holds, each.holds_at, each.waits or each.holds_too)
            unused.setdefault(key, []).append(each)
    found = [
        _elsewhere(pool, str(site), other, there)
        for (pool, site, other), there in unused.items()
        if len(there) >= max(2.0, _SHARE * (pools[pool].max or 0))
    ]
    return found[:limit]


def _elsewhere(pool: str, site: str, other: str, there: Sequence[Crossing]) -> Finding:
    longest = roughly(max(each.quiet_for for each in there))
    return Finding(
        pool,
        "mute",
        f"{pool} has {len(there)} connections out that nobody uses.",
        f"Taken by {site}; their owners are at {other} meanwhile, for up to {longest}.",
        site,
        "holders",
        "See who holds them",
        f"Give the connection back before going to {other}.",
    )


def _at_its_worst(finding: Finding, pool: PoolSnapshot, incident: Incident) -> Finding:
    """What is so at this instant says little: the queue was emptied by giving up."""
    frozen = incident.snapshot
    ended = pool.last_timeout or incident.ended_at or incident.at
    seconds = (ended - incident.at).total_seconds()
    came = outcome(0, None, incident.timeouts, seconds, is_over=False)
    last = ""
    if pool.at is not None and pool.last_timeout is not None:
        ago = (pool.at - pool.last_timeout).total_seconds()
        last = f", the last one {'just now' if ago < 1 else f'{roughly(ago)} ago'}"
    evidence = f"{came}{last}. {_WHEN}{held(frozen)}."
    site = _worst(frozen)
    return replace(finding, evidence=evidence, call_site=str(site) if site else "")


def _worst(pool: PoolSnapshot) -> CallSite | None:
    """The line that holds most, if that is half of what is out."""
    out: list[Checkout] = [each for each in pool.open if not each.is_retired]
    sites = Counter(each.call_site for each in out)
    if not sites:
        return None
    site, count = sites.most_common(1)[0]
    return site if count >= _MOST * len(out) else None


def _remedy(
    finding: Finding,
    pool: PoolSnapshot,
    worst: PoolSnapshot,
    mine: Sequence[Suspect],
    crossings: Sequence[Crossing],
) -> str:
    if "cannot connect" in finding.claim:
        return f"Check that {pool.address or 'the server'} runs and lets this process in."
    if pool.blocked_by is not None:
        return "Move that work off the event loop, with asyncio.to_thread() for example."
    tied = next((each for each in mine if each.verdict == "deadlocked"), None)
    site = tied.call_site if tied is not None else _worst(worst)
    leak = next((each for each in mine if each.verdict in _LEAKS), None)
    if leak is not None and not _nested(pool, site):
        return _returned(leak)
    if worst.pending_requests and worst.max is not None and not is_scarce(worst):
        return "Slots are free: they wait for a connect or a ping. Look at the connect time."
    if "holds connections" in finding.claim and mine:
        site = mine[0].call_site
    if site is None:
        return "No line holds most of them: see in the pool what another size would change."
    return _of_line(pool, site, crossings)


def _of_line(pool: PoolSnapshot, site: CallSite, crossings: Sequence[Crossing]) -> str:
    if nested := _nested(pool, site):
        return nested
    other = next((c for c in crossings if c.holds == pool.name and c.holds_at == site), None)
    if other is not None:
        return f"Give the connection back before going to {other.waits or other.holds_too}."
    return _shorter(pool, site)


def _nested(pool: PoolSnapshot, site: CallSite | None) -> str:
    for each in pool.nestings:
        if each.outer == site:
            return (
                f"Pass the connection of {each.outer.function} down to {each.inner.function} "
                f"({place(each.inner)}) instead of asking for a second one."
            )
    return ""


def _returned(leak: Suspect) -> str:
    return (
        f"Use a “with” block at {place(leak.call_site)}, so that it comes back after an error "
        "too; a restart frees the slots meanwhile."
    )


def _shorter(pool: PoolSnapshot, site: CallSite) -> str:
    stats = next((each for each in pool.call_sites if each.call_site == site), None)
    if stats is not None and pool.sees_statements and stats.total_hold:
        share = stats.busy_time / stats.total_hold
        if share < _BUSY:
            return (
                f"{site.function} is in statements for {share * 100:.0f} % of its hold: give the "
                "connection back before the rest."
            )
        return (
            f"Its statements take the time: make those of {site.function} faster, let fewer run "
            "at once, or give them a pool of their own."
        )
    return (
        f"Let {site.function} hold for less, let fewer run at once, or give it a pool of its own."
    )
