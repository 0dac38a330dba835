"""A proxy as a service has one: it ends TLS, takes a prefix off, and says so in headers."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import httpx
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dashboard.serving import Ending

_DEADLINE: Final = 10.0
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
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws="none",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=2,
    )
    with running(config) as port:
        yield f"https://localhost:{port}"


@contextmanager
def running(config: uvicorn.Config) -> Iterator[int]:
    """A server in a thread; answers its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = Ending(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="serving for a proxy"
        )
        thread.start()
        deadline = time.monotonic() + _DEADLINE
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.005)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_DEADLINE)
