"""What the what-if costs, and how far it is off.

`python -m benchmarks.whatif [speed|accuracy|coverage]`, all of them without a word.
"""

import sys
from array import array
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from statistics import median
from time import process_time

from dashboard.analysis.measuring import percentile
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import COLUMNS, Change, Demand, Prediction, Range, Row
from tests.analysis.traces import (
    bursty,
    chained,
    closed,
    drifting,
    p95_at,
    poisson,
    random_bursts,
    recorded,
    saturating,
)


def main(what: str) -> None:
    if what in {"speed", "all"}:
        speed()
    if what in {"accuracy", "all"}:
        accuracy()
    if what in {"coverage", "all"}:
        coverage()


def as_traced(demand: Demand) -> Demand:
    """In arrays, and in the order in which requests ended: as the recorder has them."""
    ends = list(map(sum, zip(demand.asked, demand.wait, demand.hold, strict=True)))
    order = sorted(range(len(ends)), key=ends.__getitem__)
    codes = dict.fromkeys(COLUMNS, "d") | {"outcome": "B", "site": "H", "owner": "I", "host": "B"}
    columns = {
        name: array(codes[name], [each[place] for place in order])
        for name in COLUMNS
        if (each := getattr(demand, name))
    }
    return replace(demand, **columns)


def speed() -> None:
    """CPU seconds of this process for about 12 sizes: the best of five rounds over all cases."""
    traffic = bursty(100_000, 1)
    cases: dict[str, Callable[[], Demand]] = {
        "bursts": lambda: recorded(*traffic, size=12),
        "Poisson, rho .8": lambda: recorded(*poisson(100_000, 200, 0.04, 1), size=10),
        "QueuePool 8 + 8": lambda: recorded(*traffic, size=8, overflow=8, semantics="queuepool"),
        "many timed out": lambda: recorded(*traffic, size=7, timeout=0.1),
        "3 checkouts a request": lambda: chained(100_000, size=12, seed=1),
        "40 closed callers": lambda: closed(40, 0.15, 0.02, 4, 100_000, 1),
        "saturating server": lambda: saturating(100_000, 16, 3, 1),
        "3 hosts, 5 to each": lambda: replace(
            recorded(*traffic, size=20, semantics="aiohttp"),
            host=[1 + n % 3 for n in range(100_000)],
            limit_per_host=5,
        ),
    }
    demands = {name: as_traced(make()) for name, make in cases.items()}
    best = dict.fromkeys(demands, inf)
    told: dict[str, Prediction] = {}
    for _ in range(5):
        for name, demand in demands.items():
            start = process_time()
            told[name] = predict(demand)
            best[name] = min(best[name], process_time() - start)
    print(f"{'100,000 requests':<24}{'sizes':>6}{'CPU s':>8}  mode")
    for name, prediction in told.items():
        print(f"{name:<24}{len(prediction.rows):>6}{best[name]:>8.2f}  {prediction.mode}")


def accuracy() -> None:
    """Predicted and true p95; truth is a run of the same or another day at that size."""
    print(f"{'case':<44}{'true':>9}{'p95':>9}{'error':>8}  {'range':<20}grade")
    day = random_bursts(100_000, 1)
    for size in (7, 9, 11, 14):
        truth = recorded(*day, size=size)
        _line(f"flat, 12 -> {size}, same day", truth, recorded(*day, size=12), size)
    for size in (7, 9, 11, 14):
        truth = recorded(*random_bursts(100_000, 2), size=size)
        _line(f"flat, 12 -> {size}, another day", truth, recorded(*day, size=12), size)
    for size in (8, 10, 12):
        left = recorded(*day, size=7, timeout=0.1)
        truth = recorded(*day, size=size)
        _line(f"left at 7, no timeout -> {size}", truth, left, size, Change(timeout=inf))
    for before, size in ((4, 3), (4, 5), (4, 6), (4, 8)):
        truth = closed(40, 0.15, 0.02, size, 30_000, 2)
        seen = closed(40, 0.15, 0.02, before, 30_000, 1)
        _line(f"closed callers, {before} -> {size}", truth, seen, size)
    for before, size in ((16, 4), (16, 6), (16, 10), (6, 4), (6, 10), (6, 16), (10, 16), (10, 6)):
        truth, seen = saturating(20_000, size, 3, 5), saturating(20_000, before, 3, 5)
        _line(f"3 cores saturate, {before} -> {size}", truth, seen, size)
    for before, size in ((12, 8), (12, 10), (12, 14)):
        truth, seen = chained(60_000, size, 5), chained(60_000, before, 5)
        _line(f"3 checkouts a request, {before} -> {size}", truth, seen, size)


