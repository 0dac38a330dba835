"""Health queries through the pools, servers that die and come back, and the end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from dashboard import Dashboard, DashboardError
from dashboard import keeping as keeping_module
from dashboard.analysis.status import status_of
from dashboard.demo.postgres import Postgres
from dashboard.keeping import Keepers
from dashboard.model.health import Health
from dashboard.model.snapshot import PoolSnapshot

from .conftest import Read
from .modules import Modules
from .proxy import Proxy

_DEADLINE = 60.0
#: Seconds that an answer may take, and the share of them after which the next query comes.
_EVERY = 10.0
_PAUSE = 0.005


@dataclass
class Kept:
    """Running keepers and what they told."""

    dash: Dashboard
    keepers: Keepers
    told: list[str] = field(default_factory=list)

    def pool(self, name: str) -> PoolSnapshot:
        """As it is now."""
        return self.dash.snapshot().pools[name]

    def health(self, name: str) -> Health:
        """Of a pool that has one."""
        health = self.pool(name).health
        assert health is not None
        return health

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Poll."""
        deadline = time.monotonic() + _DEADLINE
        while not is_so():
            assert time.monotonic() < deadline, (self.told, self.dash.snapshot().pools)
            await asyncio.sleep(0.01)


class _Hurry:
    """Chance that lets nothing wait for long, while an answer may take its time."""

    def uniform(self, _least: float, _most: float) -> float:
        """Instead of about one."""
        return _PAUSE


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_module, "_random", _Hurry())


@asynccontextmanager
async def keeping(settings: Read, text: str, every: float = _EVERY) -> AsyncIterator[Kept]:
    """Keeps what the text says until the block ends; `probe` is made `every`."""
    pools = [
        replace(pool, probe=pool.probe and every) for pool in settings(text, PW="hunter22").pools
    ]
    dash, told = Dashboard(), list[str]()
    kept = Kept(dash, Keepers(pools, dash.watch, told.append), told)
    running: asyncio.Task[None] | None = None
    try:
        kept.keepers.prepare()
        running = asyncio.create_task(kept.keepers.run())
        yield kept
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await kept.keepers.close()
        dash.stop()


async def home(_: Request) -> Response:
    return PlainTextResponse("fine", status_code=404)


async def test_each_kind_of_pool_is_asked(
    settings: Read, postgres: Postgres, serve_app: Callable[[ASGIApp], str]
) -> None:
    text = f"""
[pools.loop]
url = "{postgres.dsn("asyncpg")}"
probe = 1
[pools.thread]
url = "{postgres.dsn("psycopg")}"
probe = 1
[pools.asyncpg]
library = "asyncpg"
url = "{postgres.url}"
min_size = 2
max_size = 3
probe = 1
[pools.http]
url = "{serve_app(PlainTextResponse("fine", status_code=404))}"
probe = 1
[pools.quiet]
url = "{postgres.dsn("asyncpg")}"
pool_size = 7
"""
    names = ("loop", "thread", "asyncpg", "http")
    async with keeping(settings, text) as kept:
        await kept.until(lambda: all(kept.health(name).checks >= 3 for name in names))
        for name in names:
            health, pool = kept.health(name), kept.pool(name)
            assert (health.failures, health.error, health.failing) == (0, "", 0)
            assert health.last_ok is not None
            assert health.latency is not None
            assert 0 < health.latency < _DEADLINE
            assert pool.checkouts >= 3
            assert pool.created == (2 if name == "asyncpg" else 1)
        quiet = kept.pool("quiet")
        assert (quiet.health, quiet.checkouts, quiet.created) == (None, 0, 0)
        assert kept.told == []


async def test_server_that_blames_itself_is_no_answer(
    settings: Read, serve_app: Callable[[ASGIApp], str]
) -> None:
    address = serve_app(PlainTextResponse("overloaded", status_code=503))
    async with keeping(settings, f'[pools.a]\nurl = "{address}/x"\nprobe = 1') as kept:
        await kept.until(lambda: kept.health("a").failing >= 2)
        assert kept.health("a").error == "ConnectionError: the server answered 503"
        assert kept.health("a").last_ok is None
    assert kept.told == ["a does not answer: ConnectionError: the server answered 503"]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_server_dies_and_comes_back(settings: Read, postgres: Postgres, driver: str) -> None:
    async with Proxy(postgres.port) as proxy:
        await proxy.up()
        url = postgres.dsn(driver).replace(f":{postgres.port}/", f":{proxy.port}/")
        text = f'[pools.a]\nurl = "{url}"\npool_pre_ping = true\nprobe = 1'
        async with keeping(settings, text) as kept:
            await kept.until(lambda: kept.health("a").checks >= 1)
            assert kept.told == []
            await proxy.down()
            await kept.until(lambda: kept.health("a").failing >= 1)
            before = kept.health("a").last_ok
            await proxy.up()
            await kept.until(lambda: kept.health("a").failing == 0)
            after = kept.health("a").last_ok
    assert before is not None
    assert after is not None
    assert after > before
    assert kept.told[0].startswith("a does not answer: ")
    assert kept.told[-1] == "a answers again"


