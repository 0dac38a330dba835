"""The state of every pool at one instant; frozen, safe to hand to any thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .backends import Activity, Backend
from .distribution import EMPTY, Distribution
from .health import Health
from .origin import CallSite, HttpRequest, Owner


@dataclass(frozen=True, slots=True)
class Source:
    """The process that was looked at."""

    host: str
    pid: int
    service: str


@dataclass(frozen=True, slots=True)
class StackFrame:
    """One frame of a stack: never source text or locals."""

    file: str
    line: int
    function: str
    is_library: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A connection that is out. Times are float seconds; `age` is that of the connection.

    `now` is what its user, else its owner does at this moment, innermost first, for those held over
    a second. `last_used` is how long ago its last statement began or ended, 0 while one runs, None
    when none was seen; `quiet_for` the same, counted from the checkout when none was seen.
    `busy_for` is the time in `statements`, `in_statement` for how long the present one has run.
    `user` ran the last one; `in_use_by` names what keeps the connection in use without statements:
    `listeners`, `a cursor`, `a response`.
    `owner_ended_for` is how long ago the owner ended: exact for threads and for tasks that nobody
    refers to any more, else since it was last known to live (seen by a look, got, used), so that it
    may be too long, by as much as nobody looked. `handed_over`: it ended at once, without a
    statement, and ran no code of the application; it only fetched the connection for somebody else
    (`asyncio.wait_for` before Python 3.12 makes such tasks), so that its end says nothing: the
    first `user` is the owner. A task of the application that ends at once is not among these: tell
    it by `held_for - owner_ended_for`.
    `is_adopted`: it was out before the watch began. `is_retired`: the pool gave the connection up
    while it was out, so it no longer takes a slot. `is_unreferenced`: nothing refers to it.
    """

    call_site: CallSite
    stack: tuple[StackFrame, ...]
    owner: Owner
    request: HttpRequest | None
    held_for: float
    last_used: float | None
    backend_pid: int | None
    connection: int
    wait_time: float
    since: datetime
    now: tuple[StackFrame, ...] = ()
    age: float | None = None
    uses: int = 0
    host: str | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    expected_hold: float | None = None
    is_adopted: bool = False
    is_retired: bool = False
    is_unreferenced: bool = False
    quiet_for: float = 0.0
    statements: int = 0
    busy_for: float = 0.0
    in_statement: float | None = None
    user: Owner | None = None
    owner_ended_for: float | None = None
    #: False where nobody saw when that was, so that it ended at most so long ago.
    owner_end_seen: bool = True
    handed_over: bool = False
    in_use_by: str = ""
    #: What the database server says of this connection; None without `backends=`.
    backend: Backend | None = None
    #: Numbers of the connections of this pool that its owner holds as well.
    beside: tuple[int, ...] = ()
    #: The tasks that wait for what its user does (`gather`, a task group), the nearest first.
    awaited_by: tuple[Owner, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A caller in the queue."""

    call_site: CallSite
    owner: Owner
    request: HttpRequest | None
    waited_for: float
    since: datetime
    stack: tuple[StackFrame, ...] = ()
    expected_hold: float | None = None
    awaited_by: tuple[Owner, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A checkout that nobody returned: the garbage collector found it at `ended_at`."""

    call_site: CallSite
    stack: tuple[StackFrame, ...]
    owner: Owner
    request: HttpRequest | None
    held_for: float
    backend_pid: int | None
    since: datetime
    ended_at: datetime
    ended_ago: float
    connection: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """A checkout that had been quiet beyond its call site's bound, and then was returned."""

    call_site: CallSite
    stack: tuple[StackFrame, ...]
    owner: Owner
    request: HttpRequest | None
    held_for: float
    quiet: float
    bound: float
    backend_pid: int | None
    since: datetime
    ended_at: datetime
    ended_ago: float
    connection: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSiteStats:
    """What one line of the application did with a pool since the watch began.

    `share` is its part of all connection time (0..1); `open` counts what it holds at the moment.
    `quiet_time` is, for each of the last checkouts that came back (16,000 to 50,000 as long as
    somebody looks), the longest time without a statement (the hold if none was seen); `busy_time`
    the seconds in `statements` of checkouts that came back; `came_back` counts what had been quiet
    beyond the bound; `nested` requests whose owner held a connection of this pool already, counted
    as in `Nesting`; `handed_on` is the part (0..1) that others used last, or outlived its owner.
    """

    call_site: CallSite
    stack: tuple[StackFrame, ...]
    checkouts: int
    open: int
    failures: int
    lost: int
    share: float
    total_hold: float
    use_time: Distribution
    wait_time: Distribution
    quiet_time: Distribution = EMPTY
    statements: int = 0
    busy_time: float = 0.0
    came_back: int = 0
    nested: int = 0
    handed_on: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """Requests by owners that held one of the same pool: `depth` at once, by `owners` at once.

    Both are the highest that were seen (Cm and Tn of HikariCP's formula); `outer` is the line that
    held last, `inner` the line that asked for one more, got or not. What has ended is counted if it
    is among the last 20,000 requests when somebody looks.
    """

    outer: CallSite
    inner: CallSite
    count: int
    depth: int
    owners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLag:
    """How late an event loop is on which holders or waiters of `pools` live.

    `lag` is in seconds: of what has not run yet while `is_blocked`, else of what ran late. `name`
    is that of its thread, `stack` what that thread was seen to do instead, innermost first; empty
    where nobody could look. `since` is when it began to be late.
    """

    name: str
    lag: float
    since: datetime
    is_blocked: bool = False
    stack: tuple[StackFrame, ...] = ()
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSnapshot:
    """One pool. Counts since the watch began; distributions over the last `window` seconds.

    `max` and `size` are None when the pool has no bound; `overflow` is what is open beyond size.
    `own_used` and `own_idle` are the library's own counts, None where it keeps none; `unmatched`
    counts returns that belong to no checkout; `probe_errors` our own failures.
    """

    name: str
    library: str
    config: Mapping[str, object]
    kind: str = ""
    backend: str = ""
    address: str = ""
    state: str = "open"
    size: int | None = None
    max: int | None = None
    idle_min: int | None = None
    used: int = 0
    idle: int = 0
    overflow: int = 0
    count: int = 0
    peak: int = 0
    peak_at: datetime | None = None
    pending_requests: int = 0
    oldest_wait: float | None = None
    timeouts: int = 0
    last_timeout: datetime | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    checkouts: int = 0
    checkins: int = 0
    created: int = 0
    closed: int = 0
    closed_by: Mapping[str, int] = field(default_factory=dict)
    detached: int = 0
    lost: int = 0
    checkout_rate: float = 0.0
    window: float = 900.0
    wait_time: Distribution = EMPTY
    use_time: Distribution = EMPTY
    create_time: Distribution = EMPTY
    phases: Mapping[str, Distribution] = field(default_factory=dict)
    #: `wait_time`, `use_time` and `create_time` since the watch began.
    lifetime: Mapping[str, Distribution] = field(default_factory=dict)
    open: tuple[Checkout, ...] = ()
    waiting: tuple[Waiter, ...] = ()
    recently_lost: tuple[Lost, ...] = ()
    recently_back: tuple[CameBack, ...] = ()
    nestings: tuple[Nesting, ...] = ()
    #: Whether statements can be seen, so that quiet time is more than the hold.
    sees_statements: bool = False
    #: The line that made the pool, where it was seen.
    born_at: CallSite | None = None
    #: Of a pool that is kept by `pool-dashboard serve`.
    health: Health | None = None
    call_sites: tuple[CallSiteStats, ...] = ()
    since: datetime | None = None
    #: When the picture was taken.
    at: datetime | None = None
    own_used: int | None = None
    own_idle: int | None = None
    limited: tuple[str, ...] = ()
    unmatched: int = 0
    probe_errors: int = 0
    last_probe_error: str | None = None
    #: The event loop that its holders or waiters wait for, while that is blocked.
    blocked_by: LoopLag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What watching costs and drops: bytes kept, the budget, samples not shown, call sites cut."""

    memory: int = 0
    budget: int = 0
    sampled_out: int = 0
    coarser: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Every pool of one process at `at` (aware)."""

    at: datetime
    source: Source
    pools: Mapping[str, PoolSnapshot]
    overhead: Overhead = field(default_factory=Overhead)
    #: Event loops that are blocked or were within a minute, the latest first; else empty.
    loops: tuple[LoopLag, ...] = ()
    #: What the database server says of itself; None without `backends=`.
    server: Activity | None = None
