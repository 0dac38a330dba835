import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import Pool, QueuePool

from dashboard.demo.faults import Faults
from dashboard.demo.listen import bind, serving
from dashboard.demo.load import Visitors
from dashboard.demo.postgres import Postgres
from dashboard.demo.shop import pools, tables
from dashboard.demo.shop.app import Shop
from dashboard.demo.shop.bank import Bank
from dashboard.demo.shop.payments import OwnSessions

SEED = 7


@dataclass
class Watched:
    """The sessions that the shop asked to watch."""

    now: set[ClientSession] = field(default_factory=set)

    def watch(self, session: ClientSession) -> "Stop":
        """What `Dashboard.watch` would be."""
        self.now.add(session)
        return Stop(self, session)


@dataclass
class Stop:
    """Ends one watch."""

    watched: Watched
    session: ClientSession

    def stop(self) -> None:
        """No longer watched."""
        self.watched.now.discard(self.session)


@dataclass
class Site:
    """A shop with everything around it; nobody visits and nothing is wrong."""

    shop: Shop
    visitors: Visitors
    faults: Faults
    watched: Watched
    postgres: Postgres


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Everybody can enter it, which pytest's own directories do not allow."""
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        directory.chmod(0o711)
        yield directory


@pytest.fixture(scope="session")
def shop_postgres() -> Iterator[Postgres]:
    """A server of the shop's own: its tables would be in the way of other tests."""
    with Postgres() as server:
        asyncio.run(tables.create(server.url, SEED))
        yield server


@pytest.fixture
async def site(shop_postgres: Postgres) -> AsyncIterator[Site]:
    async with open_site(shop_postgres) as opened:
        yield opened


@asynccontextmanager
async def open_site(postgres: Postgres) -> AsyncIterator[Site]:
    bank = Bank(SEED)
    bound = bind("127.0.0.1:0")
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    watched = Watched()
    async with serving(bank.app, bound), pools.opened(postgres, url, SEED) as opened:
        shop = Shop(opened, OwnSessions(url, watched.watch))
        visitors = Visitors(shop.app, SEED)
        faults = Faults(shop, visitors, SEED, postgres.url)
        try:
            yield Site(shop, visitors, faults, watched, postgres)
        finally:
            await visitors.stop()
            await faults.stop()
            bank.close()


def out(pool: Pool) -> int:
    """How many connections the pool itself says are out."""
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
