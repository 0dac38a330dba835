"""Who uses a pool: call sites by the connection time that each took."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..model.claim import GOT, SITE, Claim, Frame
from ..model.distribution import Distribution
from ..model.snapshot import CallSiteStats
from .callsites import SiteTally
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
    return tuple(
        _stats(sites[index], tallies.get(index), count_held[index], totals[index], everything)
        for index in sorted(totals, key=totals.__getitem__, reverse=True)
    )


def _stats(
    site: Frame, tally: SiteTally | None, held: int, total: float, everything: float
) -> CallSiteStats:
    tally = tally or SiteTally()
    use = Distribution(dict(tally.use))
    return CallSiteStats(
        call_site=call_site(site),
        stack=stack(site),
        checkouts=use.count + held,
        open=held,
        failures=tally.failures,
        lost=tally.lost,
        share=total / everything,
        total_hold=total,
        use_time=use,
        wait_time=Distribution(dict(tally.wait)),
    )