def _line(name: str, truth: Demand, seen: Demand, size: int, change: Change | None = None) -> None:
    row: Row = predict(seen, [size], change or Change()).rows[0]
    actual = p95_at(truth) * 1000
    found = "-" if row.p95 is None else f"{row.p95 * 1000:.1f}"
    error = "-" if row.p95 is None or actual < 1 else f"{row.p95 * 1000 / actual - 1:+.0%}"
    around = "-"
    if row.range is not None:
        low, high = (each * 1000 for each in row.range)
        around = f"{low:.0f}..{high:.0f}" + (" ok" if low - 1 <= actual <= high + 1 else " MISS")
    print(f"{name:<44}{actual:>9.1f}{found:>9}{error:>8}  {around:<20}{row.grade}")


def coverage() -> None:
    """How often the range of one trace holds what another one has, as long and of any seed.

    And how often it holds the truth of a million requests. Nominal is 90 %, for another day; a
    pace that wanders from minute to minute (`drifting`) cannot be known from a few of them.
    """
    print(
        f"{'20 days each':<24}{'requests':>10}{'has range':>11}{'another day':>13}{'truth':>7}"
        f"{'p99':>7}{'gone':>7}{'width':>7}{'error':>7}"
    )
    for name, make, size, timeout in (
        ("Poisson, rho .8, 5", lambda n, s: poisson(n, 100, 0.04, s), 5, None),
        ("bursts, 9", random_bursts, 9, None),
        ("bursts, 14", random_bursts, 14, None),
        ("bursts, 9, 0.1 s", random_bursts, 9, 0.1),
        ("drifting, 10", drifting, 10, None),
    ):
        truth = p95_at(recorded(*make(1_000_000, 12_345), size=size, timeout=timeout))
        for count in (10_000, 30_000, 100_000):
            days = [recorded(*make(count, s), size=size, timeout=timeout) for s in range(20)]
            _covered(f"{name:<24}{count:>10,}", days, truth)


def _covered(name: str, days: list[Demand], truth: float) -> None:
    size = days[0].size or 1
    rows = [next(iter(predict(day, [size]).rows), Row(size=size)) for day in days]
    found = {
        "p95": [p95_at(day) for day in days],
        "p99": [percentile(sorted(day.wait), len(day.wait), 99.0) for day in days],
        "gone": [float(sum(day.outcome)) for day in days],
    }
    ranges = {
        "p95": [row.range for row in rows],
        "p99": [row.p99_range for row in rows],
        "gone": [row.timeouts_range for row in rows],
    }
    shares = {what: _inside(ranges[what], found[what]) for what in found}
    known = [each for each in ranges["p95"] if each is not None]
    inside = sum(low <= truth <= high for low, high in known) / max(1, len(known))
    points = [(row.p95, row.range) for row in rows if row.p95 and row.range]
    width = median([(high - low) / p for p, (low, high) in points] or [nan])
    other = zip(rows, found["p95"][1:], strict=False)
    error = median([abs(row.p95 / real - 1) for row, real in other if row.p95] or [nan])
    print(
        f"{name}{len(known):>11}{shares['p95']:>13.2f}{inside:>7.2f}{shares['p99']:>7.2f}"
        f"{shares['gone']:>7.2f}{width:>7.1f}{error:>7.0%}",
        flush=True,
    )


def _inside(ranges: list[Range | None], found: list[float]) -> float:
    """Of all pairs of a day and another one, the share in which its range holds that one."""
    pairs = [
        each[0] <= real <= each[1]
        for place, each in enumerate(ranges)
        for other, real in enumerate(found)
        if each is not None and place != other
    ]
    return sum(pairs) / len(pairs) if pairs else nan


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all")
