"""Configured pools: what the file says is in force, and what a library refuses is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dashboard import Dashboard, DashboardError, PoolSnapshot
from dashboard.opening import Origin
from dashboard.probes._opening import openable, opener_of

from .conftest import Read
from .modules import Modules

_CODE = """
import aiohttp, asyncpg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool as Own

engine = create_engine("sqlite://")
class Holder:
    engine = create_engine("sqlite://")
def make():
    return create_engine("sqlite://")
def lazy():
    return asyncpg.create_pool("postgresql://db/x")
async def later():
    return aiohttp.ClientSession()
def wants(url):
    return create_engine(url)
def number():
    return 7
async def setup(connection):
    pass
"""


@asynccontextmanager
async def opened(settings: Read, text: str) -> AsyncIterator[Any]:
    [pool] = settings(text).pools
    origin = Origin(pool)
    made: Any = origin.make() if origin.is_at_hand else await origin.called()
    try:
        yield made
    finally:
        await opener_of(made).close(made)


async def figures(settings: Read, text: str) -> PoolSnapshot:
    dash = Dashboard()
    async with opened(settings, text) as pool:
        dash.watch(pool, name="a")
        seen = dash.snapshot().pools["a"]
        dash.stop()
    return seen


async def refused(settings: Read, text: str) -> str:
    with pytest.raises(DashboardError) as caught:
        async with opened(settings, text):
            pass
    return str(caught.value).rpartition("/pools.toml ")[2]


def test_every_probe_has_an_opener() -> None:
    assert openable() == ("aiohttp", "asyncpg", "sqlalchemy")


_QUEUE = """pool_size = 20
max_overflow = 10
pool_pre_ping = true
pool_recycle = "1h"
pool_timeout = "30s"
pool_use_lifo = true
pool_reset_on_return = "commit"
echo_pool = "debug"
"""


@pytest.mark.parametrize(
    ("url", "kind", "connect_args"),
    [
        ("postgresql+asyncpg://app@db:5432/x", "AsyncAdaptedQueuePool", "command_timeout"),
        ("postgresql+psycopg://app@db:5432/x", "QueuePool", "connect_timeout"),
    ],
)
async def test_sqlalchemy_options(settings: Read, url: str, kind: str, connect_args: str) -> None:
    more = f"connect_args = {{ {connect_args} = 60 }}"
    seen = await figures(settings, f'[pools.a]\nurl = "{url}"\n{_QUEUE}{more}')
    assert seen.config == {
        "poolclass": kind,
        "pool_size": 20,
        "max_overflow": 10,
        "pool_timeout": 30,
        "pool_use_lifo": True,
        "pool_recycle": 3600,
        "pool_pre_ping": True,
        "pool_reset_on_return": "commit",
        "connect_args": {connect_args: 60},
    }
    assert seen.address == "db:5432/x"


async def test_asyncpg_options(settings: Read, modules: Modules) -> None:
    modules("corner", _CODE)
    text = """[pools.a]
library = "asyncpg"
url = "postgresql://app@db:5432/x"
min_size = 10
max_size = 20
max_queries = 1000
max_inactive_connection_lifetime = "5m"
command_timeout = "1m"
timeout = 30
statement_cache_size = 0
server_settings = { timezone = "UTC" }
setup = "corner:setup"
"""
    seen = await figures(settings, text)
    expected = {
        "min_size": 10,
        "max_size": 20,
        "max_queries": 1000,
        "max_inactive_connection_lifetime": 300,
        "command_timeout": 60,
        "timeout": 30,
        "statement_cache_size": 0,
        "setup": "setup",
    }
    assert {name: seen.config[name] for name in expected} == expected


async def test_aiohttp_options(settings: Read) -> None:
    text = """[pools.a]
