"""Geometry of the slot meter and the sparkline, as paths and numbers for SVG attributes.

The layout of a meter stays while a page lives; `static/js/meter.js` computes the same paths from
it when the counts change, and a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..model.history import History
from ..model.snapshot import PoolSnapshot
from .marks import lines

#: Above this many slots single cells say less than a bar.
MOST_CELLS: Final = 60
#: Waiting callers that are drawn as dots; the rest is a number behind them.
MOST_DOTS: Final = 10
#: The kinds of slots, from the left.
KINDS: Final = ("leak", "used", "over", "idle", "none")
_NO_BOUND: Final = 1_000_000
_DOTS_WIDTH: Final = 130
_NARROWEST: Final = 460
#: How many cells of a table row a bar is long.
_BAR: Final = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Where slots go. From `size` on they are overflow, set apart by `gap`; `is_bar` draws runs.

    `end` is where the dots begin, `row` the distance of rows when `columns` are fewer than slots.
    """

    length: int
    size: int
    columns: int
    pitch: float
    gap: float
    top: float
    cell: float
    tall: float
    row: float
    end: float
    dot: float
    width: float
    height: float
    is_bar: bool
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class Meter:
    """A pool's slots, drawn."""

    layout: Layout
    paths: dict[str, str]
    dots: str
    more: int
    sentence: str


def base_size(pool: PoolSnapshot) -> int:
    """Where overflow begins; without a bound nothing is overflow."""
    if pool.max is None:
        return _NO_BOUND
    return min(pool.size if pool.size is not None else pool.max, pool.max)


def slots(pool: PoolSnapshot) -> int:
    """How many slots are drawn: the maximum, or room to grow where there is none."""
    is_open = pool.used + pool.idle
    if pool.max is not None:
        return max(pool.max, 1)
    return max(10, math.ceil(max(pool.peak, is_open) / 10) * 10)


def common_width(pools: Iterable[PoolSnapshot]) -> float:
    """The width that gives every meter of a table the same scale."""
    return max([*(row_layout(pool, 0).end + _DOTS_WIDTH for pool in pools), _NARROWEST])


def row_layout(pool: PoolSnapshot, width: float) -> Layout:
    """One line of small cells, for the table."""
    length, size = slots(pool), base_size(pool)
    drawn = length if length <= MOST_CELLS else _BAR
    gap = 8.0 if size < drawn and length <= MOST_CELLS else 0.0
    return Layout(
        length=length,
        size=size,
        columns=drawn,
        pitch=11,
        gap=gap,
        top=5,
        cell=9,
        tall=16,
        row=0,
        end=drawn * 11 + gap + 10,
        dot=9,
        width=width,
        height=26,
        is_bar=length > MOST_CELLS,
        is_bounded=pool.max is not None,
    )


