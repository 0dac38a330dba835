"""Instructions of one pair under callgrind: two runs of different length, subtracted."""

import os
import re
import shutil
import subprocess
import sys
from typing import Final

#: Lengths of the two runs; their difference is a few whole batches of the recorder.
LENGTHS: Final = {"sync": (512, 4608), "async": (512, 2560)}
MISSING: Final = (
    "valgrind is not installed, so CPU time is compared instead of instructions.\n"
    "On Debian or Ubuntu: apt-get install valgrind"
)
_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def is_available() -> bool:
    """Whether instructions can be counted here."""
    return shutil.which("valgrind") is not None


def per_pair(case: str, variant: str) -> float:
    """Instructions of one checkout and checkin."""
    few, many = LENGTHS[case]
    return (_count(case, variant, many) - _count(case, variant, few)) / (many - few)


def _count(case: str, variant: str, count: int) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        "benchmarks.pairs",
        case,
        variant,
        str(count),
    ]
    # Hashes of strings decide where dicts collide; they must be the same in every run.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = _COLLECTED.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return int(found[1])
