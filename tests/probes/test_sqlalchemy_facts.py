# ruff: noqa: E501 -- addresses are long
"""What a SQLAlchemy pool says of itself, and what it keeps to itself."""

from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, QueuePool, SingletonThreadPool, StaticPool

from dashboard.demo.postgres import Postgres
from dashboard.probes import Probe, tap

from .contract import EmitterEyes, LedgerEyes, until


def _opaque() -> Any:
    raise NotImplementedError


def probe_of(target: Any) -> Probe:
    sink = LedgerEyes().sink
    tapped = tap(target, sink)
    tapped.remove(sink)
    return tapped.probe


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql+psycopg://bob:canary@db.example:5433/shop?sslpassword=canary", "db.example:5433/shop"),
        ("postgresql+psycopg://bob:can@ry@db.example/shop", "db.example/shop"),
        ("postgresql+psycopg://bob:canary%40x@[::1]:5432/shop", "[::1]:5432/shop"),
        ("postgresql+psycopg://bob:canary@/shop?host=/var/run/postgresql", "/var/run/postgresql/shop"),
        ("postgresql+asyncpg://bob:canary@/shop?host=a:1&host=b:2", "a:1,b:2/shop"),
        ("postgresql+psycopg://bob:canary@", ""),
        ("sqlite:////srv/shop.db", "/srv/shop.db"),
        ("sqlite://", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:///file:shop.db?mode=ro&uri=true&key=canary", "file:shop.db"),
    ],
)  # fmt: skip
def test_address_has_no_secret(url: str, address: str) -> None:
    is_async = "asyncpg" in url
    engine = create_async_engine(url) if is_async else create_engine(url)
    probe = probe_of(engine)
    assert probe.address == address
    assert not any(word in repr(probe.settings()) for word in ("canary", "bob", "can@ry"))


def test_bare_pool_knows_its_address(postgres: Postgres) -> None:
    engine = create_engine(postgres.dsn("psycopg"))
    probe = probe_of(engine.pool)
    assert (probe.backend, probe.address) == ("PostgreSQL", f"127.0.0.1:{postgres.port}/postgres")
    assert probe_of(create_engine("sqlite://").pool).address == ":memory:"
    assert probe_of(QueuePool(_opaque)).address == ""


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({"pool_size": 5, "max_overflow": 10}, (5, 15, None)),
        ({"pool_size": 5, "max_overflow": -1}, (5, None, None)),
        ({"pool_size": 0, "max_overflow": 3}, (None, None, None)),
        ({"poolclass": NullPool}, (None, None, None)),
        ({"poolclass": StaticPool}, (1, None, None)),
        ({"poolclass": SingletonThreadPool, "pool_size": 3}, (3, None, None)),
    ],
)
def test_limits_are_those_in_force(options: dict[str, Any], limits: object) -> None:
    kind = options.pop("poolclass", QueuePool)
    assert probe_of(create_engine("sqlite://", poolclass=kind, **options)).limits() == limits


def test_settings_show_driver_timeouts() -> None:
    engine = create_engine(
        "postgresql+psycopg://bob:canary@db/shop?connect_timeout=7",
        pool_size=3,
        connect_args={"timeout": 2.5, "password": "canary", "options": "-c canary"},
    )
    assert probe_of(engine).settings() == {
        "poolclass": "QueuePool",
        "pool_size": 3,
        "max_overflow": 10,
        "pool_timeout": 30.0,
        "pool_use_lifo": False,
        "pool_recycle": -1,
        "pool_pre_ping": False,
        "pool_reset_on_return": "rollback",
        "connect_args": {"connect_timeout": 7.0, "timeout": 2.5},
    }


def test_option_engine_is_its_engine() -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)
    eyes = LedgerEyes()
    tapped = tap(engine.execution_options(isolation_level="SERIALIZABLE"), eyes.sink)
    engine.connect().close()
    assert (eyes.returned, tapped.probe.address) == (1, ":memory:")
    assert tap(engine, LedgerEyes().sink) is tapped
    engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_backend_pid_is_known(postgres: Postgres, driver: str) -> None:
    engine = create_async_engine(postgres.dsn(driver))
    eyes = EmitterEyes()
    tapped = tap(engine, eyes.sink)
    async with engine.connect() as connection:
        pid = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar()
        assert eyes.of("CheckedOut")[0].backend_pid == pid
        assert eyes.of("ConnectionReady")[0].create_time > 0
    await until(lambda: eyes.used == 0)
    tapped.remove(eyes.sink)
    await engine.dispose()
