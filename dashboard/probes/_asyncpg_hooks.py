"""The methods of a watched asyncpg pool's swapped class and of its holders' swapped class.

None adds an await, and those that the library awaits are plain functions where that will do.
"""

import weakref
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from ..model.claim import Claim, new_claim
from ..model.origin import SETTING
from ._asyncpg_facts import why_failed
from ._outwards import awaiting
from .frames import NOWHERE
from .owners import NOBODY, TaskOwner, ThreadOwner, of, of_task
from .tap import Tap

if TYPE_CHECKING:
    from .asyncpg import Probe

#: A task that asyncio makes of `pool.acquire()` itself: it hands the connection on and ends.
_WRAPPER: Final = "_wrap_awaitable"


def of_pool(probe: "Probe", kind: Any) -> dict[str, Any]:
    """What a watched pool does differently: each calls the library's own, with the same words."""
    return _opening(probe, kind) | _acquiring(probe, kind) | _ending(probe, kind)


def _opening(probe: "Probe", kind: Any) -> dict[str, Any]:
    """The pool, and each of its connections."""
    plain_init, plain_connect = kind._async__init__, kind._get_new_connection

    async def _async__init__(self: Any) -> Any:
        was_closed = self._closed
        try:
            pool = await plain_init(self)
        except BaseException:
            if self._closed and not was_closed and not probe.is_stopped:
                probe.tap.sink.pool_closed()
            raise
        probe.hook_holders(self)
        return pool

    async def _get_new_connection(self: Any) -> Any:
        begun = probe.connecting(self)
        connection = await plain_connect(self)
        if begun is not None:
            probe.connected(self, connection, begun)
        return connection

    return {"_async__init__": _async__init__, "_get_new_connection": _get_new_connection}


def _acquiring(probe: "Probe", kind: Any) -> dict[str, Any]:
    tap, plain_acquire = probe.tap, kind._acquire

    async def _acquire(self: Any, timeout: float | None) -> Any:  # noqa: ASYNC109 -- the library's
        claim = asked(tap)
        began = 0.0
        if timeout is not None:
            began = self._loop.time()
            if type(timeout) in {float, int} and timeout < probe.shortest_timeout:
                probe.shortest_timeout = timeout
        try:
            proxy = await plain_acquire(self, timeout)
        except BaseException as error:
            probe.failed(claim, error, partial(why_failed, self, error, began, timeout))
            raise
        probe.take(claim, proxy)
        return proxy

    return {"_acquire": _acquire}


def _ending(probe: "Probe", kind: Any) -> dict[str, Any]:
    plain_expire, plain_close, plain_terminate = (
        kind.expire_connections,
        kind.close,
        kind.terminate,
    )

    async def expire_connections(self: Any) -> None:
        await plain_expire(self)
        probe.expired()

    async def close(self: Any) -> None:
        probe.closes(self)
        try:
            await plain_close(self)
        finally:
            probe.settle(self)

    def terminate(self: Any) -> None:
        probe.closes(self)
        probe.cut_at = probe.cut_at or monotonic()
        plain_terminate(self)
        probe.settle(self)

    return {"expire_connections": expire_connections, "close": close, "terminate": terminate}


