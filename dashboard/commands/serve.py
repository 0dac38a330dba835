"""`pool-dashboard serve`: opens the pools of a file and shows them until it is told to end."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Final

from ..app import TOKEN, Dashboard
from ..importing import find_in
from ..keeping import Keepers
from ..model.errors import DashboardError
from ..serving import Server
from ..settings import USUAL, Address, Settings, address, read
from ..signals import Signals
from ..web import hosts

#: Read when no file is named.
USUAL_FILE: Final = "pools.toml"


def main(config: str | None, listen: str | None) -> int:
    """Until Ctrl-C or SIGTERM; the exit status. DashboardError for what the user can put right."""
    given = listening(listen)
    path = _file(config)
    settings = read(path)
    at = given or settings.listen or address(USUAL)
    if not hosts.is_loopback(at.host) and not _token(settings):
        raise DashboardError(
            f"on {at.host} everybody could see the dashboard: set POOL_DASHBOARD_TOKEN, or "
            f"listen on this machine only, as on {USUAL}"
        )
    find_in(Path(), path.parent)
    with Signals() as signals, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, at, signals))
    return 0


def listening(given: str | None) -> Address | None:
    """What follows `--listen`."""
    try:
        return None if given is None else address(given)
    except ValueError as error:
        raise DashboardError(f"--listen {error}") from None


def _token(settings: Settings) -> str | None:
    return settings.token or os.environ.get(TOKEN) or None


def _file(config: str | None) -> Path:
    if config is None and not Path(USUAL_FILE).exists():
        raise DashboardError(
            f"there is no {USUAL_FILE} in this directory; write one that begins with "
            '[pools.orders] and url = "…", or name another file with --config'
        )
    return Path(config or USUAL_FILE)


async def _serve(settings: Settings, at: Address, signals: Signals) -> None:
    dash = _dashboard(settings)
    keepers = Keepers(settings.pools, dash.watch, _tell)
    try:
        # The user's modules are imported by now: until here a signal interrupts.
        keepers.prepare()
        signals.become_events()
        with _server(dash, at) as server:
            _say_where(server, settings)
            await _until_told(keepers, signals)
        print("closing the pools", flush=True)
    finally:
        await keepers.close()
        dash.stop()


async def _until_told(keepers: Keepers, signals: Signals) -> None:
    running = asyncio.create_task(keepers.run(), name="keepers")
    told = asyncio.create_task(signals.wait(None), name="signals")
    try:
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _dashboard(settings: Settings) -> Dashboard:
    given: dict[str, Any] = {
        "title": settings.title,
        "token": settings.token,
        "leak_after": settings.leak_after,
        "allowed_hosts": settings.allowed_hosts,
    }
    return Dashboard(**{name: value for name, value in given.items() if value is not None})


def _server(dash: Dashboard, at: Address) -> Server:
    try:
        return dash.serve(at.port, at.host)
    except DashboardError as error:
        if isinstance(error.__cause__, OSError):
            reason = error.__cause__.strerror or error.__cause__
            raise DashboardError(
                f"cannot listen on {at.host}:{at.port}: {reason}; "
                "choose another address with --listen HOST:PORT"
            ) from error
        raise


def _say_where(server: Server, settings: Settings) -> None:
    print(f"pools      {', '.join(pool.name for pool in settings.pools)}")
    print(f"dashboard  {server.url}/", flush=True)
    if _token(settings):
        print(f"to enter   {server.launch_url()}  (one browser, within a minute)", flush=True)


def _tell(news: str) -> None:
    print(f"pool-dashboard: {news}", file=sys.stderr, flush=True)
