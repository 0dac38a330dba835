"""A pool before and after a moment, beside what the time before let expect."""

from dataclasses import dataclass

from .history import Mark
from .period import Period
from .whatif import Row


@dataclass(frozen=True, slots=True)
class Changed:
    """An option by the library's own name, as it was and as it became; None where it was not."""

    option: str
    before: object
    after: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The requests before, answered with the settings of after.

    `row` is None where that cannot be told, and `reason` says why; a row may have a reason too, for
    what it leaves open. `requests` of the `seconds` before were replayed.
    """

    row: Row | None = None
    reason: str = ""
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A pool on both sides of a mark, or of a change of its settings, for the same length of time.

    `changed` are the options that differ; `timeout` is how long callers wait after it at the most,
    None where that is not known.
    """

    mark: Mark
    pool: str
    before: Period
    after: Period
    changed: tuple[Changed, ...] = ()
    expected: Expected = Expected()
    timeout: float | None = None
