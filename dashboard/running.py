"""Inside each process of `pool-dashboard run`: every pool is watched, and served when there is one.

The first process that has a pool serves on the address of the command, the others on the ports
after it.
"""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .app import Dashboard
from .model.errors import DashboardError
from .model.origin import CallSite
from .probes._births import BIRTHS
from .settings import Address, address
from .watching_all import WatchAll

if TYPE_CHECKING:
    from .serving import Server

#: Names this module to the bootstrap: set in the environment of the command.
RUN: Final = "POOL_DASHBOARD_RUN"
#: The libraries whose first import starts it.
LIBRARIES: Final = "POOL_DASHBOARD_LIBRARIES"
#: HOST:PORT of the first process.
LISTEN: Final = "POOL_DASHBOARD_LISTEN"
#: Ports that are tried after the first.
_PORTS: Final = 100


class Runner:
    """Serves this process' dashboard from the first pool on, and again in a forked child."""

    def __init__(self, dash: Dashboard, watches: WatchAll, at: Address) -> None:
        """Nothing is imported or bound before there is a pool."""
        self._dash = dash
        self._watches = watches
        self._at = at
        self._pid = 0
        self.server: Server | None = None

    def born(self, newborn: object, made_at: CallSite) -> None:  # noqa: ARG002 -- a listener's
        """A pool was made. Takes half a second once: what is imported here is not at a fork."""
        if self._pid == os.getpid():
            return
        is_first = not self._pid
        self.serve()
        if is_first and hasattr(os, "register_at_fork"):
            # Now, so that it is called after the server's own hook, which closes its listener.
            os.register_at_fork(after_in_child=self.after_fork)

    def broke(self, where: str, error: Exception) -> None:
        """Counted by the watch."""

    def serve(self) -> None:
        """In a thread of its own; says where on stderr, or why not."""
        self._pid = os.getpid()
        try:
            self.server = self._bound()
        except Exception as error:  # noqa: BLE001 -- the host goes on
            what = str(error).replace("choose another port=", "choose another --listen")
            self._say(f"not served: {what}")
        else:
            self._say(f"{self.server.url}/")

    def _bound(self) -> "Server":
        host, port = self._at
        for following in range(_PORTS):
            try:
                return self._dash.serve(port + following if port else 0, host)
            except DashboardError as error:
                is_taken = isinstance(error.__cause__, OSError) and port + following < 65535
                if not is_taken or following == _PORTS - 1:
                    raise
        raise AssertionError  # Not reached: the last try raises.

    def _say(self, what: str) -> None:
        name = Path(sys.argv[0]).name if getattr(sys, "argv", None) else ""
        who = f"pid {os.getpid()}" + (f" ({name})" if name else "")
        # One write, the line's end included: other workers say theirs at the same time.
        sys.stderr.write(f"pool-dashboard: {who}: {what}\n")
        sys.stderr.flush()

    def after_fork(self) -> None:
        """The child has pools of its own or none; the thread did not come with it."""
        self.server = None
        if self._watches.watches:
            self._pid = os.getpid()
            threading.Thread(target=self.serve, name="pool-dashboard run", daemon=True).start()


def start() -> Runner:
    """Watch what this process makes from here on."""
    dash = Dashboard(title=os.environ.get("OTEL_SERVICE_NAME") or Path.cwd().name or "Pools")
    runner = Runner(dash, dash.watch_all(), address(os.environ[LISTEN]))
    BIRTHS.listen(runner)
    return runner