url = "https://bank.example/health"
limit = 100
limit_per_host = 20
keepalive_timeout = "30s"
ttl_dns_cache = "5m"
enable_cleanup_closed = false
total = 30
connect = 10
sock_connect = "5s"
sock_read = 20
"""
    seen = await figures(settings, text)
    assert seen.config == {
        "limit": 100,
        "limit_per_host": 20,
        "keepalive_timeout": 30,
        "force_close": False,
        "enable_cleanup_closed": False,
        "use_dns_cache": True,
        "ttl_dns_cache": 300,
        "total": 30,
        "connect": 10,
        "sock_connect": 5,
        "sock_read": 20,
    }
    assert seen.address == "bank.example:443"


async def test_aiohttp_keeps_its_own_timeouts(settings: Read) -> None:
    async with opened(settings, '[pools.a]\nurl = "http://bank.example/"') as session:
        assert session.timeout.total == 300


async def test_pool_classes_by_name(settings: Read, modules: Modules) -> None:
    modules("corner", _CODE)
    for name in ("NullPool", "sqlalchemy.pool:NullPool", "corner:Own"):
        text = f'[pools.a]\nurl = "sqlite://"\npoolclass = "{name}"'
        assert (await figures(settings, text)).kind == "NullPool"


@pytest.mark.parametrize("name", ["engine", "Holder.engine", "make", "lazy", "later"])
async def test_imported_pools(settings: Read, modules: Modules, name: str) -> None:
    modules("corner", _CODE)
    libraries = {"lazy": "asyncpg", "later": "aiohttp"}
    seen = await figures(settings, f'[pools.a]\nimport = "corner:{name}"')
    assert seen.library == libraries.get(name, "sqlalchemy")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engin", "line 3: corner has no engin; did you mean engine?"),
        ("wants", "line 3: corner:wants wants arguments; name a function without"),
        ("number", "line 3: corner:number is no pool: no probe for builtins.int; supported: aio"),
        ("Own", "line 3: corner:Own wants arguments; name a function without"),
        ("asyncpg", "line 3: corner:asyncpg is no pool: no probe for builtins.module; supported:"),
    ],
)
async def test_imports_that_are_no_pools(
    settings: Read, modules: Modules, text: str, words: str
) -> None:
    modules("corner", _CODE)
    said = await refused(settings, f'[pools.a]\n\nimport = "corner:{text}"')
    assert said.startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'url = "sqlite://"\npoolclass = "NullPool"\npool_size = 5',
            "line 2: [pools.a] has pool_size, which a NullPool does not take",
        ),
        (
            'url = "postgresql+psycopg://db/x"\npool_size = -5',
            "line 2: [pools.a] has pool_size -5; it begins at 0, which is no bound",
        ),
        (
            'url = "postgresql+psycopg://db/x"\nmax_overflow = -2',
            "line 2: [pools.a] has max_overflow -2; it begins at -1, which is no bound",
        ),
        (
            'url = "sqlite://"\npoolclass = "NoPool"',
            "line 2: [pools.a] has poolclass 'NoPool', which is none of sqlalchemy.pool",
        ),
        (
            'url = "sqlite+aiosqlite://"\npoolclass = "QueuePool"',
            "line 2: [pools.a] cannot be opened: Pool class QueuePool cannot be used with",
        ),
        (
            'url = "sqlite://"\ncreator = "corner:nothing"',
            "line 3: there is no module corner; run the command where it can be imported",
        ),
        (
            'url = "oracle+cx_oracle://app:hunter22@db/x"',
            "line 2: [pools.a] needs cx_Oracle, which is not installed",
        ),
        (
            'url = "mysql://app:hunter22@db/x"',
            (
                "line 2: [pools.a] needs MySQLdb, the usual driver of mysql://, which is not "
                "installed; install it, or name another one: mysql+driver://"
            ),
        ),
        (
            'library = "asyncpg"\nurl = "postgresql://app:hunter22@db/x"\nmin_size = 20',
            "line 3: [pools.a] cannot be opened: min_size is greater than max_size",
        ),
        (
            'url = "https://bank.example"\nforce_close = true\nkeepalive_timeout = 5',
            "line 2: [pools.a] cannot be opened: keepalive_timeout cannot be set if force_close",
        ),
    ],
)
async def test_library_refuses(settings: Read, text: str, words: str) -> None:
    said = await refused(settings, f"[pools.a]\n{text}")
    assert said.startswith(words)
    assert "hunter22" not in said
