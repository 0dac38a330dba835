"""aiohttp's own connector, driven through made-up requests by a clock that nobody waits for."""

import asyncio
import heapq
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from aiohttp import BaseConnector, ClientTimeout
from aiohttp.client_reqrep import ConnectionKey

#: When it asks, how long it holds, which host, after how many seconds it gives up.
Asking = tuple[float, float, int, float | None]


class Clockwork(asyncio.SelectorEventLoop):
    """Time is where the next timer is."""

    _at = 0.0

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._at

    def _run_once(self) -> None:
        loop: Any = self
        while loop._scheduled and loop._scheduled[0]._cancelled:
            heapq.heappop(loop._scheduled)._scheduled = False
            loop._timer_cancelled_count -= 1
        if loop._scheduled and not loop._ready:
            self._at = max(self._at, loop._scheduled[0]._when)
        loop_class: Any = super()
        loop_class._run_once()


class _Wire:
    """A connection that leads nowhere."""

    transport = None
    closed = None
    should_close = is_gone = False

    def is_connected(self) -> bool:
        return not self.is_gone

    def close(self) -> None:
        self.is_gone = True


class _Connector(BaseConnector):
    async def _create_connection(self, *_: Any) -> Any:
        return _Wire()


def waits(requests: Sequence[Asking], limit: int, per_host: int, keep: float) -> list[float | None]:
    """Seconds until each had its connection, None for one that gave up."""
    found: list[float | None] = [None] * len(requests)

    async def one(connector: BaseConnector, place: int) -> None:
        at, hold, host, patience = requests[place]
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at)
        key = ConnectionKey(f"host{host}", 80, False, True, None, None, None)  # noqa: FBT003
        asked, request = loop.time(), SimpleNamespace(connection_key=key, proxy=None)
        limits = ClientTimeout(total=None, connect=patience)
        try:
            connection = await connector.connect(request, [], limits)  # type: ignore[arg-type]
        except TimeoutError:
            return
        found[place] = loop.time() - asked
        await asyncio.sleep(hold)
        connection.release()

    async def everybody() -> None:
        limits: dict[str, Any] = {"keepalive_timeout": keep} if keep else {"force_close": True}
        connector = _Connector(limit=limit, limit_per_host=per_host, **limits)
        await asyncio.gather(*(one(connector, place) for place in range(len(requests))))
        await connector.close()

    with asyncio.Runner(loop_factory=Clockwork) as runner:
        runner.run(everybody())
    return found
