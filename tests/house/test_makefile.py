"""The Makefile, with a stand-in for the program that it starts."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.web.listening import eventually

_ROOT = Path(__file__).parents[2]
_TARGETS = ["help", "demo", "test", "check", "bench", "peers", "shots", "wheel", "clean"]
# A make that runs these tests must not hand its options and variables down to ours.
_FOREIGN = ("MAKE", "MFLAGS", "PYTHON", "PIP_", "VENV", "PORT", "ARGS")
_PLAIN = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
_STAND_IN = """#!{python}
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT, signal.SIGTERM}})
print("up", os.getpid(), *sys.argv[1:], flush=True)
signal.sigwait({{signal.SIGINT, signal.SIGTERM}})
print("down", flush=True)
"""


def _make(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("make")), "--no-print-directory", "-C", str(_ROOT), *arguments],
        env={**_PLAIN, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_targets() -> None:
    lines = _make().stdout.splitlines()
    assert [line.split()[1] for line in lines] == _TARGETS
    assert all(len(line.split()) > 2 for line in lines)


def test_every_target_is_phony() -> None:
    text = (_ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    assert phony[1].split() == re.findall(r"^([a-z]+):", text, re.MULTILINE) == _TARGETS


def test_ci_runs_check_then_test() -> None:
    script = _ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^step (\w+)$", script.read_text(), re.MULTILINE) == ["check", "test"]


def test_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac\n')
    old.chmod(0o755)
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    result = _make("VENV=" + str(tmp_path / "venv"), "demo", path=str(tmp_path))
    assert result.returncode == 2
    assert "Python 3.11 or newer is needed; found: Python 3.9.2." in result.stderr


def test_python_without_ensurepip_is_refused(tmp_path: Path) -> None:
    bare = tmp_path / "python3.12"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    bare.chmod(0o755)
    result = _make("VENV=" + str(tmp_path / "venv"), f"PYTHON={bare}", "demo")
    assert result.returncode == 2
    assert f"{bare} cannot make an environment" in result.stderr
    assert "apt-get install python3-venv" in result.stderr


def test_sigterm_to_make_ends_the_demo(tmp_path: Path) -> None:
    with _demo(tmp_path) as (make, pid):
        make.send_signal(signal.SIGTERM)
        assert _rest(make) == "down\n"
    eventually(lambda: not _exists(pid))


def test_ctrl_c_ends_the_demo(tmp_path: Path) -> None:
    with _demo(tmp_path) as (make, pid):
        # A terminal sends SIGINT to every process of the foreground group.
        os.killpg(make.pid, signal.SIGINT)
        assert _rest(make) == "down\n"
    eventually(lambda: not _exists(pid))


@contextmanager
def _demo(venv: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`make demo` in an environment whose pool-dashboard only waits for its signal."""
    program = venv / "bin" / "pool-dashboard"
    program.parent.mkdir()
    program.write_text(_STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    (venv / ".made").touch()
    (venv / ".demo").touch()
    command = ["make", "-s", "-C", str(_ROOT), f"VENV={venv}", "PORT=8799", "demo"]
    with subprocess.Popen(
        command, env=_PLAIN, stdout=subprocess.PIPE, text=True, process_group=0
    ) as make:
        assert make.stdout is not None
        word, pid, *arguments = make.stdout.readline().split()
        assert (word, arguments) == ("up", ["demo", "--listen", "127.0.0.1:8799"])
        try:
            yield make, int(pid)
        finally:
            make.kill()


def _rest(make: subprocess.Popen[str]) -> str:
    return make.communicate(timeout=60)[0]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
