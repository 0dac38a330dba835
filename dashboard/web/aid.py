"""What to look at first, and what to do about it: findings with their incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..analysis import first_aid
from ..analysis.incidents import recent
from ..analysis.status import Finding, findings
from ..model.findings import Brief, Suspect
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot, Snapshot


def latest(briefs: Sequence[Brief], now: datetime) -> dict[str, Brief]:
    """The latest incident of the last hour, by pool."""
    return {brief.pool: brief for brief in reversed(recent(briefs, now))}


def explained(
    finding: Finding,
    reading: Reading,
    pools: Mapping[str, PoolSnapshot],
    suspects: Sequence[Suspect],
    brief: Brief | None,
) -> Finding:
    """With what to do, and with who held when its pool ran out."""
    incident = reading.incident(brief.id) if brief is not None else None
    return first_aid.explained(finding, pools, suspects, incident)


def finding_of(
    reading: Reading, name: str, suspects: Sequence[Suspect], now: datetime
) -> Finding | None:
    """What is to be said of one pool, None when all is well."""
    snapshot = reading.snapshot()
    pool = snapshot.pools.get(name)
    if pool is None:
        return None
    alone = Snapshot(at=snapshot.at, source=snapshot.source, pools={name: pool})
    found = findings(alone, suspects)
    if found:
        brief = latest(reading.briefs(), now).get(name)
        return explained(found[0], reading, snapshot.pools, suspects, brief)
    others = first_aid.elsewhere(snapshot.pools, len(snapshot.pools))
    return next((each for each in others if each.pool == name), None)
