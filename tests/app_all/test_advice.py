"""Rules about how pools are made and ended, seen from their births on."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import Engine, create_engine

from dashboard import Advice, Dashboard
from tests.app.test_process import python


@pytest.fixture
def dash() -> Iterator[Dashboard]:
    """Every pool of the process is watched."""
    dash = Dashboard()
    with dash.watch_all():
        yield dash
    dash.stop()


def advised(dash: Dashboard, rule: str) -> list[Advice]:
    return [each for each in dash.advice() if each.rule == rule]


def handle(url: str) -> Engine:
    """A request that makes an engine of its own."""
    engine = create_engine(url, pool_pre_ping=True)
    engine.connect().close()
    return engine


def test_engine_for_each_request_is_told(dash: Dashboard, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    for _ in range(6):
        handle(url).dispose()
    (advice,) = advised(dash, "R16")
    assert advice.title.startswith("tests/app_all/test_advice.py:")
    assert advice.title.endswith(" makes engine after engine")
    assert f"made 6 engines for {tmp_path}/shop.db" in advice.evidence[0]


def test_engine_that_is_collected_meanwhile_is_told(dash: Dashboard, tmp_path: Path) -> None:
    engines = [handle(f"sqlite:///{tmp_path}/shop.db") for _ in range(6)]
    seen = dash.snapshot()
    for engine in engines:
        engine.dispose()
    engines.clear()
    del engine
    gc.collect()
    found = dash._reader._advisor.advise(seen, [])
    assert "R16" in {each.rule for each in found}


def test_one_engine_for_all_requests_is_fine(dash: Dashboard, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    for _ in range(6):
        engine.connect().close()
    assert dash.advice() == []
    engine.dispose()


def test_engines_of_several_databases_are_fine(dash: Dashboard, tmp_path: Path) -> None:
    engines = [handle(f"sqlite:///{tmp_path}/{number}.db") for number in range(6)]
    assert dash.advice() == []
    for engine in engines:
        engine.dispose()


def test_dropped_engines_are_never_closed(dash: Dashboard, tmp_path: Path) -> None:
    for _ in range(2):
        handle(f"sqlite:///{tmp_path}/shop.db")
    gc.collect()
    (advice,) = advised(dash, "R18")
    assert advice.title.endswith(" does not close its engines")
    assert advice.evidence[0].startswith("2 of 2 engines that tests/app_all/test_advice.py:")
    assert "atexit.register(engine.dispose)" in advice.change


def test_disposed_engines_are_closed(dash: Dashboard, tmp_path: Path) -> None:
    for _ in range(2):
        handle(f"sqlite:///{tmp_path}/shop.db").dispose()
    gc.collect()
    assert dash.advice() == []


async def session_each(url: str, count: int) -> None:
    for _ in range(count):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            await response.read()


async def one_session(url: str, count: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            async with session.get(url) as response:
                await response.read()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that says hello."""
    app = web.Application()
    app.router.add_get("/", _hello)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def _hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_session_for_each_request_is_told(dash: Dashboard, url: str) -> None:
    await session_each(url, 6)
    (advice,) = advised(dash, "R17")
    assert "made 6 sessions, 1 request each" in advice.evidence[0]
    assert "+    async with aiohttp.ClientSession() as session:" in advice.change


async def test_one_session_for_all_requests_is_fine(dash: Dashboard, url: str) -> None:
    await one_session(url, 6)
    assert dash.advice() == []


async def test_dropped_session_is_never_closed(dash: Dashboard, url: str) -> None:
    session = aiohttp.ClientSession()
    async with session.get(url) as response:
        await response.read()
    with warnings.catch_warnings(action="ignore"):
        del session, response
        gc.collect()
    (advice,) = advised(dash, "R18")
    assert advice.title.endswith(" does not close its sessions")


def test_exit_tells_the_log_what_is_open(tmp_path: Path) -> None:
    script = f"""
        import logging
        from sqlalchemy import create_engine
        from dashboard import Dashboard
        logging.basicConfig(format="%(name)s: %(message)s")
        every = Dashboard().watch_all()
        kept = create_engine("sqlite:///{tmp_path}/kept.db")
        kept.connect().close()
        closed = create_engine("sqlite:///{tmp_path}/closed.db")
        closed.connect().close()
        closed.dispose()
    """
    ended = python(script)
    assert ended.returncode == 0
    assert ended.stderr == (
        f"pool_dashboard: still open when the process ended: {tmp_path}/kept.db (1 connection, "
        "made at <string>:7 <module>); close each where it is made\n"
    )
    silent = python(script.replace("logging.basicConfig", "dict"))
    assert (silent.returncode, silent.stderr) == (0, "")