def of_holder(probe: "Probe", pool: Any, kind: Any, *, has_strangers: bool) -> dict[str, Any]:
    """What the slots of a watched pool do differently.

    `has_strangers`: somebody was waiting or connecting before the watch began, unseen.
    """
    plain_give_back, plain_release = kind.release, kind._release
    plain_on_close, releasing = kind._release_on_close, probe.releasing

    def release(self: Any, timeout: float | None) -> Any:
        if self._in_use is not None:
            releasing.setdefault(id(self), probe.tap.sink.now())
        return plain_give_back(self, timeout)

    def _release(self: Any) -> None:
        if self._in_use is not None:
            # Before the slot is free: whether somebody still refers to the proxy is asked here.
            probe.returned(id(self))
        plain_release(self)

    def _release_on_close(self: Any) -> None:
        identity, reason = id(self._con), probe.why_closed(self)
        is_cut = reason == "error" and id(self) in probe.releasing
        plain_on_close(self)
        probe.closed(identity, reason or "error", "release" if is_cut else "")

    methods: dict[str, Any] = {
        "release": release,
        "_release": _release,
        "_release_on_close": _release_on_close,
        **_closing(probe, kind),
    }
    if pool._setup is not None:
        methods["_setup"] = _timed_setup(probe, kind._setup)
    if has_strangers:
        methods["_con"] = _told(probe, kind._con)
        methods["_in_use"] = _told(probe, kind._in_use)
    return methods


def _closing(probe: "Probe", kind: Any) -> dict[str, Any]:
    """How the connection of a slot ends: the reason is noted before the library acts."""
    plain_close, plain_terminate, why = kind.close, kind.terminate, probe.why

    def close(self: Any) -> Any:
        why[id(self)] = "pool_closed"
        return plain_close(self)

    def terminate(self: Any) -> None:
        # The pool restores its floor of connections by terminating those that are dead.
        is_ending = self.is_connected() or self._pool.is_closing()
        why[id(self)] = "pool_closed" if is_ending else "error"
        plain_terminate(self)
        why.pop(id(self), None)

    return {"close": close, "terminate": terminate}


def _timed_setup(probe: "Probe", slot: Any) -> property:
    """The pool's `setup` as a holder keeps it; it ends when the checkout does."""

    def read(self: Any) -> Callable[[Any], Any]:
        setup = slot.__get__(self)

        def timed(proxy: Any) -> Any:
            probe.setting_up[id(self)] = probe.tap.sink.now()
            return setup(proxy)

        return timed

    return property(read, slot.__set__)


def _told(probe: "Probe", slot: Any) -> property:
    """An attribute of a holder; a moment after it is set, what the watch missed is made up for."""

    def write(self: Any, value: object) -> None:
        slot.__set__(self, value)
        if value is not None:
            # Weakly: a pool that is dropped meanwhile must not live a loop turn longer.
            self._pool._loop.call_soon(_catch_up, probe, weakref.ref(self))

    return property(slot.__get__, write)


def _catch_up(probe: "Probe", holder_ref: "weakref.ref[Any]") -> None:
    holder = holder_ref()
    if holder is not None:
        probe.catch_up(holder)


def strangers(pool: Any) -> bool:
    """Whether somebody waits for a slot, or has taken one out of the queue and not yet in use."""
    queue = pool._queue
    if queue is None or not pool._holders:
        return False
    waiting = any(not getter.done() for getter in queue._getters)
    queued = len(queue._queue) + sum(holder._in_use is not None for holder in pool._holders)
    return pool._initializing or waiting or queued < len(pool._holders)


def asked(tap: Tap) -> Claim:
    """A caller asks: as `Tap.asked`, and across asyncio's own tasks. Called by the hook itself."""
    sink = tap.sink
    try:
        owner: TaskOwner | ThreadOwner = of_task()
        site = tap.locator.search(2)
        if site.is_outside and isinstance(owner, TaskOwner):
            owner = _taker(owner)
        claim = new_claim(sink.now(), site, owner, SETTING.get())
    except Exception as error:  # The host must not notice.
        sink.broke("origin", error)
        claim = new_claim(sink.now(), NOWHERE, NOBODY, None)
    sink.asked(claim)
    return claim


def _taker(owner: TaskOwner) -> TaskOwner:
    """Who gets the connection: a task that asyncio makes of `pool.acquire()` only hands it on."""
    task = owner.task
    while task is not None and getattr(task.get_coro(), "__name__", "") == _WRAPPER:
        task = next(awaiting(task), None)
        owner = owner if task is None else of(task)
    return owner
