"""What a file says: pools, options with their kinds, and the dashboard's table."""

from pathlib import Path

import pytest

from dashboard import DashboardError
from dashboard.settings import Address, Settings, read

from .conftest import Read

_WHOLE = """
[dashboard]
title = "Orders"
listen = "[::1]:8765"
token = "${TOKEN}"
leak_after = "30s"
allowed_hosts = ["pools.example.com", "${HOST}"]

[pools.orders]
url = "postgresql+asyncpg://app:${PASSWORD}@db:5432/orders"
pool_size = 20
max_overflow = 10
pool_recycle = "1h"
pool_timeout = 2.5
pool_pre_ping = true
poolclass = "AsyncAdaptedQueuePool"
connect_args = { command_timeout = 60, server_settings = { application_name = "${HOST}" } }
probe = "10s"

[pools.events]
library = "asyncpg"
url = "postgresql://db/events"
max_inactive_connection_lifetime = "5m"
setup = "shop.db:setup"

[pools.bank]
url = "https://bank.example/health"
limit = 100
sock_read = "20s"
ssl = false

[pools.shop]
import = "shop.db:engine"
"""


def whole(settings: Read) -> Settings:
    return settings(_WHOLE, PASSWORD="p@ss/word", TOKEN="t" * 32, HOST="h1")


def test_dashboard_table(settings: Read) -> None:
    seen = whole(settings)
    assert (seen.title, seen.listen, seen.token) == ("Orders", Address("::1", 8765), "t" * 32)
    assert (seen.leak_after, seen.allowed_hosts) == (30.0, ("pools.example.com", "h1"))


def test_every_kind_of_pool(settings: Read) -> None:
    orders, events, bank, shop = whole(settings).pools
    assert [each.library for each in (orders, events, bank, shop)] == [
        "sqlalchemy",
        "asyncpg",
        "aiohttp",
        "",
    ]
    assert orders.url == "postgresql+asyncpg://app:p%40ss%2Fword@db:5432/orders"
    assert orders.options == {
        "pool_size": 20,
        "max_overflow": 10,
        "pool_recycle": 3600,
        "pool_timeout": 2.5,
        "pool_pre_ping": True,
        "poolclass": "AsyncAdaptedQueuePool",
        "connect_args": {"command_timeout": 60, "server_settings": {"application_name": "h1"}},
    }
    assert (orders.probe, events.probe) == (10.0, None)
    assert events.options == {"max_inactive_connection_lifetime": 300, "setup": "shop.db:setup"}
    assert events.objects == {"setup"}
    assert bank.options == {"limit": 100, "sock_read": 20, "ssl": False}
    assert (shop.target, shop.url, shop.options) == ("shop.db:engine", "", {})


def test_nothing_secret_in_reprs(settings: Read) -> None:
    shown = repr(whole(settings))
    assert "p@ss/word" not in shown
    assert "p%40ss" not in shown
    assert "t" * 32 not in shown


def test_absent_table_leaves_all_open(settings: Read) -> None:
    seen = settings('[pools.a]\nimport = "x:y"')
    assert (seen.title, seen.listen, seen.token) == (None, None, None)
    assert (seen.leak_after, seen.allowed_hosts) == (None, None)


def test_one_database_may_have_two_pools(settings: Read) -> None:
    one = '[pools.{}]\nurl = "postgresql+asyncpg://db/x"\npool_size = {}\n'
    seen = settings(one.format("a", 5) + one.format("b", 6))
    assert [each.name for each in seen.pools] == ["a", "b"]


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "pools.toml"
    path.write_bytes(b'\xef\xbb\xbf[pools.a]\r\nimport = "x:y"\r\nprobe = true\r\n')
    with pytest.raises(DashboardError, match=r"pools\.toml line 3: probe takes seconds"):
        read(path)
