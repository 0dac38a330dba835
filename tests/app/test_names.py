"""How a pool is named, and which names are refused."""

import gc
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from dashboard import Dashboard, DashboardError

from .conftest import Dash, MakeEngine
from .given import ask

ODD = [
    "a/b",
    "a?b#c",
    "100 %",
    "ordérs → 東京",
    "<b>bold</b>",
    'it\'s "quoted"',
    "a\\b",
    "..a",
    "\U0001f418",
]


def names(dash: Dashboard) -> list[str]:
    return list(dash.snapshot().pools)


@pytest.mark.parametrize("name", ["", "   ", ".", "..", "\n", "\x00\x1f", "\ud800"])
def test_empty_name_is_refused(dash: Dashboard, make_engine: MakeEngine, name: str) -> None:
    with pytest.raises(DashboardError, match="a pool cannot be named"):
        dash.watch(make_engine(), name=name)
    assert names(dash) == []


@pytest.mark.parametrize("name", [5, b"orders", ["orders"]])
def test_name_must_be_text(dash: Dashboard, make_engine: MakeEngine, name: str) -> None:
    with pytest.raises(DashboardError, match="a pool's name is a text, not"):
        dash.watch(make_engine(), name=name)
    assert names(dash) == []


@pytest.mark.parametrize("name", ODD)
def test_odd_name_has_its_pages(make_dash: Dash, make_engine: MakeEngine, name: str) -> None:
    dash = make_dash(allow_unauthenticated=True)
    assert dash.watch(make_engine(), name=name).name == name
    address = quote(name, safe="")
    assert ask(dash, f"/pools/{address}").status_code == 200
    assert ask(dash, f"/api/pools/{address}").json()["name"] == name
    for path in ("/", "/metrics", "/report.md", "/leaks", "/events"):
        assert ask(dash, path).status_code == 200


def test_control_characters_become_spaces(dash: Dashboard, make_engine: MakeEngine) -> None:
    assert dash.watch(make_engine(), name=" a\nb\x00c\u202ed ").name == "a b c d"


def test_long_name_is_cut(dash: Dashboard, make_engine: MakeEngine) -> None:
    assert dash.watch(make_engine(), name="x" * 500).name == "x" * 200


def test_long_equal_names_stay_apart(dash: Dashboard, make_engine: MakeEngine) -> None:
    engines = [make_engine() for _ in range(2)]
    for engine in engines:
        dash.watch(engine, name="x" * 500)
    assert names(dash) == ["x" * 200, "x" * 200 + " (2)"]


def test_equal_names_are_numbered(dash: Dashboard, make_engine: MakeEngine) -> None:
    engines = [make_engine() for _ in range(3)]
    for engine in engines:
        dash.watch(engine, name="orders")
    assert names(dash) == ["orders", "orders (2)", "orders (3)"]


def test_freed_name_is_given_again(dash: Dashboard, make_engine: MakeEngine) -> None:
    dash.watch(make_engine(), name="orders").stop()
    dash.watch(make_engine(), name="orders")
    assert names(dash) == ["orders"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql+psycopg://ann:hunter2@db.test:5433/shop?options=x", "db.test:5433/shop"),
        ("postgresql+psycopg://ann:hunter2@db.test/shop", "db.test/shop"),
        (
            "postgresql+psycopg://ann:hunter2@[::1]:5433/shop",
            "[::1]:5433/shop",
        ),
        ("postgresql+psycopg://ann:hunter2@/shop?host=/run", "/run/shop"),
        ("postgresql+psycopg://ann:hunter2@db.test", "db.test"),
    ],
)
def test_default_name_is_redacted_address(dash: Dashboard, url: str, name: str) -> None:
    engine = create_engine(url)
    assert dash.watch(engine).name == name


def test_memory_database_is_its_name(dash: Dashboard, make_engine: MakeEngine) -> None:
    assert dash.watch(make_engine()).name == ":memory:"


def test_file_database_is_its_name(dash: Dashboard) -> None:
    assert dash.watch(create_engine("sqlite:////tmp/shop.db")).name == "/tmp/shop.db"


def test_bare_pool_takes_pool_class(dash: Dashboard) -> None:
    pool = QueuePool(lambda: None)  # type: ignore[arg-type]  # never asked
    assert dash.watch(pool).name == "QueuePool"


def test_collected_pool_disappears(dash: Dashboard) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    watch = dash.watch(engine, name="orders")
    with engine.connect():
        pass
    engine.dispose()
    assert names(dash) == ["orders"]
    del engine
    gc.collect()
    assert names(dash) == []
    assert watch.is_stopped
    watch.stop()
