"""Starts the demo, says where it is, and ends it without leaving anything."""

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from aiohttp import ClientSession
from starlette.types import ASGIApp

from ..app import TOKEN, Dashboard
from ..signals import Signals
from ..web.hosts import LOOPBACK
from .errors import DemoError
from .faults import Faults
from .listen import bind, serving
from .load import Visitors
from .page import Page, routed
from .postgres import Postgres
from .shop import pools as shop_pools
from .shop import tables
from .shop.app import Shop
from .shop.bank import Bank
from .shop.payments import OwnSessions, Watch

TITLE = "Corner shop"
#: Seconds. No honest visit of this shop holds a connection for so long.
LEAK_AFTER = 8.0


@dataclass(frozen=True)
class Demo:
    """The shop with its dashboard, visitors and faults."""

    dash: Dashboard
    shop: Shop
    visitors: Visitors
    faults: Faults
    app: ASGIApp


@dataclass(frozen=True)
class _Options:
    seed: int
    once: float | None
    started: float


def main(listen: str, seed: int, once: float | None) -> int:
    """Run until a signal or for `once` seconds; the exit status."""
    try:
        # The port first: when it is taken, nothing slow was started in vain.
        with closing(bind(listen, has_token=_has_token())) as bound, Signals() as signals:
            _run(_Options(seed, once, time.monotonic()), bound, signals)
    except DemoError as error:
        print(f"pool-dashboard demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _run(options: _Options, bound: socket.socket, signals: Signals) -> None:
    print("starting PostgreSQL", flush=True)
    with Postgres() as postgres:
        asyncio.run(_serve(postgres, options, bound, signals))
    # A report that waits in its thread ended with the database.
    print("stopped; nothing is left behind", flush=True)


async def _serve(
    postgres: Postgres, options: _Options, bound: socket.socket, signals: Signals
) -> None:
    signals.become_events()
    async with opened(postgres, options.seed) as demo, serving(demo.app, bound):
        host, port = bound.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        print(f"ready after {time.monotonic() - options.started:.1f} s", flush=True)
        print(f"dashboard  {address}/\nfaults     {address}/demo", flush=True)
        try:
            await signals.wait(options.once)
            print("stopping" if options.once is None else _summary(demo), flush=True)
        finally:
            demo.dash.stop()  # Ends the open streams, which the server would wait for.


@asynccontextmanager
async def opened(postgres: Postgres, seed: int) -> AsyncIterator[Demo]:
    """The demo on a running PostgreSQL; the caller serves `.app`."""
    print("filling the tables", flush=True)
    await tables.create(postgres.url, seed)
    bank = Bank(seed)
    bound = bind("127.0.0.1:0")
    bank_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    print("opening the pools", flush=True)
    async with (
        serving(bank.app, bound),
        shop_pools.opened(postgres, bank_url, seed) as pools,
    ):
        demo = _wire(pools, bank_url, postgres.url, seed)
        print("letting visitors in", flush=True)
        demo.visitors.start()
        demo.faults.start()
        try:
            yield demo
        finally:
            await demo.visitors.stop()
            await demo.faults.stop()
            bank.close()


#: The demo listens on loopback only: that everybody who reaches it may look needs no warning.
logging.getLogger("dashboard.web.access").setLevel(logging.ERROR)


def _wire(pools: shop_pools.Pools, bank_url: str, url: str, seed: int) -> Demo:
    dash = Dashboard(
        title=TITLE,
        allow_unauthenticated=not _has_token(),
        allowed_hosts=sorted(LOOPBACK),
        leak_after=LEAK_AFTER,
    )

    def watch(session: ClientSession) -> Watch:
        return dash.watch(session, name="payments-adhoc")

    dash.watch(pools.orders, name="orders")
    dash.watch(pools.reports, name="reports")
    dash.watch(pools.catalogue, name="catalogue")
    dash.watch(pools.payments, name="payments")
    shop = Shop(pools, OwnSessions(bank_url, watch))
    app = dash.middleware(shop.app)
    visitors = Visitors(app, seed)
    faults = Faults(shop, visitors, seed, url)
    page = Page(TITLE, faults, visitors, app)
    pages = dash.beside(page.app) if _has_token() else page.app
    return Demo(dash, shop, visitors, faults, routed(pages, dash))


def _has_token() -> bool:
    return bool(os.environ.get(TOKEN))


def _summary(demo: Demo) -> str:
    lines = [f"{'operation':<20}{'started':>9}{'answered':>10}{'failed':>8}"]
    tallies = {**demo.visitors.tallies, **{each.name: each.tally for each in demo.faults}}
    lines += [
        f"{name.replace('_', ' '):<20}{tally.started:>9}{tally.answered:>10}{tally.failed:>8}"
        for name, tally in tallies.items()
        if tally.started
    ]
    return "\n".join(lines)
