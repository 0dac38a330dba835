"""Sites that tests look at, and every address of one."""

from collections.abc import Callable

from starlette.types import ASGIApp

from dashboard.web.access import Access
from dashboard.web.site import Site, build

from .given import Given, orders

Serve = Callable[[ASGIApp], str]
Make = Callable[..., Site]
#: Addresses and the status of each when the caller may look.
ADDRESSES = {
    "/": 200,
    "/pools/orders": 200,
    "/leaks": 200,
    "/advice": 200,
    "/advice?pool=orders&question=leak": 200,
    "/pools/orders?predict=1": 200,
    "/pools/orders?at=1795338140": 200,
    "/?at=tomorrow": 400,
    "/events": 200,
    "/incidents": 200,
    "/api/pools": 200,
    "/api/pools/orders": 200,
    "/api/suspects": 200,
    "/api/advice": 200,
    "/api/incidents": 200,
    "/metrics": 200,
    "/report.md": 200,
    "/readyz": 200,
    "/static/nothing.css": 404,
    "/nowhere": 404,
    "/pools/unknown": 404,
    "/api/pools/unknown": 404,
    "/api/nowhere": 404,
    "/incidents/unknown": 404,
    "/api/incidents/unknown": 404,
    "/api/stream?pool=unknown": 404,
    "/?range=banana": 400,
    "/api/pools/orders?range=banana": 400,
}


def opened(given: Given | None = None) -> Site:
    """A site that everybody may see."""
    return build(given or orders(), Access(allow_unauthenticated=True))
