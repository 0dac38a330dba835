"""Plain data to read: pools as they could be."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dashboard.model.comparison import Comparison
from dashboard.model.events import PoolEvent
from dashboard.model.findings import Advice, Brief, Incident, Suspect
from dashboard.model.heat import Heat
from dashboard.model.history import History
from dashboard.model.lanes import Lanes
from dashboard.model.passage import Passage
from dashboard.model.snapshot import (
    Overhead,
    PoolSnapshot,
    Snapshot,
    Source,
)
from tests.web import lanes as drawn
from tests.web.moments import brief_of

from .crowded import AT, SOURCE, happenings, pool, site, suspect


@dataclass
class Given:
    """A Reading of plain data; a test changes it as it likes."""

    pools: dict[str, PoolSnapshot] = field(default_factory=dict)
    found: list[Suspect] = field(default_factory=list)
    advices: list[Advice] = field(default_factory=list)
    moments: list[Incident] = field(default_factory=list)
    log: list[PoolEvent] = field(default_factory=list)
    dropped: int = 0
    title: str = "Orders"
    source: Source = SOURCE
    overhead: Overhead = field(
        default_factory=lambda: Overhead(memory=2_400_000, budget=16_000_000)
    )
    at: datetime = AT
    reads: int = 0
    error: Exception | None = None

    def snapshot(self) -> Snapshot:
        """Counts how often it is read."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return Snapshot(
            at=self.at, source=self.source, pools=dict(self.pools), overhead=self.overhead
        )

    def pool(self, name: str) -> PoolSnapshot | None:
        """By name."""
        return self.pools.get(name)

    def suspects(self) -> list[Suspect]:
        """As given."""
        return list(self.found)

    def advice(self, _: object = None) -> list[Advice]:
        """As given."""
        return list(self.advices)

    def collecting(self) -> dict[str, str]:
        """Nothing is."""
        return {}

    def comparisons(self) -> list[Comparison]:
        """None."""
        return []

    def incidents(self) -> list[Incident]:
        """As given."""
        return list(self.moments)

    def briefs(self) -> list[Brief]:
        """The same, in brief."""
        return [brief_of(each) for each in self.moments]

    def incident(self, number: str) -> Incident | None:
        """As given."""
        return next((each for each in self.moments if each.id == number), None)

    def history(self, _: str, seconds: float, points: int, until: float | None = None) -> History:
        """A flat line."""
        step = seconds / points
        flat = (1,) * points
        none = (None,) * (points - 1)
        return History(
            start=(until or AT.timestamp()) - seconds,
            step=step,
            used=flat,
            pending=flat,
            checkouts=flat,
            timeouts=flat,
            errors=flat,
            created=flat,
            wait_p50=(*none, 0.002),
            wait_p99=(*none, 0.4),
            use_p95=(*none, 0.5),
        )

    def lanes(self, name: str, _: float, until: float | None = None) -> Lanes:  # noqa: ARG002
        """With the name of whoever holds."""
        held = self.pools[name].open if name in self.pools else ()
        site, owner = (held[0].call_site, held[0].owner) if held else (drawn.SITE, None)
        return drawn.lanes(AT, 7, site=site, owner=owner)

    def heat(
        self,
        _: str | None,
        seconds: float,
        columns: int,
        measure: str = "wait",  # noqa: ARG002
        until: float | None = None,  # noqa: ARG002
    ) -> Heat:
        """The same for all."""
        return drawn.heat(AT, seconds, columns)

    def claim(self, number: int) -> Passage | None:
        """The first pool's, for the numbers of its events."""
        first = next(iter(self.pools), None)
        if first is None or number > 2:
            return None
        return drawn.passage(AT, number, first, site(first))

    def period(self, *_: object) -> None:
        """None was recorded."""

    def whatif(self, *_: object, **__: object) -> None:
        """Too young to tell."""

    def what_else(self, *_: object, **__: object) -> None:
        """Nobody knows."""

    def events(self, cursor: int, _: int) -> tuple[Sequence[PoolEvent], int, int]:
        """All of the log: the caller caps."""
        dropped, self.dropped = self.dropped, 0
        return self.log[cursor:], len(self.log), dropped

    def wall(self, at: float) -> float:
        """The clock starts at `AT`."""
        return AT.timestamp() + at


def orders() -> Given:
    """Two pools, one of them with a suspect."""
    given = Given()
    given.pools = {
        "orders": pool("orders"),
        "reports": replace(pool("reports"), open=(), waiting=()),
    }
    given.pools["reports"] = replace(given.pools["reports"], pending_requests=0, used=0)
    given.found = [suspect("orders")]
    given.log = list(happenings("orders"))
    return given


def many(count: int) -> Given:
    """As many pools."""
    given = Given()
    given.pools = {f"pool-{n}": pool(f"pool-{n}") for n in range(count)}
    given.log = list(happenings("pool-0"))
    return given
