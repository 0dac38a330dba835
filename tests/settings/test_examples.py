"""The examples and the documentation: each file and each snippet is read, and its pools made."""

import re
from collections.abc import Iterator
from pathlib import Path

from dashboard import Dashboard
from dashboard.opening import Origin
from dashboard.probes._opening import opener_of
from dashboard.settings import Settings, dashboards, read
from dashboard.settings.pools import OWN

from .modules import Modules

_ROOT = Path(__file__).parents[2]
_GUIDE = _ROOT / "docs" / "configuration.md"
_SNIPPETS = re.findall(r"```toml\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
_ENVIRONMENT = {
    "ORDERS_PASSWORD": "hunter22",
    "EVENTS_URL": "postgresql://events:hunter22@127.0.0.1/events",
    "POOL_DASHBOARD_TOKEN": "0123456789abcdef0123456789abcdef",
}
_CODE = """
import asyncpg
from sqlalchemy import create_engine
engine = create_engine("sqlite://")
class Pools:
    reports = create_engine("sqlite://")
async def make_events():
    return asyncpg.create_pool("postgresql://db/events")
async def prepare(connection):
    pass
"""


def snippets(folder: Path) -> Iterator[Path]:
    for number, text in enumerate(_SNIPPETS):
        path = folder / f"{number}.toml"
        path.write_text(text)
        yield path


async def configs(settings: Settings) -> dict[str, dict[str, object]]:
    """Pools by name, with what is in force."""
    dash = Dashboard()
    found: dict[str, dict[str, object]] = {}
    for pool in settings.pools:
        origin = Origin(pool)
        made = origin.make() if origin.is_at_hand else await origin.called()
        dash.watch(made, name=pool.name)
        found[pool.name] = dict(dash.snapshot().pools[pool.name].config)
        await opener_of(made).close(made)
    dash.stop()
    return found


def lacking(config: dict[str, object], **expected: object) -> dict[str, object]:
    """What is expected and is otherwise."""
    return {name: config.get(name) for name, value in expected.items() if config[name] != value}


async def test_example_file_is_in_force() -> None:
    path = _ROOT / "examples" / "pools.toml"
    settings = read(path, _ENVIRONMENT)
    assert (settings.title, settings.leak_after) == ("Corner shop", 30.0)
    assert [pool.probe for pool in settings.pools] == [10.0, None, None]
    seen = await configs(settings)
    assert (
        lacking(
            seen["orders"],
            pool_size=20,
            max_overflow=10,
            pool_timeout=30,
            pool_recycle=3600,
            pool_pre_ping=True,
            connect_args={"command_timeout": 60},
        )
        == {}
    )
    assert (
        lacking(
            seen["events"],
            min_size=10,
            max_size=20,
            max_inactive_connection_lifetime=300,
            command_timeout=60,
            timeout=30,
        )
        == {}
    )
    assert (
        lacking(
            seen["payments"],
            limit=100,
            limit_per_host=20,
            keepalive_timeout=30,
            ttl_dns_cache=300,
            total=30,
            connect=10,
            sock_read=20,
        )
        == {}
    )


async def test_each_snippet_can_be_opened(tmp_path: Path, modules: Modules) -> None:
    modules("shop.db", _CODE)
    seen: dict[str, dict[str, object]] = {}
    for path in snippets(tmp_path):
        seen |= await configs(read(path, _ENVIRONMENT))
    assert set(seen) == {
        "orders",
        "reports",
        "events",
        "payments",
        "small",
        "medium",
        "high",
    }
    table = {
        name: [seen[name][key] for key in ("pool_size", "max_overflow", "pool_pre_ping")]
        for name in ("small", "medium", "high")
    }
    assert table == {"small": [5, 5, True], "medium": [20, 10, True], "high": [50, 20, False]}


def test_each_key_is_explained() -> None:
    text = _GUIDE.read_text()
    keys = (*OWN, *dashboards.KINDS)
    assert [key for key in keys if f"| `{key}` |" not in text] == []
