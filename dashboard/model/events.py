"""What happens in a pool, in the words of MongoDB's CMAP.

`at` is in seconds of the watch's clock, `claim` ties the events of one checkout together.
"""

from dataclasses import dataclass, field
from typing import Final

from .origin import CallSite, HttpRequest, Owner

#: Why a connection was closed.
CLOSE_REASONS: Final = ("stale", "idle", "error", "pool_closed", "detached")

#: Why a checkout failed.
FAILURES: Final = ("timeout", "pool_closed", "connection_error", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEvent:
    """The base of all events."""

    at: float
    pool: str

    @property
    def kind(self) -> str:
        """The event's own name."""
        return type(self).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOpened(PoolEvent):
    """A watch began."""

    library: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCleared(PoolEvent):
    """Every connection was given up; the pool itself goes on (`engine.dispose()`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClosed(PoolEvent):
    """The pool takes no more checkouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCreated(PoolEvent):
    """Opening a connection to the server began."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReady(PoolEvent):
    """A connection is open; `create_time` is None where the library does not let it be seen."""

    connection: int
    create_time: float | None = None
    backend_pid: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(PoolEvent):
    """A connection was closed, for one of `CLOSE_REASONS`."""

    connection: int
    reason: str
    age: float | None = None
    uses: int = 0
    backend_pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDetached(PoolEvent):
    """The caller took a connection out of the pool for good."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvent(PoolEvent):
    """An event of one checkout."""

    claim: int
    call_site: CallSite
    owner: Owner
    request: HttpRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutStarted(ClaimEvent):
    """A caller asked; until the next event of this claim it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFailed(ClaimEvent):
    """A caller got nothing, for one of `FAILURES`; `error` is the exception's class."""

    reason: str
    wait_time: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut(ClaimEvent):
    """A caller got a connection after `wait_time` seconds (asked to got)."""

    connection: int
    wait_time: float
    backend_pid: int | None = None
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedIn(ClaimEvent):
    """A connection came back after `use_time` seconds (got to returned).

    `is_lost`: nobody returned it, the garbage collector found it.
    """

    connection: int
    use_time: float
    is_lost: bool = False
    phases: dict[str, float] = field(default_factory=dict)
