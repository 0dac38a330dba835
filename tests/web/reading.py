"""A `Reading` of what it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dashboard.model.comparison import Comparison
from dashboard.model.events import PoolEvent
from dashboard.model.findings import Advice, Brief, Incident, Suspect
from dashboard.model.heat import Heat
from dashboard.model.history import History, Mark
from dashboard.model.lanes import Lanes
from dashboard.model.passage import Passage
from dashboard.model.snapshot import (
    PoolSnapshot,
    Snapshot,
    Source,
)
from dashboard.model.whatif import Prediction
from tests.web import lanes as drawn
from tests.web.moments import brief_of

from .readings import AT, snapshot, wave


class PlainReading:
    """A `Reading` of what it is given; times of events count from `AT`."""

    def __init__(
        self,
        *pools: PoolSnapshot,
        suspects: Iterable[Suspect] = (),
        histories: Mapping[str, History] | None = None,
        events: Sequence[PoolEvent] = (),
        marks: Sequence[Mark] = (),
    ) -> None:
        """Pools without a history of their own get a wave; only those have lanes and heat."""
        self.title = "Shop"
        self.source = Source("api-7f9c", 4121, "shop")
        self._snapshot = snapshot(*pools)
        self._suspects = list(suspects)
        self.advices: list[Advice] = []
        self.moments: list[Incident] = []
        self.compared: list[Comparison] = []
        self.predictions: dict[str, Prediction] = {}
        self._histories = histories
        self._events = events
        self._marks = tuple(marks)

    def snapshot(self) -> Snapshot:
        """Always the same."""
        return self._snapshot

    def pool(self, name: str) -> PoolSnapshot | None:
        """By name."""
        return self._snapshot.pools.get(name)

    def suspects(self) -> list[Suspect]:
        """As given."""
        return self._suspects

    def advice(self, _: object = None) -> list[Advice]:
        """As given."""
        return list(self.advices)

    def collecting(self) -> dict[str, str]:
        """Nothing is."""
        return {}

    def comparisons(self) -> list[Comparison]:
        """As given."""
        return list(self.compared)

    def incidents(self) -> list[Incident]:
        """As given."""
        return list(self.moments)

    def briefs(self) -> list[Brief]:
        """The same, in brief."""
        return [brief_of(each) for each in self.moments]

    def incident(self, number: str) -> Incident | None:
        """As given."""
        return next((each for each in self.moments if each.id == number), None)

    def history(self, name: str, *_: object, **__: object) -> History:
        """As given, else a wave."""
        if self._histories is None:
            return replace(wave(), marks=self._marks)
        return self._histories.get(name, History(AT.timestamp(), 1.0))

    def lanes(self, name: str, seconds: float, until: float | None = None) -> Lanes:  # noqa: ARG002
        """As many slots as the pool has, up to sixty."""
        given = self._snapshot.pools.get(name)
        if self._histories is not None or given is None:
            return Lanes(AT.timestamp() - seconds, seconds)
        return drawn.lanes(AT, min(60, given.max or given.used), self._marks)

    def heat(self, name: object, seconds: float, columns: int, *_: object, **__: object) -> Heat:
        """The same for all."""
        del name
        if self._histories is not None:
            return Heat(AT.timestamp() - seconds, 10.0)
        return drawn.heat(AT, seconds, columns, self._marks)

    def claim(self, number: int) -> Passage | None:
        """That of `some_events`, else None."""
        return drawn.passage(AT, number) if number == 1 else None

    def period(self, *_: object) -> None:
        """None was recorded."""

    def whatif(self, name: str, *_: object, **__: object) -> Prediction | None:
        """As given; else too young to tell."""
        return self.predictions.get(name)

    def what_else(self, name: str, *_: object, **__: object) -> Prediction | None:
        """The same."""
        return self.predictions.get(name)

    def events(self, cursor: int, limit: int) -> tuple[Sequence[PoolEvent], int, int]:  # noqa: ARG002
        """All at once."""
        return self._events[cursor:], len(self._events), 0

    def wall(self, at: float) -> float:
        """Counted from `AT`."""
        return AT.timestamp() + at
