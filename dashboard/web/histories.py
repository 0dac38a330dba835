"""Histories cut, thinned and added up, before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Final

from ..model.history import History

_BARS: Final = 60
_OTHERS: Final = frozenset({"start", "step", "marks", "capacities"})
_SERIES: Final = tuple(each.name for each in fields(History) if each.name not in _OTHERS)


def known(history: History, since: datetime | None) -> History:
    """Without the steps that ended before the watch began: nothing was seen is not 0."""
    if since is None or not history.used:
        return history
    unseen = int((since.timestamp() - history.start) // history.step)
    if unseen <= 0:
        return history
    series = {name: getattr(history, name)[unseen:] for name in _SERIES}
    return replace(history, start=history.start + unseen * history.step, **series)


def thin(history: History, points: int) -> History:
    """At most `points` steps of levels, each keeping the most of what it replaces."""
    stride = -(-len(history.used) // points)
    if stride < 2:
        return history
    cut = len(history.used) % stride
    starts = range(cut, len(history.used), stride)
    return History(
        start=history.start + cut * history.step,
        step=history.step * stride,
        used=tuple(max(history.used[at : at + stride]) for at in starts),
        pending=tuple(max(history.pending[at : at + stride]) for at in starts),
        marks=history.marks,
    )


def merge(histories: Sequence[History]) -> History:
    """All pools as one, over the longest of them; percentiles are the slowest pool's."""
    histories = [history for history in histories if history.used]
    if not histories:
        return History(0.0, 1.0)
    longest = max(histories, key=lambda history: len(history.used))
    steps = range(-len(longest.used), 0)
    return History(
        start=longest.start,
        step=longest.step,
        used=tuple(_sum(histories, "used", at) for at in steps),
        pending=tuple(_sum(histories, "pending", at) for at in steps),
        wait_p99=tuple(_worst(histories, at) for at in steps),
        marks=longest.marks,
    )


def _sum(histories: Sequence[History], name: str, at: int) -> int:
    """At a place counted from the end; a shorter history had not begun."""
    series = (getattr(history, name) for history in histories)
    return sum(values[at] for values in series if len(values) >= -at)


def _worst(histories: Sequence[History], at: int) -> float | None:
    values = (h.wait_p99[at] for h in histories if len(h.wait_p99) >= -at)
    return max((value for value in values if value is not None), default=None)


def bars(histories: Sequence[History]) -> tuple[tuple[float, float, float, bool], ...]:
    """Checkouts of all pools in at most sixty bars: x, width, height, and whether any failed."""
    length = max((len(history.checkouts) for history in histories), default=0)
    stride = max(1, -(-length // _BARS))
    sums: list[tuple[int, bool]] = []
    for begin in range(-length + length % stride, 0, stride):
        steps = range(begin, begin + stride)
        done = sum(_sum(histories, "checkouts", at) for at in steps)
        failed = any(_sum(histories, name, at) for name in ("timeouts", "errors") for at in steps)
        sums.append((done, failed))
    most = max((done for done, _ in sums), default=0) or 1
    width = 100 / max(len(sums), 1)
    return tuple(
        (round(n * width, 2), round(width * 0.8, 2), round(done / most * 100, 1), failed)
        for n, (done, failed) in enumerate(sums)
    )
