"""Since when a pool has been what it is called: read off its history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..model.findings import Suspect
from ..model.history import History
from ..model.snapshot import PoolSnapshot
from .status import BUSY, TIMEOUT_IS_RECENT, active

#: A status that pauses for no longer than this many seconds goes on.
PAUSE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Lasting:
    """`seconds` that a status lasts; `is_longer` when the history does not reach its begin."""

    seconds: float
    is_longer: bool = False


def lasting(
    word: str, pool: PoolSnapshot, history: History, suspects: Iterable[Suspect]
) -> Lasting | None:
    """None for a status that has no begin worth naming, or that began within the last step."""
    if word in {"Leaking", "Long holds"}:
        held = [suspect.held_for for suspect in active(suspects, pool.name)]
        return Lasting(max(held)) if held else None
    if word == "Blocked" and pool.blocked_by is not None:
        return Lasting(pool.blocked_by.lag)
    rule = _RULES.get(word)
    if rule is None or not history.used:
        return None
    pause = TIMEOUT_IS_RECENT if word == "Timing out" else PAUSE
    return _stretch(len(history.used), history.step, pause, lambda at: rule(pool, history, at))


def _stretch(
    length: int, step: float, pause: float, is_so: Callable[[int], bool]
) -> Lasting | None:
    """Back from the last step, over pauses shorter than `pause`."""
    begin, calm = length, 0.0
    for at in range(length - 1, -1, -1):
        if is_so(at):
            begin, calm = at, 0.0
            continue
        calm += step
        if calm > max(pause, step):
            break
    if begin == length:
        return None
    return Lasting((length - begin) * step, is_longer=begin == 0)


def _has_waiters(_: PoolSnapshot, history: History, at: int) -> bool:
    return history.pending[at] > 0


def _has_timeouts(_: PoolSnapshot, history: History, at: int) -> bool:
    return history.timeouts[at] > 0


def _is_busy(pool: PoolSnapshot, history: History, at: int) -> bool:
    return pool.max is not None and history.used[at] >= BUSY * pool.max


_RULES: Final[Mapping[str, Callable[[PoolSnapshot, History, int], bool]]] = {
    "Deadlocked": _has_waiters,
    "Saturated": _has_waiters,
    "Waiting": _has_waiters,
    "Timing out": _has_timeouts,
    "Busy": _is_busy,
}
