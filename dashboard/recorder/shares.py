"""Who uses a pool: call sites by the connection time that each took, and those that nest."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..model.claim import GOT, SITE, Claim, Frame
from ..model.distribution import Distribution
from ..model.snapshot import CallSiteStats, Nesting
from .callsites import SiteTally, Uses
from .plain import call_site, stack
from .pool import PoolRecord


def call_sites(
    record: PoolRecord, held: Sequence[Claim], now: float, sites: Mapping[int, Frame]
) -> tuple[CallSiteStats, ...]:
    """The largest share first; what is out at the moment is included."""
    count_held: Counter[int] = Counter()
    totals: dict[int, float] = {}
    tallies = dict(record.sites.tallies)
    for claim in held:
        index = claim[SITE].index
        count_held[index] += 1
        totals[index] = totals.get(index, 0.0) + now - claim[GOT]
    for index, tally in tallies.items():
        totals[index] = totals.get(index, 0.0) + Distribution(tally.use).total
    everything = sum(totals.values()) or 1.0
    nested = record.nestings.by_inner()
    return tuple(
        _stats(
            sites[index],
            tallies.get(index),
            held=count_held[index],
            total=totals[index],
            share=totals[index] / everything,
            nested=nested[index],
        )
        for index in sorted(totals, key=totals.__getitem__, reverse=True)
    )


def _stats(
    site: Frame, tally: SiteTally | None, *, held: int, total: float, share: float, nested: int
) -> CallSiteStats:
    tally = tally or SiteTally()
    use, uses = Distribution(dict(tally.use)), tally.uses or Uses()
    return CallSiteStats(
        call_site=call_site(site),
        stack=stack(site),
        checkouts=use.count + held,
        open=held,
        failures=tally.failures,
        lost=tally.lost,
        share=share,
        total_hold=total,
        use_time=use,
        wait_time=Distribution(dict(tally.wait)),
        quiet_time=Distribution(tally.quiet_time()),
        statements=uses.statements,
        busy_time=uses.busy,
        came_back=tally.came_back,
        nested=nested,
        handed_on=uses.handed_on / uses.looked if uses.looked else 0.0,
    )


def nestings(record: PoolRecord, sites: Mapping[int, Frame]) -> tuple[Nesting, ...]:
    """Who asked for one more while holding one; the most frequent first."""
    found = [
        Nesting(
            outer=call_site(sites[outer]),
            inner=call_site(sites[inner]),
            count=tally.count,
            depth=tally.depth,
            owners=tally.owners,
        )
        for (outer, inner), tally in list(record.nestings.tallies.items())
    ]
    return tuple(sorted(found, key=lambda each: -each.count))
