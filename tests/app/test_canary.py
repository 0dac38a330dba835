"""Secrets of an address are never anywhere: a canary in each, looked for in every answer."""

import asyncio
import logging
import pickle

import pytest
from sqlalchemy import create_engine, exc
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool
from starlette.types import ASGIApp

from dashboard import Dashboard, watch
from dashboard.model.events import PoolEvent
from tests.web.listening import listening

from .conftest import Dash
from .given import ask

#: User, password and query values.
CANARIES = ("canaryuser", "canarysecret", "canaryquery")
URL = "postgresql+psycopg://canaryuser:canarysecret@127.0.0.1:1/shop?application_name=canaryquery"
PATHS = ["/", "/leaks", "/advice", "/events", "/fleet", "/incidents", "/api/pools", "/metrics"]
PATHS += ["/api/suspects", "/api/advice", "/api/incidents", "/report.md", "/readyz", "/nowhere"]
PATHS += ["/pools/{}", "/api/pools/{}", "/pools/{}?range=1h", "/api/history/{}", "/?range=banana"]


def found(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text.lower()]


def answers(app: ASGIApp, name: str) -> dict[str, list[str]]:
    """Where a canary is, body and headers."""
    asked = {path: ask(app, path.format(name)) for path in PATHS}
    return {path: found(each.text + str(each.headers)) for path, each in asked.items()}


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "postgresql+psycopg://canaryuser:p%40ss%2Fcanarysecret@127.0.0.1:1/shop",
        "postgresql+psycopg://:canarysecret@127.0.0.1:1/shop?password=canaryquery&connect_timeout=1",
    ],
)
def test_no_route_tells_a_secret(
    make_dash: Dash, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    caplog.set_level(logging.DEBUG)
    dash = make_dash(allow_unauthenticated=True)
    engine = create_engine(url)
    assert dash.watch(engine).name == "127.0.0.1:1/shop"
    with pytest.raises(exc.OperationalError):
        engine.connect()
    assert answers(dash, "127.0.0.1:1%2Fshop") == {path: [] for path in PATHS}
    snapshot = dash.snapshot()
    assert found(repr(snapshot)) == []
    assert found(pickle.dumps(snapshot).decode("latin-1")) == []
    assert found(repr(dash._reader.events(0, 100))) == []
    assert found(caplog.text) == []


def test_stream_tells_no_secret(dash: Dashboard) -> None:
    engine = create_engine(URL)
    dash.watch(engine)
    with pytest.raises(exc.OperationalError):
        engine.connect()
    with dash.serve(port=0) as server, listening(server.url) as stream:
        messages = [next(stream), next(stream)]
    assert found(repr(messages)) == []


def test_async_engine_tells_no_secret(make_dash: Dash) -> None:
    dash = make_dash(allow_unauthenticated=True)
    engine = create_async_engine(URL.replace("psycopg", "asyncpg").partition("?")[0])
    assert dash.watch(engine).name == "127.0.0.1:1/shop"

    async def fail() -> None:
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await engine.connect()

    asyncio.run(fail())
    assert dash.snapshot().pools["127.0.0.1:1/shop"].failures == {"connection_error": 1}
    assert answers(dash, "127.0.0.1:1%2Fshop") == {path: [] for path in PATHS}


def test_settings_tell_no_secret(make_dash: Dash) -> None:
    dash = make_dash(allow_unauthenticated=True)
    engine = create_engine(
        "postgresql+psycopg://127.0.0.1:1/shop",
        connect_args={"password": "canarysecret", "user": "canaryuser", "options": "canaryquery"},
    )
    dash.watch(engine, name="orders")
    with pytest.raises(exc.OperationalError):
        engine.connect()
    assert answers(dash, "orders") == {path: [] for path in PATHS}
    assert found(repr(dash.snapshot())) == []


def test_creator_tells_no_secret(dash: Dashboard) -> None:
    def canarysecret() -> None:
        raise OSError("canaryquery")

    pool = QueuePool(canarysecret)  # type: ignore[arg-type]  # it never connects
    dash.watch(pool, name="orders")
    with pytest.raises(OSError, match="canaryquery"):
        pool.connect()
    snapshot = dash.snapshot()
    assert snapshot.pools["orders"].failures == {"connection_error": 1}
    assert found(repr(snapshot)) == []


def test_events_tell_no_secret() -> None:
    seen: list[PoolEvent] = []
    engine = create_engine(URL)
    with watch(engine, seen.append), pytest.raises(exc.OperationalError):
        engine.connect()
    assert [event.kind for event in seen][-1] == "CheckoutFailed"
    assert found(repr(seen)) == []
