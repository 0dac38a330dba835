"""How a configured pool answers its health query."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the health query of a configured pool has seen. Times are float seconds.

    `every` is None for a pool that has none and could not be opened yet. `latency` is that of the
    last answer, with the wait for a connection; `failing` counts failures since then, `error` says
    why the last one failed and is empty after an answer.
    """

    every: float | None = None
    checks: int = 0
    failures: int = 0
    failing: int = 0
    latency: float | None = None
    last_ok: datetime | None = None
    error: str = ""
