"""One request to an application, without a server."""

import asyncio

import httpx
from starlette.types import ASGIApp


def ask(app: ASGIApp, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"accept-encoding": "identity", **named}

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=named)

    return asyncio.run(asked())
