"""Plain data: pools, suspects and events with something in every field."""

from datetime import UTC, datetime, timedelta

from dashboard.model.events import CheckedIn, CheckedOut, CheckoutFailed, PoolEvent
from dashboard.model.findings import Suspect
from dashboard.model.origin import CallSite, HttpRequest, Owner
from dashboard.model.snapshot import (
    CallSiteStats,
    Checkout,
    Lost,
    PoolSnapshot,
    Source,
    StackFrame,
    Waiter,
)
from tests.web import lanes as drawn

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
