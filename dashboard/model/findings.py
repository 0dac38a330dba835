"""What analysis says: suspects, advice, incidents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A change worth making, with the reason; `change` is a diff in the library's own options."""

    rule: str
    pool: str
    severity: str
    title: str
    evidence: tuple[str, ...]
    change: str
    effect: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A moment worth keeping: the state of a pool when it ran out."""

    id: str
    pool: str
    at: datetime
    cause: str
    snapshot: PoolSnapshot
