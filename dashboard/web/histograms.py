"""Histograms of durations as SVG geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..model.distribution import Distribution, lower_bound
from . import format as fmt
from .charts import Mark, decade


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by duration on a logarithmic axis; bars are (x, width, top, label) in per cent."""

    sentence: str
    bars: tuple[tuple[float, float, float, str], ...]
    marks: tuple[Mark, ...]
    points: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, float], ...]
    count: int


def histogram(distribution: Distribution) -> Histogram | None:
    """Five bars a decade, from the first value to the longest; None without values."""
    if not distribution.count:
        return None
    bins: dict[int, int] = {}
    for bucket, number in distribution.counts.items():
        place = math.floor(math.log10(max(lower_bound(bucket), 1e-5)) * 5 + 1e-9)
        bins[place] = bins.get(place, 0) + number
    low, high = min(bins) // 5 * 5, -(-(max(bins) + 1) // 5) * 5
    high = max(high, low + 10)
    most = max(bins.values())
    width = 100 / (high - low)
    bars = tuple(
        (
            round((place - low) * width, 2),
            round(width * 0.92, 2),
            round(100 - max(number / most * 100, 1.5), 1),
            f"{_edge(place)} to {_edge(place + 1)}: {number:,}",
        )
        for place, number in sorted(bins.items())
    )
    marks = tuple(
        Mark(round((place - low) * width, 2), decade(10.0 ** (place // 5)))
        for place in range(low, high + 1, 5)
    )
    ranks = [(f"p{q}", distribution.percentile(q)) for q in (50, 95, 99)]
    return Histogram(
        sentence=_sentence(distribution.count, _text(ranks[0][1])),
        bars=bars,
        marks=marks,
        points=(*((name, _text(v)) for name, v in ranks), ("longest", _text(distribution.longest))),
        lines=tuple((name, _along(value, low, high)) for name, value in ranks if value),
        count=distribution.count,
    )


def _sentence(count: int, middle: str) -> str:
    half = "half of them below " if count > 1 else ""
    return f"{fmt.plural(count, 'value')}, {half}{middle}"


def _edge(place: int) -> str:
    return _text(10.0 ** (place / 5))


def _along(value: float, low: int, high: int) -> float:
    place = math.log10(max(value, 1e-5)) * 5
    return round(min(100.0, max(0.0, (place - low) / (high - low) * 100)), 2)


def together(distributions: Sequence[Distribution]) -> Distribution:
    """The sum of several distributions."""
    counts: dict[int, int] = {}
    for distribution in distributions:
        for bucket, number in distribution.counts.items():
            counts[bucket] = counts.get(bucket, 0) + number
    return Distribution(counts)


def _text(seconds: float | None) -> str:
    return str(fmt.duration(seconds))
