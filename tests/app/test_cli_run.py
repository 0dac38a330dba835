"""`pool-dashboard run`: a command as it is, with every pool of its processes watched."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboard import cli

_ROOT = Path(__file__).parents[2]
_DEADLINE = 30.0
_ADDRESS = re.compile(r"pool-dashboard: pid (\d+) \((\S+)\): (http://\S+)/")

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """`run(script, *arguments, listen=…, NAME="value")`: a script in a process of its own."""
    began: list[subprocess.Popen[str]] = []
    plain = {name: value for name, value in os.environ.items() if name != "POOL_DASHBOARD_TOKEN"}

    def start(
        script: str, *arguments: str, listen: str = "127.0.0.1:0", **environment: str
    ) -> subprocess.Popen[str]:
        (tmp_path / "service.py").write_text(script)
        command = [sys.executable, "service.py", *arguments]
        dashboard = [sys.executable, "-m", "dashboard", "run", "--listen", listen, "--"]
        began.append(
            subprocess.Popen(
                [*dashboard, *command],
                cwd=tmp_path,
                env={**plain, "PYTHONPATH": str(_ROOT), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return began[-1]

    yield start
    for process in began:
        process.kill()
        process.communicate()


def addresses(process: subprocess.Popen[str], count: int = 1) -> list[str]:
    """Where so many processes say that they serve."""
    assert process.stderr is not None
    with killed_late(process):
        lines = [process.stderr.readline().rstrip() for _ in range(count)]
    found = [said for said in map(_ADDRESS.fullmatch, lines) if said is not None]
    assert len(found) == count, lines
    return [said[3] for said in found]


@contextmanager
def killed_late(process: subprocess.Popen[str]) -> Iterator[None]:
    """What is read from a process ends when the time is up."""
    timer = threading.Timer(_DEADLINE, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_DEADLINE) as answer:
        return json.loads(answer.read())


_SERVICE = """
import sys
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.QueuePool, pool_size=3)
held = engine.connect()
print(sys.argv[1:], sys.stdin.readline().strip())
sys.exit(7)
"""


@pytest.mark.slow
def test_service_runs_as_it_is(run: Run) -> None:
    process = run(_SERVICE, "--", "-x", "a b")
    [address] = addresses(process)
    [pool] = get(f"{address}/api/pools")
    assert (pool["library"], pool["size"], pool["used"]) == ("sqlalchemy", 3, 1)
    [held] = get(f"{address}/api/pools/{pool['name']}")["open"]
    assert (held["call_site"]["file"], held["call_site"]["line"]) == ("service.py", 5)
    assert pool["source"]["pid"] == process.pid
    output, errors = process.communicate("go on\n", timeout=_DEADLINE)
    assert (process.returncode, output, errors) == (7, "['--', '-x', 'a b'] go on\n", "")


@pytest.mark.slow
def test_signal_reaches_the_service(run: Run) -> None:
    process = run(_SERVICE)
    addresses(process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=_DEADLINE)
    assert (process.returncode, output, errors) == (-signal.SIGTERM, "", "")


@pytest.mark.slow
def test_taken_port_is_told_in_the_command_s_words(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
        process = run(_SERVICE, listen="127.0.0.1:65535")
        _, errors = process.communicate("go on\n", timeout=_DEADLINE)
    assert process.returncode == 7
    assert errors.endswith(
        ": not served: cannot serve on 127.0.0.1:65535: Address already in use;"
        " choose another --listen\n"
    )


_FORKS = """
import os, sys
import sqlalchemy
def make():
    return sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.QueuePool)
before = make() if "early" in sys.argv else None
children = []
for _ in range(2):
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        os.close(sink)
        engine = before or make()
        connection = engine.connect()
        os.read(source, 1)
        os._exit(0)
    children.append(child)
sys.stdin.readline()
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("when", "serving"), [("early", 3), ("late", 2)])
def test_each_forked_worker_serves(run: Run, when: str, serving: int) -> None:
    # From 3.12 on Python warns of a fork beside any thread, and our server is one.
    process = run(_FORKS, when, PYTHONWARNINGS="ignore::DeprecationWarning")
    found = addresses(process, serving)
    assert len(set(found)) == serving
    deadline = time.monotonic() + _DEADLINE
    seen: dict[int, int] = {}
    while sum(seen.values()) != 2 and time.monotonic() < deadline:
        pools = [get(f"{address}/api/pools")[0] for address in found]
        seen = {pool["source"]["pid"]: pool["used"] for pool in pools}
    assert len(seen) == serving
    assert seen.get(process.pid, 0) == 0
    process.communicate("\n", timeout=_DEADLINE)


