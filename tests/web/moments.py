"""Incidents as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboard.analysis.incidents import holders, opening, outcome
from dashboard.model.events import PoolEvent
from dashboard.model.findings import Brief, Incident, Suspect
from dashboard.model.snapshot import LoopLag, PoolSnapshot


def incident(
    pool: PoolSnapshot,
    at: datetime,
    *,
    timeouts: int = 23,
    lasted: float | None = 40.0,
    suspects: Sequence[Suspect] = (),
    events: Sequence[PoolEvent] = (),
    loops: Sequence[LoopLag] = (),
) -> Incident:
    """Of a pool as it was then; `lasted` None goes on."""
    came = outcome(
        pool.pending_requests,
        pool.oldest_wait,
        timeouts,
        lasted or 0.0,
        is_over=lasted is not None,
    )
    return Incident(
        id=f"{'orders' if '/' in pool.name else pool.name[:30]}-{at:%Y%m%d-%H%M%S}",
        pool=pool.name,
        at=at,
        cause="timeout" if timeouts else "exhausted",
        snapshot=pool,
        sentence=f"{opening(pool, at.astimezone(), loops, None)}; {came}.",
        timeouts=timeouts,
        ended_at=None if lasted is None else at + timedelta(seconds=lasted),
        suspects=tuple(suspects),
        events=tuple(events),
        loop_lag=max((each.lag for each in loops), default=None),
        loops=tuple(loops),
    )


def brief_of(given: Incident) -> Brief:
    """As a list has it."""
    return Brief(
        id=given.id,
        pool=given.pool,
        at=given.at,
        cause=given.cause,
        sentence=given.sentence,
        holders=holders(given.snapshot),
        timeouts=given.timeouts,
        ended_at=given.ended_at,
    )