async def test_pool_opens_when_its_server_is_there(settings: Read, postgres: Postgres) -> None:
    async with Proxy(postgres.port) as proxy:
        url = postgres.url.replace(f":{postgres.port}/", f":{proxy.port}/")
        text = f'[pools.a]\nlibrary = "asyncpg"\nurl = "{url}"\nmin_size = 2\nmax_size = 4'
        async with keeping(settings, text) as kept:
            await kept.until(lambda: kept.pool("a").health is not None)
            assert kept.health("a").error.startswith("ConnectionRefusedError: ")
            assert kept.health("a").every is None
            assert (kept.pool("a").state, kept.pool("a").max) == ("open", 4)
            status = status_of(kept.pool("a"), ())
            assert status.word == "Failing"
            assert status.sentence.startswith("The server does not answer: ConnectionRefusedError")
            await proxy.up()
            await kept.until(lambda: kept.pool("a").health is None)
            assert (kept.pool("a").idle, kept.pool("a").count) == (2, 2)
            assert status_of(kept.pool("a"), ()).word == "Idle"
    assert kept.told[0].startswith("a cannot be opened: ConnectionRefusedError: ")
    assert kept.told[1:] == ["a is open"]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_silent_server_is_asked_once_at_a_time(
    settings: Read, postgres: Postgres, driver: str
) -> None:
    async with Proxy(postgres.port) as proxy:
        await proxy.up()
        proxy.is_silent = True
        url = postgres.dsn(driver).replace(f":{postgres.port}/", f":{proxy.port}/")
        text = f'[pools.a]\nurl = "{url}"\nprobe = 1'
        async with keeping(settings, text, every=0.1) as kept:
            await kept.until(lambda: kept.health("a").failing >= 3)
            asking = [each for each in threading.enumerate() if each.name == "health query"]
            assert len(asking) == (1 if driver == "psycopg" else 0)
            assert kept.pool("a").used + kept.pool("a").pending_requests <= 1
            assert kept.health("a").error == "no answer within 0.1 s"
            await proxy.down()  # The thread's answer.
    assert kept.told == ["a does not answer: no answer within 0.1 s"]


_CODE = """
import asyncpg
calls = []
async def make():
    calls.append(1)
    if len(calls) < 3:
        raise ConnectionError("not yet, postgresql://app:hunter22@db")
    return await asyncpg.create_pool(URL, min_size=1, max_size=2)
async def number():
    return 7
"""


async def test_function_is_called_until_it_works(
    settings: Read, postgres: Postgres, modules: Modules
) -> None:
    modules("corner", f"URL = {postgres.url!r}\n{_CODE}")
    text = '[pools.a]\nimport = "corner:make"\nprobe = 1'
    async with keeping(settings, text) as kept:
        assert kept.dash.snapshot().pools == {}
        await kept.until(lambda: "a" in kept.dash.snapshot().pools)
        await kept.until(lambda: kept.health("a").checks >= 1)
    assert kept.told == [
        "a cannot be opened: ConnectionError: not yet, postgresql://***@db",
        "a is open",
    ]


async def test_function_that_makes_no_pool_ends_it(settings: Read, modules: Modules) -> None:
    modules("corner", _CODE)
    pools = settings('[pools.a]\nimport = "corner:number"').pools
    dash = Dashboard()
    keepers = Keepers(pools, dash.watch, print)
    keepers.prepare()
    with pytest.raises(DashboardError, match="line 2: corner:number is no pool: no probe for"):
        await asyncio.wait_for(keepers.run(), _DEADLINE)


async def test_one_pool_under_two_names_is_refused(settings: Read, modules: Modules) -> None:
    modules("corner", 'from sqlalchemy import create_engine\nx = y = create_engine("sqlite://")')
    pools = settings('[pools.a]\nimport = "corner:x"\n[pools.b]\nimport = "corner:y"').pools
    dash = Dashboard()
    keepers = Keepers(pools, dash.watch, print)
    with pytest.raises(DashboardError, match=r"line 4: \[pools.b\] is the same pool as \[pools.a"):
        keepers.prepare()
    await keepers.close()
    dash.stop()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("from sqlalchemy.pool import QueuePool\nx = QueuePool(print)", "an engine, not a Queue"),
        ("import aiohttp\ndef x(): return aiohttp.TCPConnector()", "a ClientSession, not a TCP"),
        ("import aiohttp\ndef x(): return aiohttp.ClientSession()", "a ClientSession with a base"),
    ],
)
async def test_pool_that_cannot_be_asked(
    settings: Read, modules: Modules, code: str, words: str
) -> None:
    modules("corner", code)
    pools = settings('[pools.a]\nimport = "corner:x"\nprobe = 5').pools
    dash = Dashboard()
    keepers = Keepers(pools, dash.watch, print)

    async def keep() -> None:
        keepers.prepare()
        await keepers.run()

    with pytest.raises(
        DashboardError, match=rf"line 3: \[pools.a\] has a probe, which needs {words}"
    ):
        await keep()
    await keepers.close()
    dash.stop()


async def test_pool_that_does_not_close_is_cut(
    settings: Read, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping_module, "CLOSE", 0.1)
    text = f'[pools.a]\nlibrary = "asyncpg"\nurl = "{postgres.url}"\nmin_size = 1'
    async with keeping(settings, text) as kept:
        await kept.until(lambda: kept.pool("a").idle == 1)
        pool: Any = kept.keepers.each[0].pool
        held = await pool.acquire()
    assert kept.told == ["a was cut: TimeoutError"]
    assert pool.is_closing()
    assert pool.get_size() == 0
    assert "[released]" in repr(held)
