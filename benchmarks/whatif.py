"""What the what-if costs, and how far it is off.

`python -m benchmarks.whatif [speed|accuracy|coverage]`, all of them without a word.
"""

import sys
from collections.abc import Callable
from math import inf
from time import process_time

from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change, Demand, Row
from tests.analysis.traces import (
    bursty,
    chained,
    closed,
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


def speed() -> None:
    """CPU seconds of this process for about 12 sizes, the better of two runs."""
    traffic = bursty(100_000, 1)
    cases: dict[str, Callable[[], Demand]] = {
        "bursts": lambda: recorded(*traffic, size=12),
        "Poisson, rho .8": lambda: recorded(*poisson(100_000, 200, 0.04, 1), size=10),
        "QueuePool 8 + 8": lambda: recorded(*traffic, size=8, overflow=8, semantics="queuepool"),
        "many timed out": lambda: recorded(*traffic, size=7, timeout=0.1),
        "3 checkouts a request": lambda: chained(100_000, size=12, seed=1),
        "40 closed callers": lambda: closed(40, 0.15, 0.02, 4, 100_000, 1),
        "saturating server": lambda: saturating(100_000, 16, 3, 1),
    }
    print(f"{'100,000 requests':<24}{'sizes':>6}{'CPU s':>8}  mode")
    for name, make in cases.items():
        demand = make()
        start = process_time()
        prediction = predict(demand)
        middle = process_time()
        predict(demand)
        best = min(middle - start, process_time() - middle)
        print(f"{name:<24}{len(prediction.rows):>6}{best:>8.2f}  {prediction.mode}")


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
    """How often the range of one trace holds the truth of a million requests."""
    print(
        f"{'coverage of 20 traces':<24}{'requests':>10}{'has range':>11}{'covers':>8}{'error':>8}"
    )
    for name, make, size in (
        ("Poisson, rho .8, 5", lambda n, s: poisson(n, 100, 0.04, s), 5),
        ("bursts, 9", random_bursts, 9),
        ("bursts, 14", random_bursts, 14),
    ):
        truth = p95_at(recorded(*make(1_000_000, 12_345), size=size))
        for count in (10_000, 30_000, 100_000):
            found = (predict(recorded(*make(count, seed), size=size), [size]) for seed in range(20))
            rows = [row for prediction in found for row in prediction.rows]
            ranges = [row.range for row in rows if row.range is not None]
            covers = sum(low <= truth <= high for low, high in ranges)
            errors = sorted(abs(r.p95 / truth - 1) for r in rows if r.p95 is not None)
            middle = f"{errors[len(errors) // 2]:.0%}" if errors else "-"
            share = f"{covers / len(ranges):.2f}" if ranges else "-"
            print(f"{name:<24}{count:>10,}{len(ranges):>11}{share:>8}{middle:>8}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all")
