"""What a pool did between two moments, to be compared with another period."""

from dataclasses import dataclass

from .distribution import EMPTY, Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """`start` and `end` are UNIX times; distributions may reach a step of 10 s or 60 s beyond.

    `used` is the mean number of connections in use at the end of each second or minute.
    """

    start: float
    end: float
    wait_time: Distribution = EMPTY
    use_time: Distribution = EMPTY
    checkouts: int = 0
    timeouts: int = 0
    used: float | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start
