"""The examples as a user runs them: real servers, a real database, a real stop."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from dashboard import Dashboard
from dashboard.demo.postgres import Postgres

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).parents[2]
_TOKEN = secrets.token_urlsafe(32)
_DEADLINE = 30.0


def _environment(**given: str) -> dict[str, str]:
    python = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": python, "POOL_DASHBOARD_TOKEN": _TOKEN, **given}


def _get(address: str, token: str = _TOKEN) -> str:
    request = urllib.request.Request(address)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
        body: bytes = answer.read()
        return body.decode()


@contextmanager
def _served(example: str, log: Path, **given: str) -> Iterator[str]:
    """The address of an application that uvicorn serves; it must end well when told to."""
    command = [sys.executable, "-m", "uvicorn", f"examples.{example}:app", "--port", "0"]
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=_ROOT, env=_environment(**given), stdout=output, stderr=output
        )
    try:
        yield _address(log, server)
        server.send_signal(signal.SIGINT)
        server.wait(_DEADLINE)
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in log.read_text()
    assert "Application shutdown complete" in log.read_text()


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"running on (http://[\d.:]+)", log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(log.read_text())


def _pools(address: str, token: str = _TOKEN) -> list[tuple[str, str, int]]:
    pools: list[dict[str, Any]] = json.loads(_get(f"{address}/api/pools", token))
    return [(pool["name"], pool["library"], pool["checkouts"]) for pool in pools]


def _refusal(address: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        _get(f"{address}/pools/api/pools", token="")
    caught.value.close()
    return caught.value.code


def test_fastapi_with_lifespan(postgres: Postgres, tmp_path: Path) -> None:
    with _served("fastapi_app", tmp_path / "log", DATABASE_URL=postgres.url) as address:
        assert _get(f"{address}/orders/7") == "7"
        assert _pools(f"{address}/pools") == [("orders", "asyncpg", 1)]
        assert _refusal(address) == 401


def test_starlette(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.dsn("asyncpg")
    with _served("starlette_app", tmp_path / "log", DATABASE_URL=url) as address:
        assert _get(f"{address}/") == "42"
        assert _pools(f"{address}/pools") == [("shop", "sqlalchemy", 1)]
        assert _refusal(address) == 401


def test_litestar(serve_app: Callable[[ASGIApp], str], tmp_path: Path) -> None:
    pytest.importorskip("litestar")
    bank = serve_app(PlainTextResponse("5 %"))
    with _served("litestar_app", tmp_path / "log", BANK_URL=bank) as address:
        assert _get(f"{address}/rates") == "200"
        assert _pools(f"{address}/pools") == [("bank", "aiohttp", 1)]
        assert _refusal(address) == 401


def test_worker_with_threads(postgres: Postgres) -> None:
    command = [sys.executable, str(_ROOT / "examples" / "worker.py")]
    environment = _environment(DATABASE_URL=postgres.dsn("psycopg"), PORT="0")
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        address = worker.stdout.readline().strip()
        deadline = time.monotonic() + _DEADLINE
        while _pools(address) != [("jobs", "sqlalchemy", 100)] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _pools(address) == [("jobs", "sqlalchemy", 100)]
        worker.communicate("\n", timeout=_DEADLINE)
    assert worker.returncode == 0


@pytest.mark.skipif(not hasattr(Dashboard, "watch_all"), reason="Dashboard has no watch_all")
def test_script(postgres: Postgres) -> None:
    done = subprocess.run(
        [sys.executable, str(_ROOT / "examples" / "script.py")],
        env=_environment(DATABASE_URL=postgres.dsn("psycopg")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = f"127.0.0.1:{postgres.port}/postgres: 10 checkouts, 0 still out of 15\n"
    assert done.stdout == expected


def test_each_example_is_tested() -> None:
    names = {path.stem for path in (_ROOT / "examples").glob("*.py")}
    assert names == {"fastapi_app", "litestar_app", "script", "starlette_app", "worker"}
