"""The methods of a watched aiohttp connector's swapped class.

Only `connect` is a coroutine of ours, so that the host's traceback has one frame more and no await
is added: the rest note something and hand on the library's own coroutine. Read in 3.11 to 3.14.
"""

import asyncio
import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from ..model.claim import CONNECTION, Claim
from ._aiohttp_slots import Slots

_ENDED: Final = (GeneratorExit, KeyboardInterrupt, SystemExit)


def overrides(slots: Slots, kind: type[Any]) -> dict[str, Any]:
    """The methods that this connector has; each calls the library's own, arguments unchanged."""
    makers: dict[str, Callable[[Slots, Any], Any]] = {
        "connect": _connect,
        "_get": _get,
        "_wait_for_available_connection": _wait_for_available_connection,
        "_create_connection": _create_connection,
        "_wrap_create_connection": _wrap_create_connection,
        "_release": _release,
        "_cleanup": _cleanup,
        "_close": _close,
    }
    return {
        name: make(slots, getattr(kind, name))
        for name, make in makers.items()
        if hasattr(kind, name)
    }


def _connect(slots: Slots, plain: Any) -> Any:
    tap, asking = slots.tap, slots.asking

    async def connect(self: Any, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109
        claim = tap.asked()
        try:
            asking[id(req)] = req.url
        except Exception as error:
            tap.sink.broke("connect", error)
        try:
            connection = await plain(self, req, traces, timeout)
        except BaseException as error:
            _fail(slots, self, claim, req, traces, error)
            raise
        slots.took(self, claim, req, connection)
        return connection

    return connect


def _fail(
    slots: Slots, connector: Any, claim: Claim, req: Any, traces: Any, error: BaseException
) -> None:
    sink = slots.tap.sink
    try:
        claim[CONNECTION] = slots.wish(req)
        was_opening = slots.gave_up(connector, req, traces)
        if slots.is_stopped:
            sink.withdrawn(claim)
            return
        sink.failed(claim, *_why_failed(connector, req, error, was_opening=was_opening))
    except Exception as problem:
        sink.broke("connect", problem)
        sink.withdrawn(claim)


def _why_failed(
    connector: Any, req: Any, error: BaseException, *, was_opening: bool
) -> tuple[str, str]:
    """Reason and the exception's class.

    `timeout` means that the pool gave no slot in time; when connecting had begun, running out of
    time (`connect`, `sock_connect` or `total`) is a `connection_error`.
    """
    name = type(error).__name__
    is_cancelled = isinstance(error, asyncio.CancelledError)
    if is_cancelled and getattr(getattr(req, "_timer", None), "_cancelled", False):
        name = "TimeoutError"  # `ClientTimeout.total` cancels the task.
    if name == "TimeoutError" or isinstance(error, TimeoutError):
        return ("connection_error" if was_opening else "timeout"), name
    if isinstance(error, _ENDED) or (is_cancelled and _is_cancelled_by_host()):
        return "cancelled", name
    if connector._closed:
        return "pool_closed", name
    return ("cancelled" if is_cancelled else "connection_error"), name


def _is_cancelled_by_host() -> bool:
    """A closing connector cancels what its callers wait for, not the callers."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _get(slots: Slots, plain: Any) -> Any:
    """Looks at what is idle before the library does: it closes what it cannot use again."""

    def _get(self: Any, key: Any, traces: Any) -> Any:
        try:
            if slots.peeked:
                slots.settle(self)
            idle = self._conns.get(key)
            if idle:
                slots.peeked = tuple(idle)
        except Exception as error:
            slots.tap.sink.broke("get", error)
        return plain(self, key, traces)

    return _get


def _wait_for_available_connection(slots: Slots, plain: Any) -> Any:
    def _wait_for_available_connection(self: Any, *args: Any, **kwargs: Any) -> Any:
        slots.settle(self)
        return plain(self, *args, **kwargs)

    return _wait_for_available_connection


def _create_connection(slots: Slots, plain: Any) -> Any:
    def _create_connection(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        slots.opens(self, req)
        return plain(self, req, *args, **kwargs)

    return _create_connection


def _wrap_create_connection(slots: Slots, plain: Any) -> Any:
    """The addresses are known: name look-up ended. Called again for each further address."""

    def _wrap_create_connection(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            opening = slots.opening.get(id(kwargs.get("req")))
            if opening is not None and opening[1] is None and _is_name(kwargs["req"].url.host):
                opening[1] = slots.tap.sink.now()
        except Exception as error:
            slots.tap.sink.broke("resolve", error)
        return plain(self, *args, **kwargs)

    return _wrap_create_connection


def _release(slots: Slots, plain: Any) -> Any:
    """The true return: a slot is given back here, in one step, or it had been before."""

    def _release(self: Any, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        is_held = is_broken = False
        try:
            is_held = protocol in self._acquired
            # Before the library closes it: that clears its exception.
            if should_close and sys.exc_info()[1] is not None:
                is_broken = True  # What went wrong is on its way to the caller.
            elif protocol._exception is not None or not protocol.is_connected():
                is_broken = not protocol.upgraded  # A websocket's server may hang up first.
        except Exception as error:
            slots.tap.sink.broke("release", error)
        plain(self, key, protocol, should_close=should_close)
        if is_held:
            slots.returned(self, key, protocol, is_broken=is_broken)
        else:
            slots.strayed(self, key, protocol)

    return _release


def _cleanup(slots: Slots, plain: Any) -> Any:
    """Once in a keep-alive time."""

    def _cleanup(self: Any) -> None:
        idle: list[tuple[int, str]] = []
        try:
            for protocols in self._conns.values():
                for protocol, _ in protocols:
                    idle.append((id(protocol), "idle" if protocol.is_connected() else "stale"))
        except Exception as error:
            slots.tap.sink.broke("cleanup", error)
        plain(self)
        slots.cleaned(self, idle)

    return _cleanup


def _close(slots: Slots, plain: Any) -> Any:
    """Of the session, of the connector, and by the garbage collector; a second time is nothing."""

    def _close(self: Any, *args: Any, **kwargs: Any) -> Any:
        was_closed = self._closed
        try:
            return plain(self, *args, **kwargs)
        finally:
            if not was_closed:
                slots.was_dropped = sys._getframe(1).f_code.co_name == "__del__"
                slots.was_closed()

    return _close


def _is_name(host: str) -> bool:
    """Whether there was anything to look up."""
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
