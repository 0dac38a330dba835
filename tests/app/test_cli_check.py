"""`pool-dashboard check`: settings alone, for CI."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import cli

_CODE = """
import asyncpg
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_engine(
    "postgresql+psycopg://app:hunter22@db:5432/x", pool_pre_ping=True, pool_recycle=1800
)
huge = create_async_engine("postgresql+asyncpg://app:hunter22@db:5432/x", pool_size=500)
Session = sessionmaker(engine)
pools = {"orders": engine, "huge": huge}
listed = [engine]
nothing = {}
def lazy():
    return asyncpg.create_pool("postgresql://app:hunter22@db:5432/x", max_size=20)
async def later():
    return await lazy()
def wants(url):
    return create_engine(url)
def fails():
    raise RuntimeError("postgresql://app:hunter22@db")
"""


@pytest.fixture(autouse=True)
def _application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command runs where the application is."""
    (tmp_path / "checked_shop.py").write_text(_CODE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("checked_shop", None)


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(["check", *arguments])
    said = capsys.readouterr()
    assert "hunter22" not in said.out + said.err
    return status, said.out, said.err


def test_fault_makes_the_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, errors = check(capsys, "checked_shop:huge")
    assert (status, errors) == (1, "")
    assert output.startswith("huge (sqlalchemy AsyncAdaptedQueuePool db:5432/x)\n")
    assert "pool_size" in output
    assert output.splitlines()[-1].startswith("1 pool checked, ")


@pytest.mark.parametrize(
    ("target", "first"),
    [
        ("engine", "engine (sqlalchemy QueuePool db:5432/x)"),
        ("listed", "db:5432/x (sqlalchemy QueuePool db:5432/x)"),
        ("lazy", "lazy (asyncpg Pool db:5432/x)"),
        ("Session", "Session (sqlalchemy QueuePool db:5432/x)"),
    ],
)
def test_each_kind_of_object(capsys: pytest.CaptureFixture[str], target: str, first: str) -> None:
    status, output, errors = check(capsys, f"checked_shop:{target}")
    assert status in {0, 1}
    assert errors == ""
    assert output.startswith(first)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            "checked_shop:nothing",
            "checked_shop:nothing is no pool, and no dict or list of pools: i",
        ),
        (
            "checked_shop:asyncpg",
            "checked_shop:asyncpg is no pool, and no dict or list of pools: i",
        ),
        ("checked_shop:later", "checked_shop:later is async, so it would connect; name a pool, or"),
        ("checked_shop:wants", "checked_shop:wants wants arguments; name a function without"),
        ("checked_shop:fails", "checked_shop:fails failed: RuntimeError: postgresql://***@db"),
        ("checked_shop:enigne", "checked_shop has no enigne; did you mean engine?"),
        ("no.toml", "'no.toml' cannot be read: No such file or directory"),
        ("nowhere", "'nowhere' is no file; an object is named module:attribute, as in shop.db:e"),
        ("", "'' is no file; an object is named module:attribute, as in shop.db:engine"),
    ],
)
def test_what_cannot_be_checked(
    capsys: pytest.CaptureFixture[str], target: str, words: str
) -> None:
    status, output, errors = check(capsys, target)
    assert (status, output) == (2, "")
    assert errors.startswith(f"pool-dashboard: {words}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--workers", "0"), "workers begin at 1, not 0"),
        (("--max-connections", "0"), "max_connections begins at 1, not 0"),
        (("--deadline", "soon"), "--deadline takes seconds, as a number or as a text such as"),
        (("--deadline", "0s"), "deadline takes seconds above 0, not 0"),
        (("--longest-idle", "soon"), "--longest-idle takes seconds, as a number or as a text"),
        (("--longest-life", "0s"), "longest_life takes seconds above 0, not 0"),
        (("--pooler", "0"), "pooler begins at 1, not 0"),
    ],
)
def test_wrong_limits(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    status, _, errors = check(capsys, "checked_shop:engine", *arguments)
    assert status == 2
    assert errors.startswith(f"pool-dashboard: {words}")


def test_limits_of_the_network_are_counted_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, "checked_shop:engine", "--longest-life", "31m")[0] == 0
    status, output, _ = check(capsys, "checked_shop:engine", "--longest-life", "30m")
    assert status == 1
    assert "R21: pool_recycle is longer than connections live" in output


def test_budget_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    limits = ("--max-connections", "100", "--workers", "4")
    status, output, _ = check(capsys, "checked_shop:pools", *limits)
    assert status == 1
    assert (
        "db:5432: too many. 2 pools of 4 workers may open 2,100 connections; "
        "the server has 97 for them.\n"
        "  (5 + 10) x 4 + (500 + 10) x 4 = 2,100; max_connections 100 - 3 reserved = 97\n"
    ) in output
    _, output, _ = check(capsys, "checked_shop:engine", *limits)
    assert "db:5432: enough. 1 pool of 4 workers may open 60 connections" in output


def test_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, _ = check(
        capsys, "checked_shop:pools", "--format", "json", "--max-connections", "1000"
    )
    said = json.loads(output)
    orders, huge = said["pools"]
    assert (orders["name"], orders["library"], orders["address"]) == (
        "orders",
        "sqlalchemy",
        "db:5432/x",
    )
    assert huge["config"]["pool_size"] == 500
    assert status == 1
    assert {"rule", "severity", "title", "evidence", "change"} <= huge["advice"][0].keys()
    (budget,) = said["budgets"]
    assert budget["limit"]["max_connections"] == 1000
    assert budget["shares"][1] == {"pool": "huge", "size": 500, "overflow": 10, "total": 510}
    assert {key: budget[key] for key in sorted(budget.keys() - {"limit", "shares"})} == {
        "is_broken": False,
        "left": 472,
        "sentence": "2 pools may open 525 connections; the server has 997 for them.",
        "server": "db:5432",
        "usable": 997,
        "wanted": 525,
    }


def test_file_is_checked_without_connecting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pools.toml").write_text(
        """
[pools.orders]
url = "postgresql+asyncpg://app:hunter22@nowhere.invalid/orders"
pool_size = 500
[pools.events]
library = "asyncpg"
url = "postgresql://app:hunter22@nowhere.invalid/events"
[pools.bank]
url = "https://nowhere.invalid/"
[pools.imported]
import = "checked_shop:engine"
[pools.later]
import = "checked_shop:later"
"""
    )
    status, output, errors = check(capsys, "pools.toml")
    assert status == 1
    assert errors == (
        "pool-dashboard: later is not checked: checked_shop:later is async, it would connect\n"
    )
    for name in ("orders", "events", "bank", "imported"):
        assert f"{name} (" in output
    assert "4 pools checked, " in output


def test_wrong_file_is_told_as_by_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pools.toml").write_text('[pools.a]\nurl = "sqlite://"\npool_sizes = 1')
    assert check(capsys, "pools.toml") == (
        2,
        "",
        (
            "pool-dashboard: pools.toml line 3: pool_sizes is no option of sqlalchemy pools; "
            "did you mean pool_size?\n"
        ),
    )
