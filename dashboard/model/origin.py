"""Where a checkout comes from: call site, owner, HTTP request, and the caller's own words."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallSite:
    """The application's line that asked for a connection.

    `file` is relative to the import path; `line` is 0 where there is no line to name.
    """

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


#: Their owner.
UNKNOWN_OWNER = Owner("unknown", "")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The HTTP request that was running: method and route template, never the path's values."""

    method: str
    route: str

    def __str__(self) -> str:
        """`GET /orders/{id}`."""
        return f"{self.method} {self.route}"


class Setting:
    """What surrounds a checkout: the HTTP request, and how long it is expected to hold."""

    __slots__ = ("_request", "expected_hold")

    def __init__(
        self, request: HttpRequest | None = None, expected_hold: float | None = None
    ) -> None:
        """`expected_hold` in seconds."""
        self._request = request
        self.expected_hold = expected_hold

    @property
    def request(self) -> HttpRequest | None:
        """The HTTP request, None outside of one."""
        return self._request


#: One variable for both, so that a checkout pays for one look-up.
SETTING: ContextVar[Setting | None] = ContextVar("pool_dashboard_setting", default=None)
