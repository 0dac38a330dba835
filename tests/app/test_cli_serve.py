"""`pool-dashboard serve`: pools of a file, their dashboard, and an end that leaves nothing."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from dashboard import cli
from dashboard.demo.postgres import Postgres

from .given import TOKEN

_ROOT = Path(__file__).parents[2]
_DEADLINE = 30.0
_PASSWORD = "hunter2 and more"
_CODE = """
import os
from sqlalchemy.ext.asyncio import create_async_engine

def engine():
    arguments = {"server_settings": {"application_name": "kept by serve"}}
    return create_async_engine(os.environ["SHOP_URL"], connect_args=arguments)
"""
_FILE = """
[dashboard]
title = "Corner shop"
listen = "127.0.0.1:0"

[pools.orders]
url = "${SHOP_URL}"
pool_size = 3
connect_args = { server_settings = { application_name = "kept by serve" } }
probe = "1s"

[pools.reports]
url = "postgresql+psycopg://shop:${PASSWORD}@127.0.0.1:${PORT}/postgres"
connect_args = { application_name = "kept by serve" }
probe = "1s"

[pools.events]
library = "asyncpg"
url = "postgresql://shop:${PASSWORD}@127.0.0.1:${PORT}/postgres"
min_size = 2
max_size = 4
server_settings = { application_name = "kept by serve" }

[pools.imported]
import = "corner_shop:engine"
probe = "1s"

