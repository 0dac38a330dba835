"""Charts over time as SVG geometry.

The plot's own coordinates are steps across and 0..100 down; the browser stretches them to the
card, so no chart depends on the width of the screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from ..model.history import History
from ..model.snapshot import PoolSnapshot
from . import format as fmt
from .marks import Line, lines

Values = Sequence[float | None]
_PLOT_TOP: Final = 8.0
_PLOT_HEIGHT: Final = 146.0
_TABLE_ROWS: Final = 12
#: An area below a logarithmic line would mean nothing.
_FILLED: Final = frozenset({"use", "over", "queue"})


@dataclass(frozen=True, slots=True)
class Series:
    """One line or area; `kind` is its class in the style sheet."""

    label: str
    kind: str
    line: str
    area: str
    last: str
    texts: tuple[str, ...]
    values: Values = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A grid line at a `value`: `at` in pixels from the top, or in per cent from the left."""

    at: float
    label: str
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart over time. `rows` is the table view: time, then one text per series.

    `start` is the UNIX time of the first value, `step` how many seconds lie between two.
    """

    name: str
    sentence: str
    width: int
    series: tuple[Series, ...]
    across: tuple[Mark, ...]
    down: tuple[Mark, ...]
    limit: float | None
    times: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Line, ...]
    start: float
    step: float
    unit: str
    most: int | None = None
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def data(self) -> dict[str, object]:
        """The numbers, for the script: it names them at the cursor, and draws them anew."""
        span = self.step * self.width
        return {
            "start": round(self.start, 3),
            "step": self.step,
            "unit": self.unit,
            "series": [(s.label, s.kind, [_short(v) for v in s.values]) for s in self.series],
            "most": self.most,
            "across": [(mark.value, mark.label) for mark in self.across],
            "bounds": self.bounds,
            "marks": [(round(self.start + m.at / 100 * span, 1), m.text) for m in self.marks],
        }

    @property
    def moments(self) -> tuple[float, ...]:
        """The UNIX times of `rows`."""
        stride = max(1, -(-len(self.times) // _TABLE_ROWS))
        picked = range(len(self.times) - 1, -1, -stride)
        return tuple(self.start + self.step * n for n in picked)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value stands, 0 above and 100 below, and its grid lines.

    `bounds` are the lowest and the highest value.
    """

    place: Callable[[float], float]
    marks: tuple[Mark, ...]
    bounds: tuple[float, float] = (0.0, 1.0)


def connections(history: History, pool: PoolSnapshot, zone: tzinfo | None) -> Plot | None:
    """In use, the part beyond size apart, under the line of the maximum."""
    used = history.used
    if len(used) < 2:
        return None
    size = pool.size if pool.max is not None and pool.size is not None else None
    scale = linear(max([*used, pool.max or 0, 1]))
    base = [value if size is None else min(value, size) for value in used]
    series = [draw("in use", "use", used, scale, fmt.count, fill_to=None, drawn=base)]
    if size is not None and pool.max is not None and size < pool.max:
        over = [max(0, value - size) for value in used]
        series.append(draw("overflow", "over", over, scale, fmt.count, fill_to=base, drawn=used))
    sentence = f"Between {min(used):,} and {max(used):,} connections in use"
    limit = scale.place(pool.max) if pool.max is not None else None
    plot = _plot("connections", sentence, history, tuple(series), scale, limit, zone)
    return replace(plot, most=pool.max)


def waits(history: History, zone: tzinfo | None, name: str = "wait") -> Plot | None:
    """Wait p99 and p50 on a logarithmic scale."""
    values = [value for value in (*history.wait_p99, *history.wait_p50) if value is not None]
    if len(history.wait_p99) < 2 or not values:
        return None
    scale = logarithmic(values)
    duration = _duration
    series = [draw("p99", "wait", history.wait_p99, scale, duration)]
    if any(value is not None for value in history.wait_p50):
        series.append(draw("p50", "median", history.wait_p50, scale, duration))
    longest = max(value for value in history.wait_p99 if value is not None) if values else 0
    sentence = f"Wait p99 up to {duration(longest)}"
    return _plot(name, sentence, history, tuple(series), scale, None, zone)


def queue(history: History, zone: tzinfo | None) -> Plot | None:
    """Callers waiting at the end of each step."""
    if len(history.pending) < 2:
        return None
    scale = linear(max([*history.pending, 1]))
    series = draw("waiting", "queue", history.pending, scale, fmt.count)
    most = max(history.pending)
    sentence = f"Up to {fmt.plural(most, 'caller')} waiting" if most else "No caller was waiting"
    return _plot("queue", sentence, history, (series,), scale, None, zone)


def _duration(value: float | None) -> str:
    return str(fmt.duration(value))


