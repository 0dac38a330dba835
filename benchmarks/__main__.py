"""`make bench`: the cost of a watched pair beside that of two empty listeners."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from . import instructions, pairs, records

#: Times what two empty listeners add that watching may add at the most, and the aim.
LIMITS: Final = {"sync": (1.5, 1.1), "async": (2.0, 1.5)}
_WHAT: Final = {
    "sync": "QueuePool, trivial creator",
    "async": "async engine on aiosqlite, no statement",
}
_ROUNDS: Final = 40


def _counted(case: str) -> dict[str, float]:
    return {variant: instructions.per_pair(case, variant) for variant in pairs.variants()}


def _timed(case: str) -> dict[str, float]:
    """Microseconds: the median of each variant, rounds interleaved."""
    if case == "sync":
        times = pairs.time_sync(_ROUNDS)
    else:
        with tempfile.TemporaryDirectory() as folder:
            times = asyncio.run(pairs.time_async(_ROUNDS, str(Path(folder, "bench.db"))))
    return {variant: statistics.median(each) * 1e6 for variant, each in times.items()}


def judge(case: str, costs: dict[str, float], unit: str) -> dict[str, Any]:
    """One case with what each variant adds, as a multiple of the floor."""
    bare, floor = costs["bare"], costs["listeners"] - costs["bare"]
    limit, aim = LIMITS[case]
    adds = {variant: cost - bare for variant, cost in costs.items() if variant != "bare"}
    ratio = adds["watched"] / floor if floor > 0 else None
    return {
        "case": case,
        "unit": unit,
        "bare": bare,
        "adds": adds,
        "ratio": ratio,
        "limit": limit,
        "aim": aim,
        "passes": None if ratio is None else ratio <= limit,
    }


def _print(found: dict[str, Any]) -> None:
    case, unit = found["case"], found["unit"]
    print(f"{case}: {_WHAT[case]} ({unit} for one checkout and checkin)")
    print(f"  {'bare':16}{found['bare']:12,.1f}")
    floor = found["adds"]["listeners"]
    for variant, adds in found["adds"].items():
        ratio = f"{adds / floor:8.2f} x" if floor > 0 else "  (noise)"
        print(f"  {variant:16}{adds:+12,.1f}{ratio}")
    verdict = {True: "PASS", False: "FAIL", None: "TOO NOISY TO TELL"}[found["passes"]]
    print(f"  {verdict}: watched at most {found['limit']} x the listeners (aim {found['aim']})\n")


def _recorder(*, is_quick: bool) -> dict[str, Any]:
    million = 100_000 if is_quick else 1_000_000
    rest = records.memory(0, 1)
    full = records.memory(million, 10_000)
    return {
        "events_per_second": records.events_per_second(),
        "checkouts": million,
        "budget": records.BUDGET,
        "at_rest": {"estimated": rest.estimated, "traced": rest.traced},
        "full": {"estimated": full.estimated, "traced": full.traced, "resident": full.resident},
        "passes": full.traced <= records.BUDGET,
    }


def _print_recorder(found: dict[str, Any]) -> None:
    rest, full = found["at_rest"], found["full"]
    print(f"recorder: {found['events_per_second']:,.0f} events/s of CPU time in one thread")
    print(f"  memory at rest            {rest['traced'] / 2**20:8.2f} MB")
    print(f"  {found['checkouts']:>9,} checkouts,")
    print(f"  10,000 call sites         {full['traced'] / 2**20:8.2f} MB")
    print(f"  as it says of itself      {full['estimated'] / 2**20:8.2f} MB")
    print(f"  growth of the process     {full['resident'] / 2**20:8.2f} MB")
    verdict = "PASS" if found["passes"] else "FAIL"
    print(f"  {verdict}: budget {found['budget'] / 2**20:.0f} MB")


def main() -> int:
    """Measure, print; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--time", action="store_true", help="CPU time, also where valgrind is")
    parser.add_argument("--quick", action="store_true", help="100,000 checkouts, not a million")
    parser.add_argument("--case", choices=pairs.CASES, help="only this one, without the recorder")
    options = parser.parse_args()
    counts = instructions.is_available() and not options.time
    if not counts and not options.time:
        print(instructions.MISSING, file=sys.stderr)
    measure, unit = (_counted, "instructions") if counts else (_timed, "µs of CPU time")
    found: list[dict[str, Any]] = []
    for case in [options.case] if options.case else pairs.CASES:
        found.append(judge(case, measure(case), unit))
        if not options.json:
            _print(found[-1])
    recorder = None if options.case else _recorder(is_quick=options.quick)
    if options.json:
        print(json.dumps({"pairs": found, "recorder": recorder}, indent=2))
    elif recorder is not None:
        _print_recorder(recorder)
    return 1 if any(each["passes"] is False for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
