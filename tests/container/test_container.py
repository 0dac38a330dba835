"""Dockerfile and compose.yaml, replayed without a container."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .replay import ROOT, Replay, as_user, steps

_TEXT = (ROOT / "Dockerfile").read_text()
_STEPS = list(steps(_TEXT))
_DEADLINE = 90.0


@pytest.fixture(scope="module")
def built() -> Iterator[Replay]:
    """The first stage, built in a directory that everybody may enter."""
    top = Path(tempfile.mkdtemp(prefix="pool-dashboard-image-"))
    top.chmod(0o755)
    try:
        replay = Replay(top, _STEPS, python=_python_for_all())
        replay.build()
        yield replay
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(top)], check=False)
        shutil.rmtree(top)


def _python_for_all() -> str:
    """A Python that an ordinary user may run; root's own may lie in root's home."""
    system = shutil.which("python3", path=os.defpath) or sys.executable
    for python in (os.path.realpath(sys.executable), system):
        command = [*as_user(), python, "-c", "import ensurepip, venv"]
        if not subprocess.run(command, capture_output=True, check=False).returncode:
            return python
    pytest.skip("no Python with ensurepip that an ordinary user may run")


def test_every_source_exists_and_is_let_in() -> None:
    named = [
        name
        for step in _STEPS
        if step.word == "COPY" and "--from" not in step.rest
        for name in step.rest.split()[:-1]
    ]
    assert [name for name in named if not (ROOT / name).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert sorted(named) == sorted(line[1:] for line in ignored if line.startswith("!"))


def test_image_has_two_stages_and_an_ordinary_user() -> None:
    words = [(step.stage, step.word) for step in _STEPS]
    assert [stage for stage, word in words if word == "FROM"] == [0, 1]
    replay = Replay(Path("/nowhere"), _STEPS, port=1)
    assert replay.one("USER").rest == "10001:10001"
    assert replay.one("COPY").rest == "--from=build /app /app"
    assert replay.one("CMD").command[:2] == ["pool-dashboard", "demo"]
    assert "curl" not in _TEXT
    assert re.findall(r"apt-get|gcc|build-essential", _TEXT) == []


def test_compose_gives_it_nothing_to_misuse() -> None:
    lines = [line.strip() for line in (ROOT / "compose.yaml").read_text().splitlines()]
    for line in (
        '- "127.0.0.1:8765:8765"',
        "read_only: true",
        "- /tmp:mode=1777,size=512m",
        "- ALL",
        "- no-new-privileges:true",
    ):
        assert line in lines
    assert [line for line in lines if line.startswith("privileged") or "docker.sock" in line] == []


@pytest.mark.slow
def test_final_stage_has_no_pip(built: Replay) -> None:
    assert list((built.top / "app" / "bin").glob("pip*")) == []


@pytest.mark.slow
def test_image_runs_closed_and_healthy(built: Replay, tmp_path: Path) -> None:
    token, log = secrets.token_urlsafe(32), tmp_path / "log"
    process = built.start(token, log)
    try:
        _await_health(built, process, log)
        address = f"http://127.0.0.1:{built.port}"
        assert _status(f"{address}/api/pools", token) == 200
        pages = [f"{address}{path}" for path in ("/", "/api/pools", "/demo", "/demo/shop/")]
        assert [_status(page) for page in pages] == [401, 401, 401, 401]
        assert _status(f"{address}/demo", token) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(_DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    assert list((built.top / "tmp").iterdir()) == []
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_image_without_token_does_not_start(built: Replay, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert built.start("", log).wait(_DEADLINE) == 2
    assert "POOL_DASHBOARD_TOKEN" in log.read_text()


def _await_health(built: Replay, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not built.is_healthy():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(log.read_text())
        time.sleep(0.2)


def _status(address: str, token: str = "") -> int:
    request = urllib.request.Request(address)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
