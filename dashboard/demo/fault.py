"""What every fault is: words for the visitor, a switch, and work that goes wrong."""

import asyncio
import time
from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from .load import Tally, Visitors
from .shop.app import Shop


class Fault(ABC):
    """A fault: what the visitor reads, and the work that makes it happen while it is on."""

    name: ClassVar[str]
    title: ClassVar[str]
    what_happens: ClassVar[str]
    look_for: ClassVar[str]
    pools: ClassVar[tuple[str, ...]]

    def __init__(self, shop: Shop, visitors: Visitors, seed: int) -> None:
        """Off at first."""
        self.tally = Tally()
        self.since: float | None = None
        self._shop = shop
        self._visitors = visitors
        self._seed = seed
        self._task: asyncio.Task[None] | None = None
        self._sent: set[asyncio.Task[None]] = set()

    @property
    def is_on(self) -> bool:
        """Whether it happens."""
        return self._task is not None

    @property
    def holds(self) -> str:
        """What it holds at the moment, as a phrase; empty when that is nothing."""
        return ""

    def on(self) -> None:
        """Let it happen; needs a running event loop."""
        if self._task is None:
            self.since = time.monotonic()
            # The same draws each time it is switched on.
            work = self._happen(Random(f"{self.name} {self._seed}"))
            self._task = asyncio.create_task(work, name=f"fault {self.name}")

    async def off(self) -> None:
        """Stop it, call off its requests, and give back what it holds."""
        tasks = self._sent | ({self._task} if self._task is not None else set())
        self._task = self.since = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._give_back()

    @abstractmethod
    async def _happen(self, random: Random) -> None:
        """Go wrong until cancelled."""

    async def _give_back(self) -> None:  # noqa: B027 - a default, not a gap
        """Most faults hold nothing once their requests ended."""

    def _send(self, method: str, target: str) -> None:
        task = self._visitors.send(self.name.replace("_", " "), self.tally, method, target)
        if task is not None:
            self._sent.add(task)
            task.add_done_callback(self._sent.discard)
