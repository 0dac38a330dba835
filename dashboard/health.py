"""What is known of the health of a configured pool, and the query that asks."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from .model.health import Health
from .probes._opening import Ping
from .settings import PoolSettings, said


class Pulse:
    """One pool's health; what changes is told in a sentence without secrets."""

    def __init__(self, settings: PoolSettings, tell: Callable[[str], None]) -> None:
        """Nothing is known yet."""
        self._settings = settings
        self._tell = tell
        self._seen = Health(every=settings.probe)

    @property
    def health(self) -> Health | None:
        """None for a pool that opened and has no query."""
        return self._seen if self._seen.every is not None or self._seen.error else None

    def opened(self) -> None:
        """The library's first connections are there."""
        if self._seen.error:
            self._tell(f"{self._settings.name} is open")
        self._seen = replace(self._seen, error="")

    def not_opened(self, error: BaseException) -> None:
        """They could not be had."""
        why = said(error, self._settings.secrets)
        if why != self._seen.error:
            self._tell(f"{self._settings.name} cannot be opened: {why}")
        self._seen = replace(self._seen, error=why)

    async def ask(self, ping: Ping, within: float) -> None:
        """One query; never longer than `within` seconds."""
        began = time.monotonic()
        limit = asyncio.timeout(within)
        try:
            async with limit:
                await ping()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the server did not answer
            is_late = isinstance(error, TimeoutError) and limit.expired()
            why = said(error, self._settings.secrets)
            self._unanswered(f"no answer within {within:g} s" if is_late else why)
        else:
            self._answered(time.monotonic() - began)

    def _answered(self, latency: float) -> None:
        seen = self._seen
        if seen.failing:
            self._tell(f"{self._settings.name} answers again")
        now = datetime.now(UTC)
        told = replace(seen, checks=seen.checks + 1, failing=0, latency=latency, last_ok=now)
        self._seen = replace(told, error="")

    def _unanswered(self, why: str) -> None:
        seen = self._seen
        if not seen.failing:
            self._tell(f"{self._settings.name} does not answer: {why}")
        told = replace(seen, checks=seen.checks + 1, failures=seen.failures + 1)
        self._seen = replace(told, failing=seen.failing + 1, error=why)
