"""One checkout from asking to returning, as far as it is remembered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .origin import CallSite, HttpRequest, Owner
from .snapshot import StackFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """`state` is `waiting`, `held`, `returned`, `lost`, or the reason of a failure.

    `wait_time` and `use_time` go on while it waits or holds. `owner` is None when only the trace
    remembers the checkout: times, call site and connection are kept longer than the rest.
    """

    claim: int
    pool: str
    state: str
    call_site: CallSite
    stack: tuple[StackFrame, ...]
    asked: datetime
    wait_time: float
    got: datetime | None = None
    use_time: float | None = None
    ended: datetime | None = None
    owner: Owner | None = None
    request: HttpRequest | None = None
    connection: int | None = None
    backend_pid: int | None = None
    host: str | None = None
    expected_hold: float | None = None
    error: str | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
