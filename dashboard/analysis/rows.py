"""One row of a prediction: a size, its numbers, and how far they reach."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from ..model.whatif import Range, Row
from . import overflow, sizing
from .measuring import Measured, measure
from .replay import Load, Replayed, replay
from .scene import Scene
from .sentences import span
from .sharing import replay_shared
from .slowdown import works

#: Requests from the end of the trace that are replayed with holds that depend on the size.
TAIL: Final = 10_000
_ENVELOPED: Final = 5_000
#: Two answers are one if they differ by no more than this factor, or these seconds.
_TWICE: Final = 2.0
_HARDLY: Final = 0.01
_NO_RANGE: Final = "Somebody waits for so much of the window that no range can be given."
_GATES: Final = {"flat": "A", "saturating": "B", "mild": "C", "unknown": "D"}


def row_of(scene: Scene, size: int, tail: "Tail") -> Row:
    """What this size would have answered."""
    slots = scene.capacity(size)
    if slots < 1:
        return Row(size=size, overflow=scene.overflow, note="Every slot of this size is lost.")
    if tail.is_fitted(slots):
        return tail.doubted(tail.fitted(Row(size=size, overflow=scene.overflow), slots, "B"), slots)
    done, first = scene.first(slots)
    others = (measure(load, scene.run(load, slots), None) for load in scene.loads[1:])
    all_measured = [first, *others]
    note = _note(scene, slots, first)
    if first.ranges is None:
        return Row(size=size, overflow=scene.overflow, note=note)
    row = _counts(scene, size, all_measured, done)
    row = _waits(row, scene, all_measured)
    row = _callers(row, scene, slots)
    row = tail.correct(row, slots)
    return replace(row, note=note, grade=sizing.worst(row.grade, scene.grade))


def _note(scene: Scene, slots: int, first: Measured) -> str:
    if slots < scene.offered:
        return (
            f"Below the offered load of {scene.offered:.1f} connections: the queue grows as long "
            "as the traffic lasts."
        )
    if first.ranges is None:
        return _NO_RANGE
    return ""


def _counts(scene: Scene, size: int, all_measured: Sequence[Measured], done: Replayed) -> Row:
    """Timeouts, idle time and churn: they take no bursts to be told."""
    first = all_measured[0]
    slot_time = size * scene.demand.duration
    opens = closes = None
    if scene.demand.semantics == "queuepool" and scene.overflow:
        hourly = overflow.hourly(scene.loads[0], done, size)
        opens, closes = hourly if hourly is not None else (None, None)
    low, high = first.busy_range or (first.busy, first.busy)
    return Row(
        size=size,
        overflow=scene.overflow,
        timeouts=median(each.timeouts for each in all_measured),
        timeouts_range=_spread(first.timeouts_range, [each.timeouts for each in all_measured]),
        cancelled=first.cancelled,
        idle_share=_idle(first.busy, slot_time),
        idle_range=(_idle(high, slot_time), _idle(low, slot_time)),
        opens=opens,
        closes=closes,
        limit_per_host=scene.demand.limit_per_host or 0 if scene.has_hosts else None,
        grade="D",
    )


def _idle(busy: float, slot_time: float) -> float:
    return max(0.0, 1 - busy / slot_time)


def _waits(row: Row, scene: Scene, all_measured: Sequence[Measured]) -> Row:
    """As much about waits as the trace holds."""
    first = all_measured[0]
    depth = sizing.depth(len(scene.rows), first.bursts, first.waited_share)
    if not depth.has_range or first.ranges is None:
        return row
    points = {q: [each.points[q] for each in all_measured] for q in first.points}
    ranges = {q: _spread(first.ranges[q], points[q]) for q in points}
    row = replace(row, range=ranges[95.0], grade="C")
    if depth.has_p95:
        row = replace(
            row,
            p50=median(points[50.0]),
            p95=median(points[95.0]),
            p50_range=ranges[50.0],
            grade="A",
        )
    if depth.has_p99:
        row = replace(row, p99=median(points[99.0]), p99_range=ranges[99.0])
    return row


def _spread(found: Range | None, points: Sequence[float]) -> Range | None:
    """The range of the first imputation, as far further as the others lie from it."""
    if found is None:
        return None
    low = found[0] + min(points) - points[0]
    return max(0.0, low), found[1] + max(points) - points[0]


def _callers(row: Row, scene: Scene, slots: int) -> Row:
    """Both numbers where nobody knows whether callers keep coming."""
    if scene.mode != "unknown" or row.range is None:
        return row
    load = scene.loads[0]
    closed = measure(load, scene.run(load, slots, closed=True), scene.seed)
    point = closed.points[95.0]
    low, high = (closed.ranges or {}).get(95.0, (point, point))
    both = min(row.range[0], low), max(row.range[1], high)
    return replace(row, range=both, p95_closed=None if row.p95 is None else point)


class Tail:
    """The last requests, to be replayed with holds that depend on how many are held."""

    def __init__(self, scene: Scene) -> None:
        """Prepared when the first row needs it."""
        self.scene = scene
        self._loads: dict[int, Load] = {}

    def correct(self, row: Row, slots: int) -> Row:
        """Holds as they are, as fitted, or anything between two extremes: as the gate allows."""
        scene, verdict = self.scene, self.scene.found.verdict
        if row.range is None or self._is_as_recorded(slots):
            return row
        gate = sizing.worst(row.grade, _GATES[verdict])
        if verdict == "flat":
            return replace(row, grade=gate)
        if scene.mode in {"chained", "closed"} or scene.has_hosts:
            # Callers that come again slow down with the server: not simulated, so C.
            return replace(row, grade=sizing.worst(row.grade, "C"))
        low, high = self._envelope(row.range, slots)
        ranged = replace(row, range=(low, high), grade=sizing.worst(gate, "C"))
        if verdict != "mild":
            return _without_points(ranged)
        centre = self.fitted(ranged, slots, "C")
        return replace(centre, range=_joined(ranged.range, centre.range))

    def is_fitted(self, slots: int) -> bool:
        """Whether the fitted speeds decide: the server saturates, and so many were seen."""
        found, scene = self.scene.found, self.scene
        is_open = scene.mode in {"open", "unknown"} and not scene.has_hosts
        is_seen = found.verdict == "saturating" and slots <= found.observed
        return is_open and is_seen and not self._is_as_recorded(slots)

    def _is_as_recorded(self, slots: int) -> bool:
        """Nothing is different: the present size, or nobody waits at either."""
        scene, present = self.scene, self.scene.demand.capacity
        if not scene.is_record:
            return False
        peak = scene.loads[0].peak
        is_free = slots >= peak and (present is None or present >= peak)
        return slots == present or is_free

    def load(self, count: int) -> Load:
        """The last `count` requests, from 0."""
        whole = self.scene.loads[0]
        start = max(0, len(whole) - count)
        if start not in self._loads:
            begin = whole.arrivals[start]
            self._loads[start] = Load(
                [at - begin for at in whole.arrivals[start:]],
                whole.holds[start:],
                list(whole.patience[start:]),
                whole.timeout,
            )
        return self._loads[start]

    def _work(self, load: Load, rates: Sequence[float]) -> list[float]:
        """What each hold would take alone; a hold nobody saw counts as if at its own time."""
        waits = self.scene.rows.wait[len(self.scene.rows) - len(load) :]
        gots = [at + wait for at, wait in zip(load.arrivals, waits, strict=True)]
        return works(gots, load.holds, rates)

    def fitted(self, row: Row, slots: int, grade: str) -> Row:
        """The row's numbers with the fitted speeds."""
        scene, load = self.scene, self.load(TAIL)
        rates = scene.found.speeds(max(slots, scene.found.observed))
        found = measure(
            load, replay_shared(load, self._work(load, rates), slots, rates), scene.seed
        )
        depth = sizing.depth(len(scene.rows), found.bursts, found.waited_share)
        grade = sizing.worst(grade, scene.grade)
        if found.ranges is None:
            return _without_points(replace(row, note=_NO_RANGE, grade="D"))
        scale = len(scene.rows) / len(load)
        gone = found.timeouts_range or (0.0, 0.0)
        slot_time = row.size * scene.demand.duration / scale
        busy = found.busy_range or (found.busy, found.busy)
        row = replace(
            _without_points(row),
            range=found.ranges[95.0] if depth.has_range else None,
            timeouts=found.timeouts * scale,
            timeouts_range=(gone[0] * scale, gone[1] * scale),
            cancelled=round(found.cancelled * scale),
            idle_share=_idle(found.busy, slot_time),
            idle_range=(_idle(busy[1], slot_time), _idle(busy[0], slot_time)),
            grade=sizing.worst(grade, "C"),
        )
        if not depth.has_p95:
            return row
        points = found.points
        return replace(
            row, p50=points[50.0], p95=points[95.0], p50_range=found.ranges[50.0], grade=grade
        )

    def doubted(self, row: Row, slots: int) -> Row:
        """A fit that fewer slots would make quicker is believed as far as holds as they were go.

        Against a server whose cores others use too, holds stayed as long at fewer slots.
        """
        if row.range is None:
            return row
        load = self.load(TAIL)
        unchanged = measure(load, replay(load, slots), None).points[95.0]
        low, high = row.range
        row = replace(row, range=(min(low, unchanged), max(high, unchanged)))
        least, most = sorted((unchanged, unchanged if row.p95 is None else row.p95))
        if most <= max(_TWICE * least, least + _HARDLY):
            return row
        note = (
            f"With holds as they were p95 would be {span(unchanged)}, with the server as fitted "
            f"{span(row.p95 or 0.0)}: a direction, no more."
        )
        return replace(row, note=note, grade=sizing.worst(row.grade, "C"))

    def _envelope(self, known: Range, slots: int) -> Range:
        """From holds unchanged to throughput unchanged, as a difference to the plain replay."""
        scene, load = self.scene, self.load(_ENVELOPED)
        present = scene.demand.capacity or scene.found.observed
        if slots > present:
            rates = [1.0, *(min(1.0, present / n) for n in range(1, slots + 1))]
            work = list(load.holds)
        else:
            rates = [1.0, *(1 / n for n in range(1, max(present, slots) + 1))]
            work = self._work(load, rates)
        shared = measure(load, replay_shared(load, work, slots, rates), scene.seed)
        plain = measure(load, replay(load, slots), None)
        point, before = shared.points[95.0], plain.points[95.0]
        low, high = (shared.ranges or {}).get(95.0, (point, point))
        if point < before:
            return max(0.0, known[0] + low - before), known[1]
        return known[0], known[1] + max(0.0, high - before)


def within(row: Row, timeout: float) -> Row:
    """No range of a wait reaches beyond the time-out that ends it."""

    def cut(found: Range | None) -> Range | None:
        return None if found is None else (min(found[0], timeout), min(found[1], timeout))

    return replace(
        row, range=cut(row.range), p50_range=cut(row.p50_range), p99_range=cut(row.p99_range)
    )


def _joined(one: Range | None, other: Range | None) -> Range:
    ranges = [each for each in (one, other) if each is not None]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _without_points(row: Row) -> Row:
    """A range alone."""
    return replace(
        row, p50=None, p95=None, p99=None, p50_range=None, p99_range=None, p95_closed=None
    )
