"""Runs the pool tests of the libraries themselves, with and without every pool watched.

`python -m benchmarks.peers [sqlalchemy] [asyncpg]`: fetches the source distribution of the
installed version, runs its pool tests both ways and prints what differs. 1 when anything does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from . import peers_plugin

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "peers"
#: A test that differs is run again so often, both ways: some are unsteady without us too.
_AGAIN = 5
_LONGEST = 900.0


@dataclass(frozen=True)
class Suite:
    """One project's pool tests."""

    name: str
    tests: str
    #: The installed package is tested: its sources are not compiled.
    moved: bool = False
    needs_postgres: bool = False


SUITES = (
    Suite("sqlalchemy", "test/engine/test_pool.py"),
    Suite("asyncpg", "tests/test_pool.py", moved=True, needs_postgres=True),
)


@dataclass(frozen=True)
class Run:
    """What came of each test, each time, and which probes failed during which."""

    outcomes: Mapping[str, tuple[str, ...]]
    broken: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """One suite both ways."""

    suite: Suite
    version: str
    bare: Run
    watched: Run

    @property
    def differing(self) -> list[str]:
        """Tests that never came out the same both ways, or that ran in one way only."""
        return [name for name in self._names() if not set.intersection(*self._seen(name))]

    @property
    def unsteady(self) -> list[str]:
        """Tests that came out one way and another, the same both ways at least once."""
        seen = {name: self._seen(name) for name in self._names()}
        return [
            name
            for name, (bare, watched) in seen.items()
            if bare & watched and len(bare | watched) > 1
        ]

    def told(self, name: str) -> str:
        """How often it failed, each way."""
        bare, watched = self.bare.outcomes.get(name, ()), self.watched.outcomes.get(name, ())
        return (
            f"{name}: failed {bare.count('failed')} of {len(bare)} times without, "
            f"{watched.count('failed')} of {len(watched)} watched"
        )

    def _names(self) -> list[str]:
        return sorted({*self.bare.outcomes, *self.watched.outcomes})

    def _seen(self, name: str) -> tuple[set[str], set[str]]:
        return set(self.bare.outcomes.get(name, ())), set(self.watched.outcomes.get(name, ()))


def fetch(suite: Suite, to: Path = CACHE) -> Path:
    """The directory in which the suite can be run; downloads it once for each version."""
    name = f"{suite.name}-{version(suite.name)}"
    folder = to / name
    if not folder.is_dir():
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        wanted = name.replace("-", "==", 1)
        command += ["--no-binary", suite.name, "--dest", str(to), wanted]
        subprocess.run(command, check=True)
        with tarfile.open(to / f"{name}.tar.gz") as archive:
            # 3.11 has filters from 3.11.4 on; what is unpacked came from the index by its name.
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(to, **safe)  # type: ignore[arg-type]  # noqa: S202
    if not suite.moved:
        return folder
    apart = to / f"{name}-tests"
    tests = Path(suite.tests).parts[0]
    shutil.copytree(folder / tests, apart / tests, dirs_exist_ok=True)
    (apart / "pytest.ini").write_text("[pytest]\n")  # Else pytest takes our options.
    return apart


def run(
    suite: Suite, folder: Path, names: Sequence[str], *, is_watched: bool, given: Mapping[str, str]
) -> Run:
    """Run the suite, or these of its tests."""
    file = folder / f"outcomes-{'watched' if is_watched else 'bare'}.json"
    file.unlink(missing_ok=True)
    environment = {**os.environ, **given, peers_plugin.FILE: str(file)}
    environment["PYTHONPATH"] = str(ROOT)
    environment.pop(peers_plugin.WATCHED, None)
    if is_watched:
        environment[peers_plugin.WATCHED] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.peers_plugin"]
    command += ["-p", "no:cacheprovider", "-p", "no:asyncio", *(names or [suite.tests])]
    log = file.with_suffix(".log")
    with log.open("w") as output:
        subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_LONGEST,
            check=False,
        )
    found = json.loads(file.read_text()) if file.exists() else {"outcomes": {}, "broken": {}}
    if not found["outcomes"]:
        raise SystemExit(f"{suite.name}: no test was run; see {log}")
    return Run({name: (what,) for name, what in found["outcomes"].items()}, found["broken"])


def compare(suite: Suite, folder: Path, given: Mapping[str, str]) -> Comparison:
    """Both ways; what differs again until it does not."""

    def once(names: Sequence[str], *, is_watched: bool) -> Run:
        return run(suite, folder, names, is_watched=is_watched, given=given)

    bare, watched = once((), is_watched=False), once((), is_watched=True)
    found = Comparison(suite, version(suite.name), bare, watched)
    for _ in range(_AGAIN):
        differing = found.differing
        if not differing:
            break
        bare = _joined(found.bare, once(differing, is_watched=False))
        watched = _joined(found.watched, once(differing, is_watched=True))
        found = Comparison(suite, found.version, bare, watched)
    return found


def _joined(before: Run, again: Run) -> Run:
    more = {name: (*before.outcomes.get(name, ()), *how) for name, how in again.outcomes.items()}
    return Run({**before.outcomes, **more}, {**before.broken, **again.broken})


def table(found: Sequence[Comparison]) -> str:
    """Counts for each suite, then what differs, what is unsteady, and probes that failed."""
    lines = [f"{'suite':<20}{'':<10}{'passed':>8}{'failed':>8}{'skipped':>9}"]
    for each in found:
        for way, outcomes in (("without", each.bare), ("watched", each.watched)):
            count = Counter(how[0] for how in outcomes.outcomes.values())
            name = f"{each.suite.name} {each.version}"
            figures = f"{count['passed']:>8}{count['failed']:>8}{count['skipped']:>9}"
            lines.append(f"{name:<20}{way:<10}{figures}")
    for each in found:
        lines += [f"differs: {each.told(name)}" for name in each.differing]
        lines += [f"unsteady: {each.told(name)}" for name in each.unsteady]
        lines += [f"probe failed: {name}: {what}" for name, what in each.watched.broken.items()]
    return "\n".join(lines)


def main(wanted: Sequence[str]) -> int:
    """Run the suites that are named, or all."""
    suites = [each for each in SUITES if not wanted or each.name in wanted]
    found = []
    with ExitStack() as stack:
        for suite in suites:
            print(f"{suite.name}: fetching, then running {suite.tests} twice", flush=True)
            given = stack.enter_context(_Cluster()) if suite.needs_postgres else {}
            found.append(compare(suite, fetch(suite), given))
    print(table(found))
    return int(any(each.differing or each.watched.broken for each in found))


class _Cluster:
    """A PostgreSQL whose superuser may log in: asyncpg's tests make roles."""

    def __init__(self) -> None:
        from dashboard.demo.postgres import Postgres

        self._postgres = Postgres(settings={"max_connections": "120"})

    def __enter__(self) -> Mapping[str, str]:
        postgres = self._postgres.start()
        assert postgres._home is not None
        assert postgres.pid is not None
        access = postgres._home.path / "access.conf"
        access.write_text("host all all 127.0.0.1/32 trust\n")
        os.kill(postgres.pid, signal.SIGHUP)
        names = {"PGHOST": "127.0.0.1", "PGUSER": "postgres", "PGDATABASE": "postgres"}
        return {**names, "PGPORT": str(postgres.port)}

    def __exit__(self, *_: object) -> None:
        self._postgres.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
