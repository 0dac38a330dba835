"""Durations over time as a heatmap: columns of time, rows of duration, colour for the count.

A path for each colour, drawn as strokes: its coordinates are tenths of a column and of a row, and
the browser stretches them to the card.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from ..model.distribution import Distribution, middle
from ..model.heat import Heat
from . import format as fmt
from .charts import Mark, decade, time_marks
from .histograms import together
from .marks import Line, lines

#: Rows in a factor of ten, and shades of each of the two colours.
_ROWS: Final = 5
SHADES: Final = 5
#: Pixels from the top of the field to the bottom.
HEIGHT: Final = 168
_TABLE_ROWS: Final = 12
_FEWEST: Final = 12
_LOWEST: Final = -4
_HIGHEST: Final = 3
Cells = dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Target:
    """What counts as slow from where on; `at` in pixels from the top."""

    seconds: float
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Heatmap:
    """`paths` are (class, path); `data` is what the cursor says, by column and row from below."""

    sentence: str
    columns: int
    rows: int
    paths: tuple[tuple[str, str], ...]
    summary: tuple[tuple[str, str], ...]
    across: tuple[Mark, ...]
    down: tuple[Mark, ...]
    target: Target
    marks: tuple[Line, ...]
    ranks: tuple[tuple[str, str], ...]
    width: str
    table: tuple[tuple[str, ...], ...]
    data: dict[str, object]


def seen_since(heat: Heat, since: datetime | None) -> Heat:
    """Without the steps that ended before the watch began; a dozen columns are always kept."""
    if since is None:
        return heat
    unseen = int((since.timestamp() - heat.start) // heat.step)
    cut = max(0, min(unseen, len(heat.columns) - _FEWEST))
    return replace(heat, start=heat.start + cut * heat.step, columns=heat.columns[cut:])


def heatmap(heat: Heat, target: float, label: str, zone: tzinfo | None) -> Heatmap | None:
    """None without values. Rows whose durations reach `target` seconds are orange."""
    total = together(heat.columns)
    if not total.count:
        return None
    low, high = _decades(total, target)
    cells = _cells(heat.columns, low, high)
    rows = (high - low) * _ROWS
    bound = round((math.log10(target) - low) * _ROWS)
    begin = datetime.fromtimestamp(heat.start, zone)
    times = [begin + timedelta(seconds=heat.step * n) for n in range(len(heat.columns) + 1)]
    end = heat.start + heat.step * len(heat.columns)
    slow = sum(number for (_, row), number in cells.items() if row >= bound)
    return Heatmap(
        sentence=f"{fmt.plural(total.count, 'value')}, {slow:,} of them over {_text(target)}",
        columns=len(heat.columns),
        rows=rows,
        paths=_paths(cells, rows, bound),
        summary=_summary(cells, rows, bound),
        across=tuple(
            Mark(_height((power - low) * _ROWS, rows), decade(10.0**power))
            for power in range(low, high + 1)
        ),
        down=time_marks([times[0], times[-1]]),
        target=Target(target, _height(bound, rows), f"{label} {decade(target)}"),
        marks=lines(heat.marks, heat.start, end, zone),
        ranks=_ranks(total),
        width=fmt.lasts(heat.step),
        table=_table(heat.columns, times, target),
        data=_data(cells, rows, low, times),
    )


def _decades(total: Distribution, target: float) -> tuple[int, int]:
    """From and to which power of ten; a decade on both sides of the target is always there."""
    about = math.log10(target)
    values = [middle(bucket) for bucket in total.counts]
    smallest, longest = max(min(values), 1e-9), max(*values, 1e-9)
    low = min(math.floor(math.log10(smallest)), math.floor(about) - 1)
    high = max(math.ceil(math.log10(longest) + 1e-9), math.ceil(about) + 1)
    return max(_LOWEST, low), min(_HIGHEST, high)


def _cells(columns: Sequence[Distribution], low: int, high: int) -> Cells:
    """Counts by column and row; what is shorter or longer than the axis is in the outer rows."""
    cells: Counter[tuple[int, int]] = Counter()
    top = (high - low) * _ROWS - 1
    for column, distribution in enumerate(columns):
        for bucket, number in distribution.counts.items():
            row = math.floor((math.log10(max(middle(bucket), 1e-9)) - low) * _ROWS + 1e-9)
            cells[column, min(top, max(0, row))] += number
    return cells


def shade(number: int, most: int) -> int:
    """1 for few to `SHADES` for the most, by powers: twice as many is one step, not twice."""
    if most < 2:
        return SHADES if number else 1
    return 1 + round((SHADES - 1) * math.log(number) / math.log(most))


def _paths(cells: Cells, rows: int, bound: int) -> tuple[tuple[str, str], ...]:
    """Strokes by class, `b1` … `b5` below the target and `o1` … `o5` from there on."""
    most = max(cells.values())
    strokes: dict[str, list[str]] = {}
    for (column, row), number in sorted(cells.items()):
        kind = f"{'o' if row >= bound else 'b'}{shade(number, most)}"
        strokes.setdefault(kind, []).append(f"M{column * 10} {(rows - row) * 10 - 5}h9")
    return tuple((kind, "".join(each)) for kind, each in sorted(strokes.items()))


def _summary(cells: Cells, rows: int, bound: int) -> tuple[tuple[str, str], ...]:
    """How many there were in each row, in per cent of the most."""
    sums: Counter[int] = Counter()
    for (_, row), number in cells.items():
        sums[row] += number
    most = max(sums.values())
    strokes: dict[str, list[str]] = {"b": [], "o": []}
    for row, number in sorted(sums.items()):
        length = max(2.0, round(number / most * 100, 1))
        stroke = f"M0 {(rows - row) * 10 - 5}h{length:g}"
        strokes["o" if row >= bound else "b"].append(stroke)
    return tuple((kind, "".join(each)) for kind, each in strokes.items() if each)


def _height(row: float, rows: int) -> float:
    return round(HEIGHT - row / rows * HEIGHT, 1)


def _ranks(total: Distribution) -> tuple[tuple[str, str], ...]:
    ranks = [(f"p{q}", _text(total.percentile(q))) for q in (50, 95, 99)]
    return (*ranks, ("max", _text(total.longest)))


def _table(
    columns: Sequence[Distribution], times: Sequence[datetime], target: float
) -> tuple[tuple[str, ...], ...]:
    """Newest first: until, count, p50, p95, p99, max, over the target."""
    stride = max(1, -(-len(columns) // _TABLE_ROWS))
    rows = []
    for end in range(len(columns), 0, -stride):
        part = together(columns[max(0, end - stride) : end])
        slow = part.count - next(iter(part.cumulative([target])))
        rows.append(
            (
                f"{times[end]:%H:%M:%S}",
                fmt.count(part.count),
                *(_text(part.percentile(q)) for q in (50, 95, 99)),
                _text(part.longest) if part.count else fmt.NOTHING,
                fmt.count(slow),
            )
        )
    return tuple(rows)


def _data(cells: Cells, rows: int, low: int, times: Sequence[datetime]) -> dict[str, object]:
    counts: list[list[int]] = [[] for _ in times[1:]]
    for (column, row), number in sorted(cells.items()):
        counts[column] += [row, number]
    edges = [_text(10.0 ** (low + row / _ROWS)) for row in range(rows + 1)]
    return {"times": [f"{at:%H:%M:%S}" for at in times], "edges": edges, "counts": counts}


def _text(seconds: float | None) -> str:
    return str(fmt.duration(seconds))
