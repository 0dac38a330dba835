"""`docs/probing.md` keeps its promise: its probe, put beside the others, is all that it takes."""

import re
import subprocess
import sys
from pathlib import Path

from .pages import ROOT, snippets

_IMPORTS = "import itertools\nimport time\nimport weakref\n\n"
_PROBE = """\
from wires import Pool
from dashboard.model.claim import REF, Connection
from dashboard.probes.swap import restore, swap
from dashboard.probes.tap import Tap

"""
_APPLICATION = """\
import sys
import dashboard.probes

dashboard.probes.__path__.append(sys.argv[1])
import wires
from dashboard import Dashboard

with Dashboard(leak_after=60).watch(pool := wires.Pool(2), name="wires"):
    print(type(pool).__mro__[1].__name__)
dash = Dashboard()
dash.watch(pool, name="wires")
held = pool.acquire()
pool.acquire()
try:
    pool.acquire()
except TimeoutError:
    pass
shown = dash.snapshot().pools["wires"]
print(shown.library, shown.used, shown.own_used, shown.max, shown.timeouts, shown.probe_errors)
print([(each.call_site.file, each.call_site.line) for each in shown.open])
print([(each.verdict, each.certainty, each.call_site.line) for each in dash.suspects()])
print([each.timeouts for each in dash.incidents()])
dash.stop()
print(type(pool) is wires.Pool)
"""


def _parts() -> tuple[str, str]:
    """The library and its probe, as they stand on the page."""
    (code,) = [each.code for each in snippets() if each.page.name == "probing.md" and each.is_run]
    library, _, rest = code.partition("# The probe.\n")
    library = library[library.index("class Wire") :]
    return _IMPORTS + library, _IMPORTS + _PROBE + rest.partition("# What it tells.\n")[0]


def test_probe_of_the_page_is_found_and_works(tmp_path: Path) -> None:
    library, probe = _parts()
    beside = tmp_path / "probes"
    beside.mkdir()
    (tmp_path / "wires.py").write_text(library)
    (beside / "wires.py").write_text(probe)
    (tmp_path / "shop.py").write_text(_APPLICATION)
    done = subprocess.run(
        [sys.executable, "shop.py", str(beside)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    held, lost = (_line_of("pool.acquire()", which) for which in (0, 1))
    assert done.stdout.splitlines() == [
        "Pool",
        "wires 2 2 2 1 0",
        f"[('shop.py', {held}), ('shop.py', {lost})]",
        f"[('lost', 'proven', {lost})]",
        "[1]",
        "True",
    ]


def _line_of(text: str, which: int) -> int:
    found = [each.start() for each in re.finditer(re.escape(text), _APPLICATION)]
    return _APPLICATION[: found[which]].count("\n") + 1
