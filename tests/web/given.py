"""Plain data to read: pools as they could be."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from dashboard.model.events import CheckedIn, CheckedOut, CheckoutFailed, PoolEvent
from dashboard.model.findings import Advice, Brief, Incident, Suspect
from dashboard.model.heat import Heat
from dashboard.model.history import History
from dashboard.model.lanes import Lanes
from dashboard.model.origin import CallSite, HttpRequest, Owner
from dashboard.model.passage import Passage
from dashboard.model.snapshot import (
    CallSiteStats,
    Checkout,
    Lost,
    Overhead,
    PoolSnapshot,
    Snapshot,
    Source,
    StackFrame,
    Waiter,
)
from tests.web import lanes as drawn
from tests.web.moments import brief_of

AT = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
SOURCE = Source("web-1", 4242, "orders")
TOKEN = "Zq3vT0mXb7YpL1sNcE5dUu9KwRfGhJ2a"
values = drawn.values


def stack(site: CallSite) -> tuple[StackFrame, ...]:
    """The site's own frame below one of a library."""
    return (
        StackFrame(site.file, site.line, site.function, is_library=False),
        StackFrame("sqlalchemy/pool/base.py", 712, "connect", is_library=True),
    )


def site(name: str) -> CallSite:
    """A call site with a name from outside."""
    return CallSite(f"shop/{name}.py", 88, name)


def checkout(name: str, held_for: float = 95.0) -> Checkout:
    """A connection that is out."""
    return Checkout(
        call_site=site(name),
        stack=stack(site(name)),
        owner=Owner("task", name, 7),
        request=HttpRequest("GET", f"/{name}"),
        held_for=held_for,
        last_used=held_for / 2,
        backend_pid=512,
        connection=3,
        wait_time=0.002,
        since=AT - timedelta(seconds=held_for),
        age=600.0,
        uses=12,
    )


def pool(name: str, text: str = "place_order") -> PoolSnapshot:
    """A pool with something in every field; `text` is wherever a name can be."""
    return PoolSnapshot(
        name=name,
        library="sqlalchemy",
        config={"pool_size": 5, "max_overflow": 2, "note": text, "password": "hunter2"},
        kind="QueuePool",
        backend="postgresql",
        address="db/orders",
        size=5,
        max=7,
        used=2,
        idle=3,
        count=5,
        peak=7,
        peak_at=AT,
        pending_requests=1,
        oldest_wait=0.4,
        timeouts=3,
        last_timeout=AT - timedelta(minutes=10),
        failures={"timeout": 3, "cancelled": 1},
        checkouts=1283,
        checkins=1281,
        created=9,
        closed=4,
        closed_by={"stale": 3, "error": 1},
        lost=1,
        checkout_rate=9.4,
        wait_time=values(0.001, 0.002, 0.4),
        use_time=values(0.01, 0.02, 95.0),
        create_time=values(0.05),
        lifetime={
            "wait_time": values(0.001, 0.002, 0.4),
            "use_time": values(0.01, 0.02, 95.0),
            "create_time": values(0.05),
        },
        open=(checkout(text), checkout(text, 0.2)),
        waiting=(
            Waiter(
                call_site=site(text),
                owner=Owner("thread", text, 9),
                request=None,
                waited_for=0.4,
                since=AT - timedelta(seconds=0.4),
            ),
        ),
        recently_lost=(
            Lost(
                call_site=site(text),
                stack=stack(site(text)),
                owner=Owner("task", text, 7),
                request=None,
                held_for=30.0,
                backend_pid=None,
                since=AT - timedelta(seconds=60),
                ended_at=AT - timedelta(seconds=30),
                ended_ago=30.0,
            ),
        ),
        call_sites=(
            CallSiteStats(
                call_site=site(text),
                stack=stack(site(text)),
                checkouts=1283,
                open=2,
                failures=4,
                lost=1,
                share=0.93,
                total_hold=1200.0,
                use_time=values(0.01, 95.0),
                wait_time=values(0.001),
            ),
        ),
        since=AT - timedelta(hours=1),
        last_probe_error=text,
    )


def suspect(name: str, text: str = "place_order", verdict: str = "overdue") -> Suspect:
    """A checkout under suspicion."""
    return Suspect(
        pool=name,
        verdict=verdict,
        certainty="probable",
        call_site=site(text),
        stack=stack(site(text)),
        owner=Owner("task", text, 7),
        request=HttpRequest("GET", f"/{text}"),
        held_for=95.0,
        evidence=(f"held for 95 s by {text}",),
        since=AT - timedelta(seconds=95),
        usual=0.02,
        connection=3,
    )


def happenings(name: str, text: str = "place_order") -> tuple[PoolEvent, ...]:
    """A checkout, its return, and a timeout."""
    owner, request = Owner("task", text, 7), HttpRequest("GET", f"/{text}")
    return (
        CheckedOut(
            at=1.0,
            pool=name,
            claim=1,
            call_site=site(text),
            owner=owner,
            request=request,
            connection=3,
            wait_time=0.002,
        ),
        CheckedIn(
            at=1.5,
            pool=name,
            claim=1,
            call_site=site(text),
            owner=owner,
            connection=3,
            use_time=0.5,
        ),
        CheckoutFailed(
            at=2.0,
            pool=name,
            claim=2,
            call_site=site(text),
            owner=owner,
            reason="timeout",
            wait_time=30.0,
            error=text,
        ),
    )


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
