"""What a pool did over time, ready to draw."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that the application drew at `at` (UNIX time)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a pool might open from `at` on (UNIX time), as it was seen; None for no bound."""

    at: float
    size: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class History:
    """Series of equal steps, oldest first; the last step ends now.

    `start` is the UNIX time of the first step's begin, `step` its length in seconds. `used` and
    `pending` are levels at the end of each step, the others counts within it. `wait_p50`,
    `wait_p99` and `use_p95` are seconds, None where nothing happened.
    """

    start: float
    step: float
    used: tuple[int, ...] = ()
    pending: tuple[int, ...] = ()
    checkouts: tuple[int, ...] = ()
    timeouts: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()
    created: tuple[int, ...] = ()
    wait_p50: tuple[float | None, ...] = ()
    wait_p99: tuple[float | None, ...] = ()
    use_p95: tuple[float | None, ...] = ()
    #: Lines that the application drew with `mark()`, within the range, oldest first.
    marks: tuple[Mark, ...] = ()
    #: Those of the range, the first one as it was at its begin; empty where none is known.
    capacities: tuple[Capacity, ...] = ()
