"""What another size of a pool would have answered to the recorded requests.

How it is done and how far it can be trusted: `replay` (the queue), `imputing` (requests that
left), `chains` (callers that come again), `slowdown` (holds that depend on the size),
`bootstrap` (ranges).
"""

from collections.abc import Sequence
from typing import Final

from ..model.whatif import NO_CHANGE, Change, Demand, Prediction, Row
from . import explaining, sizing
from .demand import newest, rows_of
from .drifting import Drift, drift, grade_of
from .measuring import Measured, percentile
from .rows import Tail, row_of, within
from .scene import STRANGERS, Scene, callers_of, set_up
from .slowdown import Slowdown, judge

#: The recorded and the replayed p95 may differ by this share, or these seconds.
_OFF: Final = 0.3
_OFF_SECONDS: Final = 0.005
#: Requests that are replayed of callers that come again: nothing can be skipped there.
CHAINED: Final = 30_000
#: The same where hosts are told apart, which costs more.
HOSTED: Final = 15_000


def predict(
    demand: Demand,
    sizes: Sequence[int] | None = None,
    change: Change = NO_CHANGE,
    seed: int = 0,
) -> Prediction:
    """Rows by size, about twelve when none are named; no row while there is too little data.

    The same demand and seed give the same prediction. 100,000 requests cost about 0.4 s of CPU;
    of callers that come again the last 30,000 are replayed, for there nothing can be skipped.
    """
    return Experiment(demand, change, seed).at(sizes)


class _Record:
    """The demand as it was recorded: the scene, and the replay at the present size."""

    def __init__(self, demand: Demand, seed: int, found: Slowdown | None) -> None:
        """`scene` is None while there is too little data; `found` if it was judged before."""
        self.demand = demand
        self.scene: Scene | None = None
        self.present: Measured | None = None
        self.note = ""
        if len(demand.asked) < sizing.LEAST or demand.duration < sizing.LEAST_SECONDS:
            return
        rows, callers = None, None
        if demand.semantics == "aiohttp" and demand.host:
            self.demand = newest(demand, HOSTED)
        elif len(demand.asked) > CHAINED:
            last = newest(demand, CHAINED)
            rows = rows_of(last)
            callers = callers_of(rows)
            if callers.mode == "open":
                rows, callers = None, STRANGERS
            else:
                self.demand = last
        scene = set_up(self.demand, NO_CHANGE, seed, rows, callers)
        if scene is None:
            return
        scene.found = judge(scene.rows, demand.capacity) if found is None else found
        scene.drift = drift(scene.rows)
        scene.grade = sizing.worst(scene.grade, grade_of(scene.drift))
        if demand.capacity is None or demand.capacity > 0:
            _, self.present = scene.first(demand.capacity)
        self.note = _check(scene, self.present)
        self.scene = scene


class Experiment:
    """A demand under one change: set up once, replayed at any number of sizes."""

    def __init__(
        self,
        demand: Demand,
        change: Change = NO_CHANGE,
        seed: int = 0,
        base: "Experiment | None" = None,
        found: Slowdown | None = None,
    ) -> None:
        """To spare what is known: `base`, the same demand without a change; `found` by `judge`."""
        self.demand = demand
        self.scene: Scene | None = None
        self._rows: dict[int, Row] = {}
        self.record: _Record = _Record(demand, seed, found) if base is None else base.record
        if self.record.scene is None:
            return
        scene = self.record.scene
        if change != NO_CHANGE:
            callers = STRANGERS if scene.mode == "open" else None
            changed = set_up(self.record.demand, change, seed, callers=callers)
            if changed is None:
                return
            changed.found, changed.grade = scene.found, sizing.worst(changed.grade, scene.grade)
            changed.drift = scene.drift
            scene = changed
        self.scene, self._tail, self._drift = scene, Tail(scene), Drift(scene)

    def at(self, sizes: Sequence[int] | None = None) -> Prediction:
        """Rows by size; each is replayed once."""
        if sizes is not None and any(size < 1 for size in sizes):
            raise ValueError(f"sizes begin at 1, not {min(sizes)}")
        if self.scene is None:
            return _nothing(self.demand)
        chosen = sizes if sizes is not None else _candidates(self.scene)
        rows = self._rows_of(self.scene, sorted(set(chosen)))
        return _prediction(self.scene, rows, self.record.present, self.record.note)

    def _rows_of(self, scene: Scene, sizes: Sequence[int]) -> tuple[Row, ...]:
        """How far a row reaches, its neighbours tell: so all of them come first."""
        fresh = [size for size in sizes if size not in self._rows]
        rows = [row_of(scene, size, self._tail) for size in fresh]
        for size, row in zip(fresh, rows, strict=True):
            slots = scene.capacity(size)
            # What was fitted reaches as far as holds as they were already.
            is_fitted = self._tail.is_fitted(slots)
            wider = row if is_fitted else self._drift.widened(row, slots)
            self._rows[size] = within(wider, scene.loads[0].timeout)
        return tuple(self._rows[size] for size in sizes)


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
        explaining.unsteady(scene.drift),
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
