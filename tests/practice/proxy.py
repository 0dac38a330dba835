"""A proxy as a service has one: it ends TLS, takes a prefix off, and says so in headers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import httpx
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.house.servers import running

#: Those that belong to one hop only.
_HOP: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def proxy(upstream: str, prefix: str) -> Starlette:
    """Hands what is below `prefix` to `upstream`; a stream arrives as it is sent."""
    client = httpx.AsyncClient(base_url=upstream, timeout=httpx.Timeout(30, read=None))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    async def forward(request: Request) -> Response:
        headers = {key: value for key, value in request.headers.items() if key not in _HOP}
        headers |= {"host": request.headers["host"], "x-forwarded-proto": request.url.scheme}
        query = f"?{request.url.query}" if request.url.query else ""
        asked = client.build_request(
            request.method,
            request.url.path.removeprefix(prefix) + query,
            headers=headers,
            content=await request.body(),
        )
        answer = await client.send(asked, stream=True)

        async def body() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            finally:
                await answer.aclose()

        passed = StreamingResponse(body(), answer.status_code)
        passed.raw_headers = [
            (key, value) for key, value in answer.headers.raw if key.decode().lower() not in _HOP
        ]
        return passed

    return Starlette(
        routes=[Route(prefix + "/{path:path}", forward, methods=["GET", "HEAD", "POST"])],
        lifespan=lifespan,
    )


@contextmanager
def https(app: Starlette, folder: Path) -> Iterator[str]:
    """Serves with a certificate of its own authority."""
    certificate, key = folder / "server.pem", folder / "server.key"
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_pem.write_to_path(key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(certificate, append=True)
    with running(app, ssl_certfile=certificate, ssl_keyfile=key) as port:
        yield f"https://localhost:{port}"
