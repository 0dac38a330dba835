"""Requests as plain data, and what a policy makes of them."""

from starlette.types import Scope

from dashboard.web.access import Access, Entry, Refusal

HOST = (b"host", b"pools.example.com")


def scope(
    *headers: tuple[bytes, bytes],
    path: str = "/",
    query: bytes = b"",
    method: str = "GET",
    client: str = "192.0.2.7",
    **more: object,
) -> Scope:
    """A request as a server hands it over."""
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": list(headers or (HOST,)),
        "client": (client, 50000),
        **more,
    }


def bearer(token: str) -> tuple[bytes, bytes]:
    """The header that carries a token."""
    return b"authorization", f"Bearer {token}".encode()


async def status(access: Access, given: Scope) -> int:
    """The status of a refusal, 200 when the request goes on, 303 when it is sent elsewhere."""
    decision = await access.decide(given)
    if isinstance(decision, Refusal):
        return decision.status
    return 303 if isinstance(decision, Entry) else 200
