"""`make peers`: what it says of two runs, and SQLAlchemy's own tests with every pool watched."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.peers import SUITES, Comparison, Run, Suite, fetch, run, table

_SUITE = Suite("sqlalchemy", "test_small.py")
_SMALL = """
import pytest
from sqlalchemy import QueuePool

def test_plain():
    pool = QueuePool(lambda: None)
    assert pool.checkedout() == 0

def test_watched():
    assert "pool-dashboard" in QueuePool.__init__.__code__.co_filename

def test_fails_late(request):
    request.addfinalizer(lambda: 1 / 0)

@pytest.mark.skip
def test_skipped(): ...
"""


def test_table_names_what_differs() -> None:
    steady = {"a": ("passed",), "c": ("skipped",)}
    bare = Run({**steady, "b": ("passed", "passed"), "d": ("passed", "failed")}, {})
    watched = Run(
        {**steady, "b": ("failed", "failed"), "d": ("failed", "failed")},
        {"b": "connect: KeyError"},
    )
    found = Comparison(_SUITE, "2.1.9", bare, watched)
    assert table([found]).splitlines() == [
        "suite                           passed  failed  skipped",
        "sqlalchemy 2.1.9    without          3       0        1",
        "sqlalchemy 2.1.9    watched          1       2        1",
        "differs: b: failed 0 of 2 times without, 2 of 2 watched",
        "unsteady: d: failed 1 of 2 times without, 2 of 2 watched",
        "probe failed: b: connect: KeyError",
    ]


def test_test_of_one_run_only_differs() -> None:
    found = Comparison(_SUITE, "2.1.9", Run({"a": ("passed",)}, {}), Run({}, {}))
    assert found.differing == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize(("is_watched", "outcome"), [(False, "failed"), (True, "passed")])
def test_plugin_watches_when_told(tmp_path: Path, is_watched: bool, outcome: str) -> None:  # noqa: FBT001
    (tmp_path / "test_small.py").write_text(_SMALL)
    found = run(_SUITE, tmp_path, (), is_watched=is_watched, given={})
    assert {name.partition("::")[2]: what for name, (what,) in found.outcomes.items()} == {
        "test_plain": "passed",
        "test_watched": outcome,
        "test_fails_late": "failed",
        "test_skipped": "skipped",
    }
    assert found.broken == {}


@pytest.mark.slow
def test_sqlalchemys_own_pool_tests_pass_watched() -> None:
    suite = SUITES[0]
    try:
        folder = fetch(suite)
    except subprocess.CalledProcessError:
        pytest.skip("no package index: the source distribution cannot be fetched")
    found = run(suite, folder, (), is_watched=True, given={})
    assert [name for name, (what,) in found.outcomes.items() if what == "failed"] == []
    assert len(found.outcomes) > 100
    assert found.broken == {}
