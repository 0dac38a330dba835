"""How durations were spread in each step of time, ready to draw."""

from dataclasses import dataclass

from .distribution import Distribution
from .history import Mark


@dataclass(frozen=True, slots=True)
class Heat:
    """Distributions of equal steps, oldest first; the last step is not over yet.

    `start` is the UNIX time of the first step's begin, `step` its length in seconds.
    """

    start: float
    step: float
    columns: tuple[Distribution, ...] = ()
    marks: tuple[Mark, ...] = ()
