"""Drops the connection of a client that takes nothing.

ASGI has no word for it. Measured with uvicorn 0.54: a response that is given up closes its
connection only when all of it was sent, which a stalled client never allows; until then it keeps
memory, and without `timeout_graceful_shutdown` the host's server does not end.
"""

import os
import socket
import stat
from typing import Final

from starlette.types import Scope

_DESCRIPTORS: Final = "/dev/fd"


def drop(scope: Scope) -> bool:
    """Shuts the TCP connection with this request's two addresses; False if there is none here."""
    ends = scope.get("server"), scope.get("client")
    # With a default timeout, looking at a socket would make it non-blocking for its owner.
    if None in ends or socket.getdefaulttimeout() is not None:
        return False
    try:
        descriptors = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - numbers, not paths
    except OSError:
        return False
    return any(_shut(int(number), [tuple(end) for end in ends if end]) for number in descriptors)


def _shut(descriptor: int, ends: list[tuple[object, ...]]) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            if [copy.getsockname()[:2], copy.getpeername()[:2]] != ends:
                return False
            copy.shutdown(socket.SHUT_RDWR)
    except OSError:  # Not connected, or closed since it was listed.
        return False
    return True
