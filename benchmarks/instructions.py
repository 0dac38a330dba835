"""Instructions of one pair under callgrind, in the thread that makes the pairs.

The run says itself where the pairs begin and end (`mark`): start, warming up and reading the result
are left out. Threads of a driver are too: nothing of ours runs there, and how often they wake the
loop differs from run to run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

#: Pairs of one run: a few whole batches of the recorder.
PAIRS: Final = {"sync": 8192, "async": 4096}
MISSING: Final = (
    "valgrind is not installed, so CPU time is compared instead of instructions.\n"
    "On Debian or Ubuntu: apt-get install valgrind"
)
#: A function of the interpreter that nobody else calls.
_MARK: Final = "Py_SetRecursionLimit"
_TOTALS: Final = re.compile(r"^totals: (\d+)", re.MULTILINE)


def is_available() -> bool:
    """Whether instructions can be counted here."""
    return shutil.which("valgrind") is not None


def mark() -> None:
    """Called before the first pair and after the last; costs 300 instructions."""
    sys.setrecursionlimit(sys.getrecursionlimit())


def per_pair(case: str, variant: str) -> float:
    """Instructions of one checkout and checkin."""
    with tempfile.TemporaryDirectory() as folder:
        return _count(case, variant, Path(folder)) / PAIRS[case]


def _count(case: str, variant: str, folder: Path) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--separate-threads=yes",
        f"--dump-before={_MARK}",
        f"--callgrind-out-file={folder / 'count'}",
        sys.executable,
        "-m",
        "benchmarks.pairs",
        case,
        variant,
        str(PAIRS[case]),
    ]
    # Hashes of strings decide where dicts collide; they must be the same in every run.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    # The first dump is what went before the mark, the second is between the marks.
    dump = folder / "count.2-01"
    if done.returncode or not dump.exists():
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found = _TOTALS.search(dump.read_text())
    if found is None:
        raise RuntimeError(f"callgrind wrote no totals into {dump.name}:\n{done.stderr[-2000:]}")
    return int(found[1])
