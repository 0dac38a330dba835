"""`pool-dashboard run`: becomes a command whose Python processes watch their pools."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from .. import running
from ..app import TOKEN
from ..model.errors import DashboardError
from ..probes._births import LIBRARIES
from ..settings import USUAL, Address, address
from ..web import hosts
from .serve import listening

_BOOTSTRAP: Final = Path(running.__file__).parent / "bootstrap"


def main(listen: str | None, command: Sequence[str]) -> NoReturn:
    """Replace this process; SystemExit 127 if there is no such command, as shells have it."""
    at = listening(listen) or address(USUAL)
    if not command:
        raise DashboardError("run takes a command: pool-dashboard run -- gunicorn -w 4 shop:app")
    if not hosts.is_loopback(at.host) and not os.environ.get(TOKEN):
        raise DashboardError(
            f"on {at.host} everybody could see the dashboard: set {TOKEN}, or "
            f"listen on this machine only, as on {USUAL}"
        )
    try:
        os.execvpe(command[0], list(command), _environment(at))  # noqa: S606 -- the user's command
    except OSError as error:
        reason = error.strerror or "it cannot be started"
        print(f"pool-dashboard: {command[0]}: {reason}", file=sys.stderr)
        raise SystemExit(127 if isinstance(error, FileNotFoundError) else 126) from error


def _environment(at: Address) -> dict[str, str]:
    host = f"[{at.host}]" if ":" in at.host else at.host
    own = {
        running.RUN: running.__name__,
        running.LIBRARIES: " ".join(LIBRARIES),
        running.LISTEN: f"{host}:{at.port}",
    }
    path = [str(_BOOTSTRAP), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **own, "PYTHONPATH": os.pathsep.join(path)}
