"""What another size of a pool would have answered to the recorded requests.

How it is done and how far it can be trusted: `replay` (the queue), `imputing` (requests that
left), `chains` (callers that come again), `slowdown` (holds that depend on the size),
`bootstrap` (ranges).
"""

from collections.abc import Sequence
from typing import Final

from ..model.whatif import NO_CHANGE, Change, Demand, Prediction, Row
from . import explaining, sizing
from .demand import rows_of
from .measuring import Measured, percentile
from .rows import Tail, row_of
from .scene import Scene, set_up
from .slowdown import judge

#: The recorded and the replayed p95 may differ by this share, or these seconds.
_OFF: Final = 0.3
_OFF_SECONDS: Final = 0.005


def predict(
    demand: Demand,
    sizes: Sequence[int] | None = None,
    change: Change = NO_CHANGE,
    seed: int = 0,
) -> Prediction:
    """Rows by size, about twelve when none are named; no row while there is too little data.

    The same demand and seed give the same prediction. 100,000 requests cost about 0.4 s of CPU;
    twice that where many left, four times with callers that come again.
    """
    if sizes is not None and any(size < 1 for size in sizes):
        raise ValueError(f"sizes begin at 1, not {min(sizes)}")
    if len(demand.asked) < sizing.LEAST or demand.duration < sizing.LEAST_SECONDS:
        return _nothing(demand)
    record = set_up(demand, NO_CHANGE, seed)
    scene = record if change == NO_CHANGE else set_up(demand, change, seed)
    if record is None or scene is None:
        return _nothing(demand)
    record.found = scene.found = judge(record.rows, demand.capacity)
    present = None
    if demand.capacity is None or demand.capacity > 0:
        present = record.measured(record.loads[0], demand.capacity)
    note = _check(record, present)
    scene.grade = sizing.worst(scene.grade, record.grade)
    tail = Tail(scene)
    chosen = sizes if sizes is not None else _candidates(scene)
    rows = tuple(row_of(scene, size, tail) for size in sorted(set(chosen)))
    return _prediction(scene, rows, present, note)


def _nothing(demand: Demand) -> Prediction:
    rows = rows_of(demand)
    text = explaining.collecting(len(rows), demand.duration, None)
    if len(rows) >= sizing.LEAST and demand.duration >= sizing.LEAST_SECONDS:
        text = "No checkout of this window has ended, so nothing is known about holds."
    return Prediction(rows=(), grade="D", banner=(text,), collected=len(rows))


def _check(record: Scene, present: Measured | None) -> str:
    """Replay the present size against the record; a replay that cannot tell that is graded C."""
    if present is None:
        return ""
    waits = sorted(record.rows.wait)
    recorded, replayed = percentile(waits, len(waits), 95.0), present.points[95.0]
    if abs(recorded - replayed) > max(_OFF * recorded, _OFF_SECONDS):
        record.grade = sizing.worst(record.grade, "C")
    return explaining.checked(recorded, replayed)


def _candidates(scene: Scene) -> list[int]:
    demand = scene.demand
    size = None if demand.capacity is None else demand.size
    peak = max(load.peak for load in scene.loads)
    return sizing.candidates(scene.offered, peak, size, scene.overflow, demand.lost)


def _prediction(
    scene: Scene, rows: tuple[Row, ...], present: Measured | None, note: str
) -> Prediction:
    demand, count = scene.demand, len(scene.rows)
    bursts = present.bursts if present is not None else 0
    is_calm = present is not None and present.waited_share == 0
    is_short = count < sizing.ENOUGH or (not is_calm and bursts < sizing.ENOUGH_BURSTS)
    known = None if is_calm else bursts
    banner = (
        explaining.collecting(count, demand.duration, known) if is_short else "",
        explaining.imputed(scene.rows),
        explaining.untold(scene.found),
        "Nobody waited in this window: a busier hour may tell more." if is_calm else "",
        explaining.lost(demand.lost),
    )
    told = explaining.sentences(scene, note)
    return Prediction(
        rows=rows,
        grade=_grade(scene, rows),
        banner=explaining.not_empty(banner),
        sentences=told,
        collected=count,
        bursts=bursts,
        checkouts_needed=sizing.ENOUGH,
        bursts_needed=sizing.ENOUGH_BURSTS,
        offered_load=scene.offered,
        imputed_share=scene.rows.imputed_share,
        mode=scene.mode,
    )


def _grade(scene: Scene, rows: Sequence[Row]) -> str:
    """That of most of the rows that say something about waits and can carry the load."""
    grades = sorted(
        row.grade
        for row in rows
        if row.range is not None and scene.capacity(row.size) >= scene.offered
    )
    return grades[len(grades) // 2] if grades else "D"