def wide_layout(pool: PoolSnapshot) -> Layout:
    """One line of large cells, for the pool's page on a wide screen."""
    length, size = slots(pool), base_size(pool)
    drawn = min(length, MOST_CELLS)
    pitch = max(18.0, min(25.0, 1140 // drawn))
    gap = 10.0 if size < drawn and length <= MOST_CELLS else 0.0
    end = drawn * pitch + gap + 12
    return Layout(
        length=length,
        size=size,
        columns=drawn,
        pitch=pitch,
        gap=gap,
        top=0,
        cell=pitch - 4,
        tall=26,
        row=0,
        end=end,
        dot=11,
        width=max(end + 150, 1368),
        height=40,
        is_bar=length > MOST_CELLS,
        is_bounded=pool.max is not None,
    )


def narrow_layout(pool: PoolSnapshot) -> Layout:
    """Rows of fourteen, for the pool's page on a phone."""
    length = slots(pool)
    is_bar = length > MOST_CELLS
    columns = min(length, 14)
    rows = 1 if is_bar else -(-length // columns)
    last = 14 if is_bar else length - (rows - 1) * columns
    fits = last * 24 + 150 <= 336
    return Layout(
        length=length,
        size=base_size(pool),
        columns=columns,
        pitch=24,
        gap=0,
        top=0,
        cell=20,
        tall=26,
        row=32,
        end=last * 24 + 10 if fits else 4,
        dot=11,
        width=336,
        height=rows * 32 + (0 if fits else 26),
        is_bar=is_bar,
        is_bounded=pool.max is not None,
    )


def meter(layout: Layout, pool: PoolSnapshot, leaks: int) -> Meter:
    """The pool as it is, on a layout."""
    waiting = pool.pending_requests
    return Meter(
        layout=layout,
        paths=paths(layout, pool.used, pool.idle, leaks),
        dots=dots(layout, waiting),
        more=max(0, waiting - MOST_DOTS),
        sentence=sentence(pool, leaks),
    )


def edges(layout: Layout, used: int, idle: int, leaks: int) -> list[tuple[int, int]]:
    """From which slot to which each of `KINDS` reaches."""
    length = layout.length
    ends = [
        min(leaks, used, length),
        min(used, layout.size, length),
        min(used, length),
        min(used + idle, length),
        length if layout.is_bounded else min(used + idle, length),
    ]
    begin = 0
    pairs: list[tuple[int, int]] = []
    for end in ends:
        pairs.append((begin, max(begin, end)))
        begin = max(begin, end)
    return pairs


def paths(layout: Layout, used: int, idle: int, leaks: int) -> dict[str, str]:
    """One SVG path for each of `KINDS`, empty where there is none."""
    draw = _run if layout.is_bar else _cells
    ranges = edges(layout, used, idle, leaks)
    return {kind: draw(layout, *pair) for kind, pair in zip(KINDS, ranges, strict=True)}


def _cells(layout: Layout, begin: int, end: int) -> str:
    return "".join(_cell(layout, slot) for slot in range(begin, end))


def _cell(layout: Layout, slot: int) -> str:
    column, line = slot % layout.columns, slot // layout.columns
    x = column * layout.pitch + (layout.gap if slot >= layout.size else 0)
    return _box(x, layout.top + line * layout.row, layout.cell, layout.tall)


def _run(layout: Layout, begin: int, end: int) -> str:
    """A stretch of the proportional bar."""
    if begin == end:
        return ""
    unit = (layout.columns * layout.pitch - 2) / layout.length
    return _box(begin * unit, layout.top, max(1.0, (end - begin) * unit), layout.tall)


def _box(x: float, y: float, width: float, height: float) -> str:
    r = 2 if width > 4 else 0
    across, down = width - 2 * r, height - 2 * r
    turn = f"a{r} {r} 0 0 1"
    return (
        f"M{_n(x + r)} {_n(y)}h{_n(across)}{turn} {r} {r}v{_n(down)}{turn} -{r} {r}"
        f"h{_n(-across)}{turn} -{r} -{r}v{_n(-down)}{turn} {r} -{r}z"
    )


def dots(layout: Layout, waiting: int) -> str:
    """Waiting callers as a path of circles."""
    r = round(layout.dot * 0.32, 1)
    y = layout.top + layout.tall / 2
    if layout.row and layout.end < layout.cell:
        y = layout.height - 12
    elif layout.row:
        y = layout.height - layout.row + layout.tall / 2
    drawn = range(min(waiting, MOST_DOTS))
    circle = f"a{r} {r} 0 1 0 {_n(2 * r)} 0a{r} {r} 0 1 0 {_n(-2 * r)} 0z"
    return "".join(f"M{_n(layout.end + n * layout.dot)} {_n(y)}{circle}" for n in drawn)


def _n(value: float) -> str:
    """At most one decimal, as short as it gets."""
    rounded = math.floor(value * 10 + 0.5) / 10
    return f"{rounded:g}" if abs(rounded) < 100_000 else f"{rounded:.0f}"


def sentence(pool: PoolSnapshot, leaks: int) -> str:
    """The meter in words, for those who do not see it."""
    of = f" of {pool.max:,}" if pool.max is not None else ""
    parts = [f"{pool.used:,}{of} in use"]
    if leaks:
        parts.append(f"{leaks:,} suspected")
    if pool.used > base_size(pool):
        parts.append(f"{pool.used - base_size(pool):,} in overflow")
    parts.append(f"{pool.idle:,} idle")
    parts.append(f"{pool.pending_requests:,} waiting")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line of connections in use, 120 by 28; `limit` is the height of the pool's size."""

    line: str
    area: str
    limit: float | None
    ticks: tuple[float, ...]
    marks: tuple[float, ...]
    sentence: str


def spark(history: History, pool: PoolSnapshot) -> Spark | None:
    """None until there are two points to draw a line between."""
    used = history.used
    if len(used) < 2:
        return None
    size = pool.size if pool.max is not None else None
    top = max([*used, pool.max or 0, 1])
    step = 120 / (len(used) - 1)
    ends = history.start + history.step, history.start + history.step * len(used)
    line = "M" + "L".join(f"{_n(n * step)} {_height(value, top)}" for n, value in enumerate(used))
    return Spark(
        line=line,
        area=f"{line}L120 28L0 28Z",
        limit=_height(size, top) if size else None,
        ticks=_ticks(history.pending, step),
        marks=tuple(round(each.at * 1.2, 1) for each in lines(history.marks, *ends, None)),
        sentence=f"In use: from {min(used):,} to {max(used):,}, {used[-1]:,} at the end",
    )


def _height(value: int, top: int) -> float:
    return round(26.0 - value / top * 23.0, 1)


def _ticks(pending: Sequence[int], step: float) -> tuple[float, ...]:
    """Where callers were waiting."""
    return tuple(round(number * step, 1) for number, value in enumerate(pending) if value)
