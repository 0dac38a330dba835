"""What the holders of a batch did with their connections: statements, and the quiet between."""

from ..model.distribution import buckets_of
from .batch import Batch
from .callsites import CallSites, Uses


def enter(batch: Batch, sites: CallSites) -> None:
    """Add a batch to the statistics of its sites; half a microsecond for each with a statement.

    Only what ran a statement, or was lost, is looked at: the quiet time of the others is their
    hold. A leak is no example of what is usual, so that what was lost has no quiet time at all.
    """
    columns = zip(batch.indexes, batch.uses, batch.reasons, batch.gots, batch.ends, strict=True)
    found = [each for each in columns if each[1] is not None or each[2] is not None]
    holds = buckets_of([end - got for _, _, _, got, end in found])
    quiet = buckets_of([use.quiet_until(end) if use else 0.0 for _, use, _, _, end in found])
    known: dict[int, Uses] = {}
    for (site, use, reason, _, end), hold, longest in zip(found, holds, quiet, strict=True):
        uses = known.get(site)
        if uses is None:
            uses = known[site] = _of(sites, site)
        uses.holds[hold] += 1
        if reason is None:
            uses.quiet[longest] += 1
        if use is not None:
            uses.statements += use.statements
            uses.busy += use.busy if use.began is None else use.busy_until(end)


def _of(sites: CallSites, site: int) -> Uses:
    tally = sites.of(site)
    if tally.uses is None:
        tally.uses = Uses()
    return tally.uses
