"""Predicted waits beside real ones: the same traffic against PostgreSQL at several pool sizes.

`python -m benchmarks.whatif_real DIRECTORY [FAMILY ...]`; a run takes 85 s and is kept in
DIRECTORY, so that the table can be made again without it. Every run predicts every other run of
its family and library, and itself. Reality is what a stopwatch in the caller says. "hold" is how
much longer connections were held in reality than in the recording, which no replay can know.
"""

import sys
from collections.abc import Sequence
from itertools import groupby
from math import inf
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from dashboard.analysis.whatif import predict
from dashboard.demo.postgres import Postgres
from dashboard.model.whatif import Change, Row

from .lines import Line, line_of
from .whatif_runs import FAMILIES, Run, record

#: Holds that differ by less count as the same.
_ALIKE: Final = 0.1


def main(directory: Path, families: Sequence[str]) -> None:
    """Run what is not there yet; then the table of all that is there."""
    directory.mkdir(parents=True, exist_ok=True)
    with Postgres() as server:
        for name in families:
            for plan in FAMILIES[name].runs:
                path = directory / f"{name}-{'-'.join(map(str, plan))}.msgpack"
                if not path.exists():
                    run = record(server, name, plan)
                    path.write_bytes(msgspec.msgpack.encode(run, enc_hook=list))
                    print(f"recorded {path.name}: p95 {run.p95 * 1000:.1f} ms", flush=True)
    paths = sorted(directory.glob("*.msgpack"))
    runs = [msgspec.msgpack.decode(path.read_bytes(), type=Run) for path in paths]
    table([run for run in runs if run.family in families])


def table(runs: Sequence[Run]) -> None:
    """Every ordered pair of each family and library, and what they come to."""
    columns = ("family", "recorded at", "predicted", "traffic", "hold", "real p95")
    print(f"| {' | '.join((*columns, 'predicted p95', 'error', 'range', 'grade'))} |")
    print("|---|--:|--:|---|--:|--:|--:|--:|--:|---|")
    lines: dict[str, list[Line]] = {}
    for (family, _), group in groupby(runs, lambda run: (run.family, run.library)):
        members = list(group)
        for seen in members:
            for real in members:
                if _is_pair(seen, real):
                    line = _line(seen, real)
                    print(line.text)
                    lines.setdefault(family, []).append(line)
    print("\n| family | predicted | pairs | p95 given | median error | worst | range | holds it |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for family, found in lines.items():
        for kind in dict.fromkeys(sorted(line.kind for line in found)):
            some = [line for line in found if line.kind == kind]
            print(f"| {family} | {kind[3:]} | {_in_short(some)} |")


def _is_pair(seen: Run, real: Run) -> bool:
    """Who timed out predicts both; nobody predicts from the repetition or the other day."""
    return seen.day == 1 and (seen.timeout is not None or real.timeout is None)


def _line(seen: Run, real: Run) -> Line:
    change = Change()
    if real.timeout != seen.timeout:
        change = Change(timeout=inf)
    rows = predict(seen.demand, [real.size], change).rows
    row = rows[0] if rows else Row(size=real.size)
    traffic = {1: "same", 10: "same again"}.get(real.day, "another day")
    ratio = real.hold / seen.hold
    gone = f", {_share(real)} left" if real.timeout is not None else ""
    told = f", {(row.timeouts or 0) / len(real.waits):.1%}" if real.timeout is not None else ""
    begin = (
        f"{seen.family}, {seen.library}",
        seen.name,
        real.name,
        "its own" if seen is real else traffic,
        f"x {ratio:.2f}",
        f"{real.p95 * 1000:.1f}{gone}",
    )
    return line_of(_kind(seen, real, ratio), begin, row, real.p95, told)


def _kind(seen: Run, real: Run, ratio: float) -> str:
    """In the order of the summary."""
    if seen is real:
        return "1. itself"
    is_alike = abs(ratio - 1) <= _ALIKE
    holds = f"holds {'within' if is_alike else 'off by more than'} {_ALIKE:.0%}"
    if real.day == 2:
        return f"{4 if is_alike else 5}. another day, {holds}"
    return f"{2 if is_alike else 3}. the same traffic, {holds}"


def _share(run: Run) -> str:
    return f"{run.timeouts / len(run.waits):.1%}"


def _in_short(lines: Sequence[Line]) -> str:
    errors = [abs(line.error) for line in lines if line.error is not None]
    shown = [line.is_inside for line in lines if line.is_inside is not None]
    cells = (
        f"{len(lines)}",
        f"{sum(line.is_point for line in lines)}",
        f"{median(errors):.0%}" if errors else "-",
        f"{max(errors):.0%}" if errors else "-",
        f"{len(shown)}",
        f"{sum(shown)}",
    )
    return " | ".join(cells)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(FAMILIES))
