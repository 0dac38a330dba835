"""The size that a pool needs: predicted, and held back where a larger one would not help."""

from collections.abc import Callable
from math import ceil, inf
from typing import Final

from ...model.whatif import Change, Row
from .. import budget, gates
from ..case import Case
from ..lab import Lab
from ..sentences import span
from ..sizing import staffing
from ..words import between, number
from .rule import BEYOND, Found

#: The wait that is good enough: seconds, or a share of the median hold.
TARGET: Final = 0.010
_SHARE: Final = 0.10


def target(case: Case) -> float:
    """The p95 wait that a pool should keep to."""
    holds = case.pool.lifetime.get("use_time", case.pool.use_time)
    return max(TARGET, _SHARE * (holds.percentile(50) or 0.0))


def may_wait(case: Case) -> bool:
    """Cheap: whether the histograms show waits above the target, or anybody gave up."""
    waits = (case.pool.wait_time, case.pool.lifetime.get("wait_time", case.pool.wait_time))
    slow = max((each.percentile(95) or 0.0 for each in waits), default=0.0)
    return slow > 0.9 * target(case) or case.pool.timeouts > 0


def enlarged(
    case: Case, lab: Lab, title: str, evidence: tuple[str, ...], severity: str = "warning"
) -> Found | None:
    """The least size that keeps to the target; held back by the gates."""
    held_back = gates.enlarging(case)
    if held_back:
        is_early = held_back.startswith("collecting")
        return Found(
            title=title,
            severity="info" if is_early else severity,
            evidence=evidence,
            effect="",
            confidence="low",
            held_back=held_back,
        )
    if lab.slowdown.verdict == "unknown":
        return _experiment(case, lab, title, evidence, severity)
    chosen = _least(lab, lambda row: _upper(row) <= target(case))
    if chosen is None:
        return None
    held_back = gates.room(case, chosen.size + chosen.overflow)
    return Found(
        title=title,
        severity=severity,
        evidence=evidence,
        settings=None if held_back else resized(case, chosen.size),
        reasons=(f"predicted {_predicted(case, lab, chosen)}",),
        effect=_predicted(case, lab, chosen),
        confidence=_confidence(lab, chosen),
        unknown=BEYOND.format(most=lab.most_held),
        held_back=held_back,
        benefit=max(0.0, lab.wait(95) - (_upper(chosen) if chosen.p95 is None else chosen.p95)),
        is_replayed=True,
    )


def _sizes(lab: Lab) -> list[int]:
    """The present size and larger ones, not too many."""
    size = lab.demand.size or 1
    start = staffing(lab.offered_peak) - max(0, lab.demand.overflow)
    wanted = {size, size + 1, size + 2, ceil(1.3 * size), ceil(1.6 * size), 2 * size}
    wanted |= {3 * size, *(max(size, ceil(factor * start)) for factor in (1, 1.25, 1.6, 2.2, 3))}
    return sorted(wanted)


def _least(lab: Lab, is_good: Callable[[Row], bool]) -> Row | None:
    """The smallest size above the present one that is good; the larger the better."""
    present = lab.demand.size or 1
    rows = [row for row in lab.predict(_sizes(lab)).rows if row.size > present]
    chosen = next((row for row in rows if is_good(row)), None)
    if chosen is None:
        return None
    below = max((row.size for row in rows if row.size < chosen.size), default=present)
    while chosen.size - below > 1:
        row = lab.predict([(below + chosen.size) // 2]).rows[0]
        if is_good(row):
            chosen = row
        else:
            below = row.size
    return chosen


def _lower(row: Row) -> float:
    return inf if row.range is None else row.range[0]


def _upper(row: Row) -> float:
    return inf if row.range is None else row.range[1]


def _experiment(
    case: Case, lab: Lab, title: str, evidence: tuple[str, ...], severity: str
) -> Found | None:
    """The trace cannot tell; the least size that would do if the server does not slow down."""
    hopeful = _least(lab, lambda row: _lower(row) <= target(case))
    if hopeful is None:
        return None
    held_back = gates.room(case, hopeful.size + hopeful.overflow)
    told = f"p95 wait {span(lab.wait(95))} -> {between(_lower(hopeful), _upper(hopeful))}"
    is_full = lab.slowdown.always_full
    why = "was full all the time" if is_full else "is as full at quiet times as at busy ones"
    return Found(
        title=title,
        severity=severity,
        evidence=(
            *evidence,
            f"The pool {why}, so the trace cannot tell whether the server would slow down.",
        ),
        settings=None if held_back else resized(case, hopeful.size),
        reasons=(
            f"an experiment: {told}, depending on",
            "whether the server slows down; 10 minutes at this size will tell",
        ),
        effect=f"{told}, depending on whether the server slows down. Try it for 10 minutes.",
        confidence="low",
        unknown=BEYOND.format(most=lab.most_held),
        held_back=held_back,
        benefit=max(0.0, lab.wait(95) - _lower(hopeful)),
        is_replayed=True,
    )


def _confidence(lab: Lab, row: Row) -> str:
    is_flat = lab.slowdown.verdict == "flat" and row.grade in {"A", "B"}
    is_told = lab.predict([row.size]).mode != "unknown"
    return "medium" if is_flat and is_told and lab.rows.imputed_share <= 0.05 else "low"


def resized(case: Case, size: int) -> dict[str, tuple[object, object]]:
    """The option that sets the size, as it is and as it should be."""
    option = {"asyncpg": "max_size", "aiohttp": "limit"}.get(case.pool.library, "pool_size")
    return {option: (case.pool.size, size)}


def _predicted(case: Case, lab: Lab, row: Row) -> str:
    """Such as `p95 wait 48 ms -> 3 ms (90% CI 1..9 ms), timeouts 31/h -> 0, …`."""
    parts = [f"p95 wait {span(lab.wait(95))} -> {_point(row)}"]
    if lab.timeouts and row.timeouts is not None:
        hourly = 3600 / lab.duration
        parts.append(
            f"timeouts {number(round(len(lab.timeouts) * hourly))}/h -> "
            f"{number(round(row.timeouts * hourly))}"
        )
    found = budget.for_pool(case.pool, case.pools, case.server)
    if found is not None and found.usable is not None and found.wanted is not None:
        more = (row.size - (lab.demand.size or 0)) * case.server.workers
        parts.append(
            f"server connections {found.wanted} -> {found.wanted + more} of {found.usable} usable"
        )
    return ", ".join(parts)


def _point(row: Row) -> str:
    low, high = row.range or (0.0, 0.0)
    if row.p95 is None:
        return between(low, high)
    return f"{span(row.p95)} (90% CI {between(low, high)})"


def predicted_change(case: Case, change: Change) -> str:
    """What a change of the holds would do at the present size; empty while nobody can tell."""
    lab = case.lab
    if lab is None or lab.demand.size is None or not may_wait(case) or gates.data(case):
        return ""
    rows = lab.predict([lab.demand.size], change).rows
    if not rows or rows[0].range is None:
        return ""
    return f"p95 wait {span(lab.wait(95))} -> {_point(rows[0])}"
