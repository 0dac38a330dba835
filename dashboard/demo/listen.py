"""Sockets and servers of the demo: loopback only, and no signal handling of their own."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from ..serving import Ending
from .errors import DemoError


def bind(listen: str, *, has_token: bool = False) -> socket.socket:
    """The socket for HOST:PORT, taken before anything slow is started; loopback without a token."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise DemoError(f"--listen takes HOST:PORT, not {listen!r}; try 127.0.0.1:8765")
    host = host.strip("[]")
    if not has_token and host != "localhost" and not _is_loopback(host):
        raise DemoError(
            f"without a token the demo listens on this machine only, not on {host!r}; "
            "try 127.0.0.1:8765, or set POOL_DASHBOARD_TOKEN"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is spelled out: asyncio sets TCP_NODELAY only then (40 ms for each answer).
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that an ended demo left in TIME_WAIT is free; one that is listened on is not.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise DemoError(
                f"port {port} is in use; choose another one with --listen {host}:PORT"
            ) from error
        raise DemoError(f"cannot listen on {listen}: {error.strerror}") from error
    return bound


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket) -> AsyncIterator[None]:
    """Answer on `bound` until the block ends; open streams get two seconds."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = Ending(config)
    task = asyncio.create_task(server.serve(sockets=[bound]), name="server")
    try:
        yield
    finally:
        # Not handle_exit: sse-starlette would end all streams of this process, for good.
        server.should_exit = True
        await task


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
