"""A directory of one run: made fresh, locked while it is used, removed whatever happens."""

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from .binaries import Account, environment
from .errors import DemoError

_PREFIX = "pool-dashboard-"
_OWNER = "owner"

# Reads process ids from its standard input until our end of the pipe closes. That also happens
# when we are killed, and works without preexec_fn and on every POSIX system.
_GUARD = """
is_ours() {
    [ ! -e /proc/self/cwd ] || [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]
}
pid=
while read -r word; do
    [ "$word" = end ] && exit 0
    pid=$word
done
if [ -n "$pid" ] && [ "$pid" != none ] && is_ours "$1" && kill -QUIT "$pid" 2>/dev/null; then
    turns=0
    while [ -e "$1/data/postmaster.pid" ] && kill -0 "$pid" && [ $turns -lt 25 ]; do
        sleep 0.2 || sleep 1
        turns=$((turns + 1))
    done
    is_ours "$1" && kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
"""


class Home:
    """The run's own directory and the guard that outlives us to remove it."""

    def __init__(self, parent: Path | None, account: Account) -> None:
        """Make the directory under `parent`, by default the system's temporary directory."""
        place = _place(parent, account)
        remove_stale(place)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        self._lock = _lock(self.path)
        # Passable but not listable: the server's account gets its own folder inside.
        self.path.chmod(0o711)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self.path)],
            cwd="/",
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def folder(self, name: str, account: Account) -> Path:
        """A new folder inside that only `account` can read."""
        path = self.path / name
        path.mkdir(mode=0o700)
        if account.uid != os.geteuid():
            os.chown(path, account.uid, account.gid)
        return path

    def entrust(self, pid: int | None) -> None:
        """Tell the guard which process ends with us."""
        self._say("none" if pid is None else str(pid))

    def remove(self) -> None:
        """Remove the directory and let the guard go."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._say("end")
        if self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        try:
            self._guard.wait(2)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        os.close(self._lock)

    def _say(self, word: str) -> None:
        if self._guard.stdin is not None:
            # A guard that somebody killed must not keep us from stopping.
            with contextlib.suppress(OSError, ValueError):
                self._guard.stdin.write(f"{word}\n")
                self._guard.stdin.flush()


def remove_stale(place: Path) -> None:
    """Remove what earlier runs of ours left that could not clean up (a lost machine, say)."""
    for path in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            seen = path.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
                continue
            lock = os.open(path / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _lock(path: Path) -> int:
    """Hold the directory; a lock knows a dead owner where a process id may be another's."""
    fresh = path / f"{_OWNER}.fresh"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, f"{os.getpid()}\n".encode())
    # The name appears with the lock already held, so that nobody takes us for dead.
    fresh.rename(path / _OWNER)
    return lock


def _place(parent: Path | None, account: Account) -> Path:
    """The first directory that the server's account can reach."""
    choices = [parent] if parent is not None else [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108
    for choice in choices:
        path = choice.resolve()
        if account.uid == os.geteuid() or _passable(path):
            return path
    message = (
        f"{choices[0]} is closed to the user id {account.uid} that PostgreSQL runs as; "
        "set TMPDIR to a directory that everybody can enter"
    )
    raise DemoError(message)


def _passable(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in [path, *path.parents])
