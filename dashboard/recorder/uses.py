"""What the holders of a batch did with their connections: statements, and the quiet between."""

from collections.abc import Callable
from typing import Final

from ..model.claim import LiveOwner, Use
from ..model.distribution import buckets_of
from .batch import Batch
from .callsites import CallSites, Uses

#: What a line does is a habit: after so many checkouts only as many of a batch are asked who had
#: the connection last.
_HABIT: Final = 64
_ASKED: Final = 16


def enter(batch: Batch, sites: CallSites, clock: Callable[[], float]) -> None:
    """Add a batch to the statistics of its sites; half a microsecond for each with a statement.

    Only what ran a statement, or was lost, is looked at: the quiet time of the others is their
    hold. A leak is no example of what is usual, so that what was lost has no quiet time at all.
    `clock` is that of the claims.
    """
    columns = zip(
        batch.indexes,
        batch.uses,
        batch.reasons,
        batch.gots,
        batch.ends,
        batch.owners,
        strict=True,
    )
    found = [each for each in columns if each[1] is not None or each[2] is not None]
    holds = buckets_of([end - got for _, _, _, got, end, _ in found])
    quiet = buckets_of([use.quiet_until(end) if use else 0.0 for _, use, _, _, end, _ in found])
    known: dict[int, Uses] = {}
    left = _ASKED
    for (site, use, reason, _, end, owner), hold, longest in zip(found, holds, quiet, strict=True):
        uses = known.get(site)
        if uses is None:
            uses = known[site] = _of(sites, site)
        uses.holds[hold] += 1
        if reason is None:
            uses.quiet[longest] += 1
        if use is not None:
            uses.statements += use.statements
            uses.busy += use.busy if use.began is None else use.busy_until(end)
            if reason is None and (left or uses.looked < _HABIT):
                left -= left > 0
                uses.looked += 1
                uses.handed_on += _was_handed_on(owner, use, end, clock)


def _was_handed_on(owner: LiveOwner, use: Use, end: float, clock: Callable[[], float]) -> bool:
    """Who can only hand on is not asked: the first that uses the connection is its owner."""
    if owner.is_carrier:
        return False
    if use.user is not None and use.user.ident != owner.ident:
        return True
    ended = owner.ended_at(clock)
    return ended is not None and ended < end


def _of(sites: CallSites, site: int) -> Uses:
    tally = sites.of(site)
    if tally.uses is None:
        tally.uses = Uses()
    return tally.uses