def linear(top: float) -> Scale:
    """From 0, with at most four grid lines at 1, 2 or 5 times a power of ten."""
    raw = top / 3.2
    power = 10.0 ** math.floor(math.log10(raw)) if raw >= 1 else 1.0
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    ceiling = top * 1.04

    def place(value: float) -> float:
        return 100 - value / ceiling * 100

    marks = [
        _mark(place(n * step), fmt.count(n * step), n * step) for n in range(int(top // step) + 1)
    ]
    return Scale(place, tuple(marks), (0.0, ceiling))


def logarithmic(values: Sequence[float]) -> Scale:
    """Whole decades from 0.1 ms up."""
    low = max(-4, math.floor(math.log10(max(min(values), 1e-4))))
    high = max(low + 2, math.ceil(math.log10(max(*values, 1e-4)) - 1e-9))

    def place(value: float) -> float:
        decades = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return 100 - decades * 100

    powers = range(low, high + 1)
    marks = [_mark(place(10.0**power), decade(10.0**power), 10.0**power) for power in powers]
    return Scale(place, tuple(marks), (10.0**low, 10.0**high))


def decade(value: float) -> str:
    """`0.1 ms`, `10 s`."""
    if value < 1:
        return f"{value * 1000:g} ms"
    return f"{value:g} s"


def _short(value: float | None) -> float | None:
    """As many digits as a text of it can show."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _mark(place: float, label: str, value: float) -> Mark:
    return Mark(round(_PLOT_TOP + place / 100 * _PLOT_HEIGHT, 1), label, value)


def draw(
    label: str,
    kind: str,
    values: Values,
    scale: Scale,
    text: Callable[[float | None], str],
    *,
    fill_to: Values | None = None,
    drawn: Values | None = None,
) -> Series:
    """One line; `drawn` are other values than the texts name, `fill_to` is the area's floor."""
    shown = values if drawn is None else drawn
    line = _path(shown, scale)
    area = _area(shown, scale, fill_to) if kind in _FILLED else ""
    last = next((text(value) for value in reversed(values) if value is not None), fmt.NOTHING)
    texts = tuple(text(value) for value in values)
    return Series(label, kind, line, area, last, texts, tuple(values))


def _path(values: Values, scale: Scale) -> str:
    """One line, interrupted where nothing happened."""
    parts: list[str] = []
    pen_is_up = True
    for number, value in enumerate(values):
        if value is None:
            pen_is_up = True
            continue
        parts.append(f"{'M' if pen_is_up else 'L'}{number} {scale.place(value):.1f}")
        is_alone = pen_is_up and (number + 1 == len(values) or values[number + 1] is None)
        parts.extend(["h0"] * is_alone)  # A dot, if the line's ends are round.
        pen_is_up = False
    return "".join(parts)


def _area(values: Values, scale: Scale, floor: Values | None) -> str:
    """Empty where the line is interrupted: a filled gap would be an invention."""
    if any(value is None for value in values):
        return ""
    upper = [f"{number} {scale.place(value or 0):.1f}" for number, value in enumerate(values)]
    if floor is None:
        return f"M{' L'.join(upper)} L{len(values) - 1} 100 L0 100 Z"
    lower = [f"{number} {scale.place(value or 0):.1f}" for number, value in enumerate(floor)]
    return f"M{' L'.join(upper)} L{' L'.join(reversed(lower))} Z"


def _plot(
    name: str,
    sentence: str,
    history: History,
    series: tuple[Series, ...],
    scale: Scale,
    limit: float | None,
    zone: tzinfo | None,
) -> Plot:
    length = len(series[0].texts)
    begin = datetime.fromtimestamp(history.start, zone)
    ends = [begin + timedelta(seconds=(n + 1) * history.step) for n in range(length)]
    long = history.step * length > 2 * 3600 or history.step >= 60
    times = tuple(f"{end:%H:%M}" if long else f"{end:%H:%M:%S}" for end in ends)
    stride = max(1, -(-length // _TABLE_ROWS))
    picked = range(length - 1, -1, -stride)
    rows = tuple((times[n], *(each.texts[n] for each in series)) for n in picked)
    return Plot(
        name=name,
        sentence=f"{sentence}, {times[0]} to {times[-1]}",
        width=length - 1,
        series=series,
        across=scale.marks,
        down=time_marks(ends),
        limit=limit,
        times=times,
        rows=rows,
        marks=lines(history.marks, ends[0].timestamp(), ends[-1].timestamp(), zone),
        start=ends[0].timestamp(),
        step=history.step,
        unit="duration" if scale.bounds[0] > 0 else "count",
        bounds=scale.bounds,
    )


def time_marks(ends: Sequence[datetime]) -> tuple[Mark, ...]:
    """Round times across the axis, three to six of them."""
    first, last = ends[0], ends[-1]
    span = (last - first).total_seconds() or 1.0
    strides = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)
    stride = next((each for each in strides if span / each <= 5), 43200)
    pattern = "%H:%M:%S" if stride < 60 else "%H:%M"
    since = first.replace(hour=0, minute=0, second=0, microsecond=0)
    offset = (first - since).total_seconds()
    begin = since + timedelta(seconds=math.ceil(offset / stride) * stride)
    marks: list[Mark] = []
    while begin <= last:
        share = (begin - first).total_seconds() / span * 100
        if 3 <= share <= 97:
            marks.append(Mark(round(share, 2), begin.strftime(pattern)))
        begin += timedelta(seconds=stride)
    return tuple(marks)
