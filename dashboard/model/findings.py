"""What analysis says: suspects, advice, incidents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .events import PoolEvent
from .origin import CallSite, HttpRequest, Owner
from .snapshot import LoopLag, PoolSnapshot, StackFrame

VERDICTS: Final = (
    "lost",
    "orphaned",
    "overdue",
    "stalled",
    "held_elsewhere",
    "long_query",
    "nested",
    "deadlocked",
    "ghost",
    "returned",
)
CERTAINTIES: Final = ("proven", "probable", "possible")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A checkout that may be a leak, with the evidence for it. Times are float seconds."""

    pool: str
    verdict: str
    certainty: str
    call_site: CallSite
    stack: tuple[StackFrame, ...]
    owner: Owner
    request: HttpRequest | None
    held_for: float
    evidence: tuple[str, ...]
    since: datetime
    now: tuple[StackFrame, ...] = ()
    usual: float | None = None
    backend_pid: int | None = None
    ended_at: datetime | None = None
    #: The number of the connection in its pool; 0 where there is none.
    connection: int = 0
    #: Seconds without a statement, and the bound that this is compared with.
    quiet_for: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """How fast a line loses connections of a pool, and when the last one is gone. Seconds.

    One slot is lost `every` so often, by `suspects` in `observed`. `left` slots are neither lost by
    any line nor needed at busy times (95th percentile); they last for `exhausted_in`, with 90 %
    certainty for `low` to `high`. None where it takes more than one loss or a bound to say.
    """

    pool: str
    call_site: CallSite
    suspects: int
    observed: float
    every: float
    left: float | None = None
    exhausted_in: float | None = None
    low: float | None = None
    high: float | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """An owner that holds a connection of one pool and waits for one of this pool or another."""

    owner: Owner
    request: HttpRequest | None
    holds: str
    holds_at: CallSite
    held_for: float
    waits: str
    waits_at: CallSite
    waited_for: float
    connection: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knot:
    """A circular wait: everybody who holds a connection of `pools` waits for one of them.

    `floor` connections would rule it out: Tn x (Cm - 1) + 1 for `owners` (Tn) that want `depth`
    (Cm) each at once, as observed; None where more than one pool takes part. `dead` of the slots
    are held by nobody who could ever return them.
    """

    pools: tuple[str, ...]
    ties: tuple[Tie, ...]
    sentence: str
    owners: int
    depth: int
    floor: int | None = None
    dead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One owner in two pools: it holds a connection of one, and waits for or holds one of another.

    `waits` is the pool that it waits for, `holds_too` the one of which it has a connection already;
    one of them is empty. `quiet_for`: how long the first connection has had nothing to do.
    """

    owner: Owner
    request: HttpRequest | None
    holds: str
    holds_at: CallSite
    connection: int
    held_for: float
    quiet_for: float
    waits: str = ""
    holds_too: str = ""
    other_at: CallSite
    other_for: float
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A change worth making, with the reason; `change` is a diff in the library's own options.

    `severity` is `critical`, `warning` or `info`; `confidence` `high`, `medium` or `low`; `why` the
    rule's explanation in a paragraph; `held_back` says which gate keeps a larger pool from being
    advised. `benefit` compares an advice with the same one later: seconds of p95, or a count.
    """

    rule: str
    pool: str
    severity: str
    title: str
    evidence: tuple[str, ...]
    change: str
    effect: str
    confidence: str
    why: str = ""
    held_back: str = ""
    benefit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A moment worth keeping: the state of a pool when it ran out.

    `cause` is `timeout`, `long_wait` or `exhausted`; `timeouts` counts those of the episode, which
    lasts until `ended_at` (None while it goes on). `events` are the last before it, oldest first;
    `loop_lag` is in seconds, None when nobody measured it.
    """

    id: str
    pool: str
    at: datetime
    cause: str
    snapshot: PoolSnapshot
    sentence: str = ""
    timeouts: int = 0
    ended_at: datetime | None = None
    suspects: tuple[Suspect, ...] = ()
    events: tuple[PoolEvent, ...] = ()
    loop_lag: float | None = None
    #: The event loops that were late meanwhile, as far as somebody looked.
    loops: tuple[LoopLag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """An incident without its picture, for lists. `holders` says in a sentence who held."""

    id: str
    pool: str
    at: datetime
    cause: str
    sentence: str
    holders: str = ""
    timeouts: int = 0
    ended_at: datetime | None = None
