"""Moments at which a pool may have changed: marks, and settings that were seen to differ."""

from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from .model.comparison import Changed, Expected
from .model.history import Mark
from .model.whatif import Demand
from .predicting import Slots, demand_of
from .probes import Probe
from .recorder.pool import PoolRecord

#: Moments that are remembered of a pool, and the seconds before one that are replayed.
MOST: Final = 3
LONGEST: Final = 900.0
#: A change that is seen so many seconds after a mark is the one that the mark means.
_TOGETHER: Final = 60.0
#: Requests that are set aside before the trace forgets them.
_KEPT: Final = 25_000
_PLAIN: Final = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Shape:
    """A pool's settings: what the replay needs, and all that can be compared."""

    slots: Slots
    options: Mapping[str, object]

    @classmethod
    def of(cls, probe: Probe) -> "Shape":
        """As they are now."""
        given = probe.settings().items()
        options = {name: value for name, value in given if isinstance(value, _PLAIN)}
        return cls(Slots.of(probe), options)

    def changes(self, after: "Shape") -> tuple[Changed, ...]:
        """Options that both have and that differ: a session that ends takes its own along."""
        return tuple(
            Changed(name, value, after.options[name])
            for name, value in self.options.items()
            if name in after.options and after.options[name] != value
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where the time before is recorded: the pool itself, or the one that had its name before."""

    probe: Probe
    record: PoolRecord


@dataclass(frozen=True, slots=True)
class Former:
    """A pool that is watched no longer, since `ended`."""

    source: Source
    shape: Shape
    ended: float


@dataclass(slots=True)
class Turn:
    """`at` by the clock; what was seen until `since` belongs to the time before.

    `total` is how many requests had ended when it was noticed; `kept` those before it, once the
    trace was about to forget them. `former` is the pool before, if it is another one.
    """

    mark: Mark
    at: float
    since: float
    before: Shape
    after: Shape
    total: int
    kept: Demand | None = None
    expected: Expected | None = None
    former: Source | None = None

    @property
    def changed(self) -> tuple[Changed, ...]:
        """The options that differ."""
        return self.before.changes(self.after)

    @property
    def words(self) -> str:
        """The mark's, else what happened."""
        if self.mark.text:
            return self.mark.text
        return "settings changed" if self.changed else "pool opened anew"

    def becomes(self, shape: Shape) -> None:
        """The settings after it; what was expected of others is forgotten."""
        if shape != self.after:
            self.after, self.expected = shape, None


@dataclass(slots=True)
class Turns:
    """Of one pool, oldest first."""

    found: deque[Turn] = field(default_factory=lambda: deque(maxlen=MOST))
    _shape: Shape | None = None
    _seen_at: float = 0.0
    #: The UNIX time of the last mark: that of the clock may leap.
    _marked_at: float = 0.0

    @property
    def shape(self) -> Shape | None:
        """The settings when somebody last looked."""
        return self._shape

    def succeed(
        self, former: Former, probe: Probe, record: PoolRecord, marks: Sequence[Mark], offset: float
    ) -> None:
        """The pool takes the place of another one; a mark just before says what for."""
        at = record.since
        near = [each for each in marks if 0 <= at + offset - each.at <= _TOGETHER]
        mark = near[-1] if near else Mark(at + offset, "")
        turn = Turn(mark, at, former.ended, former.shape, Shape.of(probe), 0, former=former.source)
        self.found.append(turn)

    def look(
        self,
        probe: Probe,
        record: PoolRecord,
        marks: Sequence[Mark],
        offset: float,
        *,
        may_keep: bool = True,
    ) -> bool:
        """Called with each snapshot; `offset` makes UNIX times of the clock's.

        With `may_keep` requests are set aside, which takes 15 ms; True if that was done.
        """
        now, shape = record.now(), Shape.of(probe)
        if self._shape is None:
            self._shape, self._seen_at = shape, record.since
        is_marked = self._note(marks, record, offset)
        if self._shape.changes(shape):
            last = self.found[-1] if self.found else None
            if last is None or not (is_marked or now - last.at <= _TOGETHER):
                mark = Mark(now + offset, "")
                last = Turn(mark, now, self._seen_at, self._shape, shape, _total(record))
                self.found.append(last)
            last.becomes(shape)
        if shape.options:  # Else the pool is gone.
            self._shape = shape
        self._seen_at = now
        kept = [_set_aside(turn, probe, record, may_keep=may_keep) for turn in self.found]
        return any(kept)

    def _note(self, marks: Sequence[Mark], record: PoolRecord, offset: float) -> bool:
        """Enter what was marked since the last look."""
        shape, count = self._shape, 0
        for mark in marks:
            at = min(mark.at - offset, record.now())
            if shape is None or mark.at <= self._marked_at or at <= record.since:
                continue
            count, self._marked_at = count + 1, mark.at
            last = self.found[-1] if self.found else None
            if last is not None and not last.mark.text and at - last.at <= _TOGETHER:
                last.mark = mark  # The change was seen first, and is told by the mark's words.
            else:
                self.found.append(Turn(mark, at, at, shape, shape, _total(record)))
        return count > 0

    def windows(self, record: PoolRecord) -> Iterator[tuple[Turn, float, float]]:
        """Each with the begin of the time before it, and the end of the time after it."""
        turns, now = list(self.found), record.now()
        for place, turn in enumerate(turns):
            begins = [each.at for each in turns[:place] if each.changed]
            own = record if turn.former is None else turn.former.record
            ends = [each.since for each in turns[place + 1 :] if each.changed]
            yield turn, max([own.since, *begins]), min([now, *ends])


def _total(record: PoolRecord) -> int:
    """Requests that ended."""
    return record.checkins + record.failures.total()


def _set_aside(turn: Turn, probe: Probe, record: PoolRecord, *, may_keep: bool) -> bool:
    """Keep what came before, when half of the trace is newer; nothing that was answered."""
    if turn.expected is not None:
        turn.kept = None
        return False
    is_due = 2 * (_total(record) - turn.total) > len(record.trace)
    if not may_keep or turn.former is not None or turn.kept is not None or not is_due:
        return False
    turn.kept = before(turn, Source(probe, record), record.since, _KEPT)
    return True


def before(turn: Turn, source: Source, begin: float, most: int) -> Demand:
    """What was asked for in the last quarter of an hour before, at the most `most` requests."""
    record = source.record
    demand = demand_of(record, source.probe)
    begin, end = max(begin, turn.since - LONGEST, _known_since(demand, record)), turn.since
    asked = [each for each in demand.asked if begin <= each < end]
    if len(asked) > most:
        begin = sorted(asked)[-most]
    inside = [begin <= each < end for each in demand.asked]
    first = min(compress(demand.asked, inside), default=end)
    return demand.picked(
        lambda column: _cut(column, inside),
        **turn.before.slots.fields,
        duration=end - first,
        open=tuple(each for each in demand.open if begin <= each.asked < end),
        waiting=tuple(each for each in demand.waiting if begin <= each.asked < end),
        lost=0,
    )


def _cut(column: Sequence[Any], inside: Sequence[bool]) -> Sequence[Any]:
    kept = compress(column, inside)
    return array(column.typecode, kept) if isinstance(column, array) else list(kept)


def _known_since(demand: Demand, record: PoolRecord) -> float:
    """From when on all requests are kept: the trace forgets those first that ended first."""
    if not demand.asked or len(demand.asked) >= _total(record):
        return record.since
    return demand.asked[0] + demand.wait[0] + demand.hold[0]
