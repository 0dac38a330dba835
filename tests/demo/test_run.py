import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashboard.demo.errors import DemoError
from dashboard.demo.listen import bind

_MAIN = """
import sys
from dashboard.demo.run import main
sys.exit(main(sys.argv[1], 1, float(sys.argv[2]) if len(sys.argv) > 2 else None))
"""


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Whatever it puts into the temporary directory goes to `directory`."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAIN, *arguments],
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.match(r"dashboard +(http://127\.0\.0\.1:\d+)/", line)
        if found:
            return found[1]
    pytest.fail("the demo ended before it was ready")


@pytest.mark.slow
def test_once_runs_prints_a_summary_and_leaves_nothing(open_directory: Path) -> None:
    with demo(open_directory, "127.0.0.1:0", "2") as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    lines = output.splitlines()
    assert lines[:4] == [
        "starting PostgreSQL",
        "filling the tables",
        "opening the pools",
        "letting visitors in",
    ]
    assert re.fullmatch(r"ready after \d+\.\d s", lines[4])
    answered = re.search(r"^browse +(\d+) +(\d+) +0$", output, re.MULTILINE)
    assert answered is not None
    assert int(answered[2]) > 5
    assert lines[-1] == "stopped; nothing is left behind"
    assert list(open_directory.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)], ids=["term", "int-twice"]
)
def test_signal_ends_the_demo_within_five_seconds(
    open_directory: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    with demo(open_directory, "127.0.0.1:0") as process:
        address = read_address(process)
        with urllib.request.urlopen(f"{address}/demo", timeout=60) as page:
            assert page.status == 200
        with urllib.request.urlopen(f"{address}/", timeout=60) as page:
            assert b"Corner shop" in page.read()
        asked = time.monotonic()
        for number in numbers:
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - asked < 5
    assert (process.returncode, errors) == (0, "")
    assert list(open_directory.iterdir()) == []


@pytest.mark.slow
def test_signal_while_starting_ends_it_too(open_directory: Path) -> None:
    with demo(open_directory, "127.0.0.1:0") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting PostgreSQL\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert list(open_directory.iterdir()) == []


def test_taken_port_is_one_line_before_anything_starts(open_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(open_directory, f"127.0.0.1:{port}") as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert errors == (
        f"pool-dashboard demo: port {port} is in use; "
        "choose another one with --listen 127.0.0.1:PORT\n"
    )


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("8765", "--listen takes HOST:PORT, not '8765'"),
        ("127.0.0.1:99999", "--listen takes HOST:PORT"),
        ("0.0.0.0:8765", "listens on this machine only, not on '0.0.0.0'"),
        ("example.com:8765", "listens on this machine only"),
    ],
)
def test_wrong_address_is_refused(listen: str, message: str) -> None:
    with pytest.raises(DemoError, match=re.escape(message)):
        bind(listen)


def test_loopback_names_are_bound() -> None:
    for listen in ("127.0.0.1:0", "localhost:0"):
        with bind(listen) as bound:
            assert bound.getsockname()[0] == "127.0.0.1"
