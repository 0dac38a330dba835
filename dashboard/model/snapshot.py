"""The state of every pool at one instant; frozen, safe to hand to any thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .distribution import EMPTY, Distribution
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

    `now` is what the owner does at this moment, innermost first, for those held over a second.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A caller in the queue."""

    call_site: CallSite
    owner: Owner
    request: HttpRequest | None
    waited_for: float
    since: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSiteStats:
    """What one line of the application did with a pool since the watch began.

    `share` is its part of all connection time (0..1); `open` counts what it holds at the moment.
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