[pools.lost]
url = "postgresql+asyncpg://shop:${PASSWORD}@127.0.0.1:1/postgres"
probe = "1s"
"""


@dataclass
class Served:
    """A running command, and what it wrote until it was ready."""

    process: subprocess.Popen[str]
    address: str
    lines: list[str]

    def get(self, path: str) -> str:
        """The body of an answer."""
        with urllib.request.urlopen(f"{self.address}{path}", timeout=_DEADLINE) as answer:
            body: bytes = answer.read()
            return body.decode()

    def pools(self) -> dict[str, Any]:
        """Figures by name."""
        return {pool["name"]: pool for pool in json.loads(self.get("/api/pools"))}

    def end(self, number: signal.Signals) -> tuple[float, str, str]:
        """Seconds until it ended, and the rest of what it wrote."""
        began = time.monotonic()
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=_DEADLINE)
        return time.monotonic() - began, output, errors


def start(folder: Path, *arguments: str, **environment: str) -> Served:
    plain = {name: value for name, value in os.environ.items() if name != "POOL_DASHBOARD_TOKEN"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "serve", *arguments],
        cwd=folder,
        env={**plain, "PYTHONPATH": str(_ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().rstrip() for _ in range(2)]
    address = lines[-1].removeprefix("dashboard  ").rstrip("/")
    return Served(process, address, lines)


@pytest.fixture(scope="module")
def served(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One command for the tests that look; the last one ends it."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "pools.toml").write_text(_FILE)
    (folder / "corner_shop.py").write_text(_CODE)
    server = start(
        folder, SHOP_URL=postgres.dsn("asyncpg"), PASSWORD=_PASSWORD, PORT=str(postgres.port)
    )
    yield server
    server.process.kill()
    server.process.communicate()


async def _connections(postgres: Postgres) -> int:
    connection = await asyncpg.connect(postgres.url)
    try:
        found: int = await connection.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'kept by serve'"
        )
        return found
    finally:
        await connection.close()


def asked(served: Served, times: int = 1) -> dict[str, Any]:
    """The pools once each health query was answered or refused so often."""
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        pools = served.pools()
        health = [pool["health"] for pool in pools.values() if pool["health"]]
        if len(health) == 4 and all(each["checks"] >= times for each in health):
            return pools
        time.sleep(0.05)
    raise AssertionError(served.pools())


@pytest.mark.slow
def test_it_says_where_and_shows_all(served: Served) -> None:
    assert served.lines[0] == "pools      orders, reports, events, imported, lost"
    pools = asked(served)
    assert {name: (pool["library"], pool["max"]) for name, pool in pools.items()} == {
        "orders": ("sqlalchemy", 13),
        "reports": ("sqlalchemy", 15),
        "events": ("asyncpg", 4),
        "imported": ("sqlalchemy", 15),
        "lost": ("sqlalchemy", 15),
    }
    for name in ("orders", "reports", "imported"):
        health = pools[name]["health"]
        assert (health["every"], health["failures"], health["error"]) == (1.0, 0, "")
    assert pools["events"]["health"] is None
    assert pools["events"]["idle"] == 2
    assert pools["lost"]["health"]["error"].startswith("ConnectionRefusedError: ")
    assert "Corner shop" in served.get("/")


@pytest.mark.slow
def test_health_is_on_the_page(served: Served) -> None:
    asked(served)
    page = served.get("/pools/orders")
    assert "<p>every 1 s, " in page
    assert "<span>answers</span></span> It took " in page
    page = served.get("/pools/lost")
    assert "<span>no answer</span></span> ConnectionRefusedError: " in page
    assert 'id="health"' not in served.get("/pools/events")


@pytest.mark.slow
def test_passwords_are_on_no_page(served: Served) -> None:
    asked(served)
    paths = [f"/pools/{name}" for name in served.pools()]
    paths += [f"/api{path}" for path in paths]
    for path in ("/", "/api/pools", "/report.md", "/metrics", "/events", *paths):
        body = served.get(path)
        assert "hunter2" not in body
        assert "shop:" not in body


@pytest.mark.slow
async def test_end_closes_every_pool(served: Served, postgres: Postgres) -> None:
    asked(served)
    assert await _connections(postgres) >= 5
    took, output, errors = served.end(signal.SIGTERM)
    assert served.process.returncode == 0
    assert took < 5
    assert output == "closing the pools\n"
    assert errors.startswith("pool-dashboard: lost does not answer: ConnectionRefusedError: ")
    assert errors.count("\n") == 1
    async with asyncio.timeout(30):
        while await _connections(postgres):
            pass  # Asking takes milliseconds; the server notices an end a little later.


@pytest.mark.slow
def test_token_closes_it(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(
        '[dashboard]\ntoken = "${OWN}"\n[pools.a]\nurl = "sqlite://"'
    )
    arguments = ("--config", "other.toml", "--listen", "127.0.0.1:0")
    server = start(tmp_path, *arguments, OWN=TOKEN)
    try:
        assert server.process.stdout is not None
        entrance = server.process.stdout.readline()
        assert entrance.startswith(f"to enter   {server.address}/?token=")
        with pytest.raises(urllib.error.HTTPError, match="401") as caught:
            urllib.request.urlopen(f"{server.address}/api/pools")
        caught.value.close()
        request = urllib.request.Request(f"{server.address}/api/pools")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        with urllib.request.urlopen(request) as answer:
            assert [pool["name"] for pool in json.loads(answer.read())] == ["a"]
        _, _, errors = server.end(signal.SIGINT)
        assert (server.process.returncode, errors) == (0, "")
    finally:
        server.process.kill()
        server.process.communicate()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["serve", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(capsys) == (
        "pool-dashboard: there is no pools.toml in this directory; write one that begins with "
        '[pools.orders] and url = "…", or name another file with --config\n'
    )
    assert refused(capsys, "--config", "x.toml") == (
        "pool-dashboard: 'x.toml' cannot be read: No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (
            "pool_sizes = 5",
            [],
            "pools.toml line 3: pool_sizes is no option of sqlalchemy pools; did",
        ),
        ("", ["--listen", "8765"], "--listen takes HOST:PORT, not '8765'; try 127.0.0.1:8765"),
        (
            "",
            ["--listen", "0.0.0.0:0"],
            (
                "on 0.0.0.0 everybody could see the dashboard: set POOL_DASHBOARD_TOKEN, or "
                "listen on this machine only, as on 127.0.0.1:8765"
            ),
        ),
        (
            "poolclass = 'NoPool'",
            ["--listen", "127.0.0.1:0"],
            "pools.toml line 2: [pools.a] has poolclass 'NoPool', which is none of sqlalchemy.pool",
        ),
    ],
)
def test_wrong_settings_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pools.toml").write_text(f'[pools.a]\nurl = "sqlite://"\n{text}')
    assert refused(capsys, *arguments).startswith(f"pool-dashboard: {words}")


def test_port_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pools.toml"
    path.write_text('[pools.a]\nurl = "sqlite://"')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(capsys, "--config", str(path), "--listen", listen)
    assert said == (
        f"pool-dashboard: cannot listen on {listen}: Address already in use; "
        "choose another address with --listen HOST:PORT\n"
    )
