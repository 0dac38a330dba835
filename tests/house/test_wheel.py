"""What users install: sdist and wheel are built, installed apart, and serve their pages."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import socket
import uvicorn
import dashboard

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(dashboard.__file__, listener.getsockname()[1], sep="\\n", flush=True)
    app = dashboard.Dashboard(allow_unauthenticated=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
"""


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def environment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with our wheel; it borrows the dependencies of the one that tests."""
    folder = tmp_path_factory.mktemp("fresh")
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    _run(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-deps", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # Later on the path than our wheel, and its own .pth files (the editable install) are not read.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def address(environment: Path, tmp_path: Path) -> Iterator[str]:
    """Where a dashboard from the wheel is served."""
    command = (environment / "bin" / "python", "-I", "-c", _PROGRAM)
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        file = server.stdout.readline().strip()
        port = server.stdout.readline().strip()
        try:
            assert Path(file).is_relative_to(environment)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def test_installed_wheel_serves_pages_and_files(address: str) -> None:
    with urllib.request.urlopen(address) as answer:
        assert answer.status == 200
        page = answer.read().decode()
    link = re.search(r'href="([^"]+\.css[^"]*)"', page)
    assert link is not None
    with urllib.request.urlopen(urljoin(address, link[1])) as answer:
        assert answer.status == 200
        assert answer.headers.get_content_type() == "text/css"


def test_installed_command_starts(environment: Path) -> None:
    _run(environment / "bin" / "pool-dashboard", "--help")


def test_wheel_carries_every_page_and_file(environment: Path) -> None:
    (package,) = environment.glob("lib/python*/site-packages/dashboard")
    for folder in ("static", "templates"):
        assert _files(package / folder) == _files(_ROOT / folder)
    assert (package / "py.typed").exists()


def test_sdist_carries_tests_and_licence(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "Makefile", "tests/conftest.py"} <= names


def _files(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