@pytest.mark.slow
def test_workers_of_uvicorn_are_watched(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import sqlalchemy\n"
        'engine = sqlalchemy.create_engine("sqlite://")\n'
        "async def app(scope, receive, send):\n"
        "    pass\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        first = free.getsockname()[1]
    service = [sys.executable, "-m", "uvicorn", "shop:app", "--workers", "2", "--port", "0"]
    service += ["--timeout-worker-healthcheck", "60"]  # Else a slow machine's start is a death.
    listen = ["--listen", f"127.0.0.1:{first}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "run", *listen, "--", *service],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    found: dict[str, int] = {}
    with killed_late(process):
        while len(found) < 2 and (line := process.stderr.readline()):
            said = _ADDRESS.fullmatch(line.rstrip())
            if said is not None:
                found[said[3]] = int(said[1])
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert f"http://127.0.0.1:{first}" in found
    assert len(set(found.values()) - {process.pid}) == 2


@pytest.mark.slow
def test_other_sitecustomize_runs_too(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import builtins\nbuiltins.theirs = 'ran'")
    script = """
import os, sys
import sitecustomize
print(theirs, os.path.basename(os.path.dirname(sitecustomize.__file__)))
print([path for path in sys.path if "bootstrap" in path], "dashboard" in sys.modules)
import sqlalchemy
print(sorted({"dashboard", "uvicorn", "jinja2", "asyncpg"} & set(sys.modules)))
"""
    path = os.pathsep.join([str(folder), str(_ROOT)])
    process = run(script, PYTHONPATH=path)
    output, errors = process.communicate(timeout=_DEADLINE)
    assert (process.returncode, errors) == (0, "")
    assert output == "ran theirs\n[] False\n['dashboard']\n"


def bootstrapped(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python process as the command's children are."""
    bootstrap = _ROOT / "dashboard" / "bootstrap"
    own = {
        "PYTHONPATH": f"{bootstrap}{os.pathsep}{_ROOT}",
        "POOL_DASHBOARD_LISTEN": "127.0.0.1:0",
        "POOL_DASHBOARD_LIBRARIES": "sqlalchemy",
        "POOL_DASHBOARD_RUN": "dashboard.running",
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE,
    )


def test_disabled_leaves_the_process_alone() -> None:
    script = "import sys, sqlalchemy; sqlalchemy.create_engine('sqlite://');"
    script += "print('dashboard' in sys.modules)"
    ended = bootstrapped(script, POOL_DASHBOARD_DISABLED="1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "False\n", "")


def test_python_without_us_says_so() -> None:
    script = "import sqlalchemy, asyncpg; print('ran')"
    ended = bootstrapped(script, POOL_DASHBOARD_RUN="no_such_package.running")
    assert (ended.returncode, ended.stdout) == (0, "ran\n")
    assert ended.stderr == (
        f"pool-dashboard: {sys.executable} has no no_such_package: its pools are not watched\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "run takes a command: pool-dashboard run -- gunicorn -w 4 shop:app"),
        (["--"], "run takes a command: pool-dashboard run -- gunicorn -w 4 shop:app"),
        (["--listen", "x", "--", "true"], "--listen takes HOST:PORT, not 'x'; try 127.0.0.1:8765"),
        (
            ["--listen", "0.0.0.0:0", "--", "true"],
            "on 0.0.0.0 everybody could see the dashboard: set POOL_DASHBOARD_TOKEN",
        ),
    ],
)
def test_wrong_words_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert cli.main(["run", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"pool-dashboard: {words}")


def test_no_such_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command, status, reason in (
        ("no-such-command", 127, "No such file or directory"),
        (str(tmp_path), 126, "Permission denied"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(["run", "--", command])
        assert ended.value.code == status
        assert capsys.readouterr().err == f"pool-dashboard: {command}: {reason}\n"
