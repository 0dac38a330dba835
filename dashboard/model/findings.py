"""What analysis says: suspects, advice, incidents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .events import PoolEvent
from .origin import CallSite, HttpRequest, Owner
from .snapshot import PoolSnapshot, StackFrame

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
class Advice:
    """A change worth making, with the reason; `change` is a diff in the library's own options.

    `severity` is `critical`, `warning` or `info`; `confidence` `high`, `medium` or `low`; `why` the
    rule's explanation in a paragraph; `held_back` says which gate keeps a larger pool from being
    advised.
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
