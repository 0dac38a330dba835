"""Where a checkout comes from: call site, owner, HTTP request, and the caller's own words."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallSite:
    """The application's line that asked for a connection."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """`shop/orders.py:88 place_order`."""
        if not self.line:
            return self.function
        return f"{self.file}:{self.line} {self.function}"


#: Checkouts that were out before the watch began have no call site.
UNKNOWN_SITE = CallSite("", 0, "(before the watch)")

#: No application frame was found: the pool library called itself.
LIBRARY_SITE = CallSite("", 0, "(library)")

#: More distinct call sites than the recorder keeps.
OTHER_SITE = CallSite("", 0, "(other call sites)")


@dataclass(frozen=True, slots=True)
class Owner:
    """The task or thread that asked; `kind` is `task`, `thread` or `unknown`."""

    kind: str
    name: str
    ident: int = 0
    is_alive: bool = True

    def __str__(self) -> str:
        """`task worker-3`."""
        return f"{self.kind} {self.name}" if self.kind != "unknown" else "unknown"


UNKNOWN_OWNER = Owner("unknown", "", 0)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The HTTP request that was running: method and route template, never the path's values."""

    method: str
    route: str

    def __str__(self) -> str:
        """`GET /orders/{id}`."""
        return f"{self.method} {self.route}"


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds a checkout: the HTTP request and how long it is expected to hold."""

    request: HttpRequest | None = None
    expected_hold: float | None = None


#: One variable for both, so that a checkout pays for one look-up.
SETTING: ContextVar[Setting | None] = ContextVar("pool_dashboard_setting", default=None)
