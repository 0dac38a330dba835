"""Keeps configured pools: opens them when their servers answer, asks after them, closes them."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from .health import Pulse
from .model.errors import DashboardError
from .model.health import Health
from .opening import Origin
from .probes import module_for
from .probes._opening import Ping
from .settings import PoolSettings, said

#: Seconds until a pool that could not be opened is tried again: from and to.
_RETRY: Final = (1.0, 30.0)
#: Seconds in which every pool is closed.
CLOSE: Final = 3.0
_random: Final = random.SystemRandom()


class Watch(Protocol):
    """What is told of the health of a pool."""

    health: Health | None

    def stop(self) -> None:
        """End it."""


class Keeper:
    """One pool, from its settings to its end."""

    def __init__(
        self,
        settings: PoolSettings,
        watch: Callable[[object, str], Watch],
        tell: Callable[[str], None],
    ) -> None:
        """`watch` begins to watch a pool by a name, `tell` is called when its health changes."""
        self.settings = settings
        self._watch_it = watch
        self._tell = tell
        self._pulse = Pulse(settings, tell)
        self._origin = Origin(settings)
        self._pool: Any = None
        self._opener: Any = None
        self._watch: Watch | None = None
        self._ping: Ping | None = None

    @property
    def pool(self) -> object | None:
        """None until it is made."""
        pool: object = self._pool
        return pool

    def wrong(self, what: str) -> DashboardError:
        """An error of this pool, with its place."""
        return self._origin.wrong(what)

    def prepare(self) -> None:
        """Make the pool, unless a function of the user makes it; in the event loop."""
        if self._origin.is_at_hand:
            self._take(self._origin.make())

    def _take(self, pool: object) -> None:
        # First of all: whatever is refused below, it is ours to close.
        self._pool, self._opener = pool, self._origin.opener_of(pool)
        if self.settings.probe is not None:
            try:
                self._ping = self._opener.ping(pool, self.settings.url)
            except ValueError as error:
                words = f"[pools.{self.settings.name}] {error}"
                raise self._origin.wrong(words, "probe") from error
        if self._watch is not None:
            self._watch.stop()
        self._watch = self._watch_it(pool, self.settings.name)
        self._show()

    def _show(self) -> None:
        if self._watch is not None:
            self._watch.health = self._pulse.health

    async def run(self) -> None:
        """Open the pool, again and again if need be, and ask after it for good."""
        await self._open()
        while self._ping is not None and self.settings.probe is not None:
            began = time.monotonic()
            await self._pulse.ask(self._ping, self.settings.probe)
            self._show()
            pause = self.settings.probe * _random.uniform(0.9, 1.1)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))

    async def _open(self) -> None:
        wait, longest = _RETRY
        while True:
            try:
                if self._pool is None:
                    self._take(await self._origin.called())
                await self._opener.start(self._pool)
            except DashboardError:
                raise
            except Exception as error:  # noqa: BLE001 -- the server's, or the user's function's
                if not await self._failed_to_open(error):
                    return
            else:
                self._pulse.opened()
                self._show()
                return
            await asyncio.sleep(wait * _random.uniform(0.9, 1.1))
            wait = min(2 * wait, longest)

    async def _failed_to_open(self, error: Exception) -> bool:
        """Put a fresh pool in the place of the spent one; whether there is another try."""
        self._pulse.not_opened(error)
        self._show()
        spent = self._pool
        if spent is not None and not self._origin.is_renewable:
            return False
        if spent is not None:
            with contextlib.suppress(Exception):
                await self._opener.close(spent)
            self._pool = None
        self.prepare()
        return True

    async def close(self) -> None:
        """Close the pool; what does not end in time is cut."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE):
                await self._opener.close(self._pool)
        except Exception as error:  # noqa: BLE001 -- the others are to be closed as well
            self._tell(f"{self.settings.name} was cut: {said(error, self.settings.secrets)}")


class Keepers:
    """Every pool of a file."""

    def __init__(
        self,
        pools: Iterable[PoolSettings],
        watch: Callable[[object, str], Watch],
        tell: Callable[[str], None],
    ) -> None:
        """Imports what is to be imported; DashboardError if it cannot be had."""
        self._watch = watch
        self.each = [Keeper(one, self._watch_once, tell) for one in pools]

    def _watch_once(self, pool: object, name: str) -> Watch:
        """One pool under two names would lose the first."""
        hooked = module_for(pool).pool_of(pool)
        for other in self.each:
            kept = other.pool if other.settings.name != name else None
            if kept is not None and module_for(kept).pool_of(kept) is hooked:
                mine = next(each for each in self.each if each.settings.name == name)
                raise mine.wrong(
                    f"[pools.{name}] is the same pool as [pools.{other.settings.name}]"
                )
        return self._watch(pool, name)

    def prepare(self) -> None:
        """Make every pool that is at hand; in the event loop."""
        for keeper in self.each:
            keeper.prepare()

    async def run(self) -> None:
        """Until it is cancelled; DashboardError if a function of the user makes no pool."""
        try:
            async with asyncio.TaskGroup() as group:
                for keeper in self.each:
                    name = f"health query of {keeper.settings.name}"
                    group.create_task(keeper.run(), name=name)
                await asyncio.get_running_loop().create_future()
        except BaseExceptionGroup as errors:
            told = errors.subgroup(DashboardError)
            raise (told or errors).exceptions[0] from None

    async def close(self) -> None:
        """All at once."""
        await asyncio.gather(*(keeper.close() for keeper in self.each))
