"""A real PostgreSQL of its own, which leaves the machine as it was."""

import atexit
import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from . import binaries
from .errors import DemoError
from .home import Home

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_START_WITHIN = 60.0
_FAST_WITHIN = 2.0
_IMMEDIATE_WITHIN = 1.5
_TURN = 0.02

# Durability is worth nothing for data that lives as long as its process.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "min_wal_size": "8MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "full_page_writes": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}
# Anybody on this machine reaches a loopback port: the one role that needs no password may not run
# programs or read files, as a superuser could.
_ACCESS = "host all shop 127.0.0.1/32 trust\n"
_ROLE = """\
CREATE ROLE shop LOGIN CREATEDB;
GRANT pg_monitor, pg_signal_backend TO shop;
ALTER DATABASE postgres OWNER TO shop;
"""


class Postgres:
    """A server on a free loopback port; `stop()` leaves no process, file or socket.

    `directory` is where the run's own folder is made (default: the system's temporary directory).
    """

    def __init__(
        self, directory: Path | None = None, *, settings: Mapping[str, str] = _NO_SETTINGS
    ) -> None:
        """Nothing is started or written before `start()`."""
        self.port = 0
        self._directory = directory
        self._settings = {**_SETTINGS, **settings}
        self._owner = os.getpid()
        self._account = binaries.account()
        self._home: Home | None = None
        self._bin = Path()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The address of the database, for libpq and asyncpg."""
        return self.dsn()

    def dsn(self, driver: str = "") -> str:
        """The address with a SQLAlchemy driver, as in `postgresql+asyncpg://…`."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://shop@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> Self:
        """Start, or start again on the same data and port after `kill()`; blocks until ready."""
        if self.pid is not None:
            return self
        atexit.register(self.stop)
        try:
            home = self._home or self._create()
            self._launch(home)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server within about 4 s and remove everything; harmless when stopped."""
        if os.getpid() != self._owner:
            return
        for number, within in ((signal.SIGINT, _FAST_WITHIN), (signal.SIGQUIT, _IMMEDIATE_WITHIN)):
            if self.pid is not None and self._process is not None:
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(within)
        self.kill()
        if self._home is not None:
            self._home.remove()
            self._home = None
        self.port = 0
        atexit.unregister(self.stop)

    def kill(self) -> None:
        """End the server as a crash would; its data stays for another `start()`."""
        process, self._process = self._process, None
        if process is None:
            return
        children = _children(process.pid)
        process.kill()
        process.wait()
        if self._home is not None:
            self._home.entrust(None)
        _reap(children)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _create(self) -> Home:
        """Make the directory and an empty database cluster in it."""
        found = binaries.find()
        self._home = home = Home(self._directory, self._account)
        try:
            version = found.version(self._account)
        except DemoError:
            # Root's own virtual environment is closed to the account that PostgreSQL runs as.
            if self._account.uid == os.geteuid():
                raise
            found = found.copy(home.path / "programs")
            version = found.version(self._account)
        self._bin = found.bin
        if version >= 18:
            self._settings.setdefault("io_method", "sync")
        data = home.folder("data", self._account)
        command = ["--auth=trust", "--username=postgres", "--no-sync", "--wal-segsize=1"]
        command += ["--encoding=UTF8", "--locale=C", f"--pgdata={data}"]
        initdb: list[str | Path] = [self._bin / "initdb", *command]
        self._account.run(initdb, home.path)
        access = home.path / "access.conf"
        access.write_text(_ACCESS)
        access.chmod(0o644)
        role = home.path / "role.sql"
        role.write_text(_ROLE)
        with role.open() as script:
            single: list[str | Path] = [
                self._bin / "postgres",
                "--single",
                "-D",
                str(data),
                "postgres",
            ]
            self._account.run(single, home.path, script)
        return home

    def _launch(self, home: Home) -> None:
        """Start the server; a port that another program took meanwhile is given up."""
        deadline = time.monotonic() + _START_WITHIN
        log = ""
        for port in self._ports():
            with (home.path / "server.log").open("wb") as log_file:
                self._process = process = self._account.popen(
                    self._command(home, port), home.path, stdin=None, stdout=log_file.fileno()
                )
            home.entrust(process.pid)
            while process.poll() is None and time.monotonic() < deadline:
                if _is_ready(home.path / "data" / "postmaster.pid", process.pid):
                    self.port = port
                    return
                time.sleep(_TURN)
            log = (home.path / "server.log").read_text(errors="replace").strip()
            if time.monotonic() >= deadline or not re.search(
                "could not create any TCP/IP sockets|shared memory block is still in use", log
            ):
                break
        message = f"PostgreSQL did not start: {log[-800:] or 'no answer within 60 s'}"
        raise DemoError(message)

    def _command(self, home: Home, port: int) -> list[str | Path]:
        settings = {**self._settings, "port": str(port), "hba_file": home.path / "access.conf"}
        options = [f"{name}={value}" for name, value in settings.items()]
        command: list[str | Path] = [self._bin / "postgres", "-D", home.path / "data"]
        return command + [part for option in options for part in ("-c", option)]

    def _ports(self) -> Iterator[int]:
        """The port of before, so that pools find the server again, then free ones."""
        for turn in range(12):
            if self.port and turn < 6:
                yield self.port
                # What a killed server left (its shared memory, its backends) goes within moments.
                time.sleep(0.05)
            else:
                with socket.socket() as free:
                    free.bind(("127.0.0.1", 0))
                    port = int(free.getsockname()[1])
                yield port


def _is_ready(path: Path, pid: int) -> bool:
    """Whether the server of this process id says so; another one on the port cannot."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _children(pid: int) -> list[int]:
    """The backends of a postmaster, where the system tells (Linux)."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _reap(pids: list[int]) -> None:
    """Wait until the backends noticed that their postmaster died, or end them."""
    deadline = time.monotonic() + 1
    while pids and time.monotonic() < deadline:
        time.sleep(_TURN)
        pids = [pid for pid in pids if _lives(pid)]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    """Whether a process still runs; one that only waits for its new parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
