"""The black box: who held and who waited at the first timeout of an episode.

On the host's path only references are kept; the picture is developed when somebody looks. An
episode lasts until no timeout was seen for a minute, so that a storm leaves one incident.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from ..model.claim import Claim

#: Incidents kept for one pool.
MOST: Final = 10
#: Seconds without a timeout that end an episode.
QUIET: Final = 60.0


@dataclass(slots=True)
class Exposure:
    """What was out at the first timeout; `timeouts` counts those of the whole episode."""

    at: float
    cause: str
    held: tuple[Claim, ...]
    waiting: tuple[Claim, ...]
    timeouts: int = 1
    last: float = 0.0


class BlackBox:
    """The incidents of one pool, oldest first."""

    def __init__(self) -> None:
        """None yet."""
        self.exposures: deque[Exposure] = deque(maxlen=MOST)

    def timeout(self, at: float, held: dict[int, Claim], waiting: dict[int, Claim]) -> None:
        """A checkout timed out; called on the host's path, before its claim is taken out."""
        newest = self.exposures[-1] if self.exposures else None
        if newest is not None and at - newest.last <= QUIET:
            newest.timeouts += 1
            newest.last = at
            return
        self.exposures.append(
            Exposure(at, "timeout", tuple(held.values()), tuple(waiting.values()), last=at)
        )

    def reset(self) -> None:
        """Forget everything: the process was forked."""
        self.exposures.clear()
