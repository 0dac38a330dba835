"""Whether an answer that nobody has read can still be read by anybody.

aiohttp keeps a response until its body has arrived whole, so that one which the application let go
of is not collected. Once its buffer is full nothing arrives any more until somebody reads: if none
but the library refers to the response and to its body then, the connection is lost until the server
hangs up. Read in 3.11 to 3.14.
"""

import sys
from typing import Any, Final

from aiohttp.client_proto import ResponseHandler

#: What the protocol keeps of a response: a method of it, to be called at the end of the body.
_AT_EOF: Final = "_response_eof"
#: References to a response from outside the application.
_RESPONSE: Final = 1
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def is_dropped(protocol: Any) -> bool:
    """May be called in any thread; two counts and a few look-ups."""
    body = protocol._payload
    if _BODY is None or protocol.upgraded or not protocol._reading_paused:
        return False
    # Who has the response can get at its body, never the other way round: so that what was counted
    # and had no reference cannot have gained one while the next is counted.
    responses = [each.__self__ for each in list(body._eof_callbacks) if _is_end(each)]
    return (
        len(responses) == 1
        and _references(responses) == _RESPONSE
        and body._waiter is None
        and _references([body], held=1) <= _BODY
    )


def _is_end(callback: Any) -> bool:
    return getattr(callback, "__name__", "") == _AT_EOF and hasattr(callback, "__self__")


def _references(only: list[Any], held: int = 0) -> int:
    """References to the one in a list but for those of the list, and `held` by the caller."""
    return _count(only) - _LISTED - held


def _count(only: list[Any]) -> int:
    return sys.getrefcount(only[0])


def _body() -> int | None:
    """References to a body that nobody but the library has; None where that cannot be known."""
    is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()
    if sys.implementation.name != "cpython" or is_free:
        return None
    try:
        loop: Any = object()
        protocol: Any = ResponseHandler(loop)
        protocol.set_response_params()
        protocol.data_received(_HEAD)
        protocol._buffer.clear()
        # The response, which was not made here, has one more.
        return _references([protocol._payload]) + 1
    except Exception:  # Another version: it is not told, then.
        return None


_LISTED: Final = _count([object()])
_BODY: Final = _body()
