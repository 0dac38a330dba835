"""The host never notices: classes, exceptions, memory; and what the probe says of its pool."""

import asyncio
import gc
import socket
import time
import traceback
import weakref
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from dashboard.model.errors import DashboardError
from dashboard.model.events import PoolEvent
from dashboard.probes import tap
from dashboard.probes.aiohttp import attach, pool_of
from dashboard.probes.emitter import Emitter
from tests.probes import aiohttp_watching
from tests.probes.aiohttp_watching import (
    ASKED_GOT,
    FIRST,
    OPENING,
    Names,
    Server,
    Watching,
    get,
    ok,
    until,
)

server = pytest.fixture(aiohttp_watching.server)
watching = pytest.fixture(aiohttp_watching.watching)


async def test_detach_restores_class_while_out(server: Server) -> None:
    async with ClientSession() as session:
        connector: Any = session.connector
        events: list[PoolEvent] = []
        probe = attach(session, Emitter("api", events.append, time.monotonic))
        assert type(connector) is not TCPConnector
        assert connector.__class__ is TCPConnector
        out = await session.get(f"{server.url}/stream")
        asking = asyncio.create_task(get(session, f"{server.url}/gated"))
        await until(lambda: [e.kind for e in events].count("CheckoutStarted") == 2)
        probe.detach()
        assert type(connector) is TCPConnector
        assert "connect" not in vars(connector)
        events.clear()
        server.gate.set()
        await out.read()
        assert await asking == "fine"
        assert events == []
        again = attach(session, Emitter("api", events.append, time.monotonic))
        await get(session, f"{server.url}/ok")
        assert [event.kind for event in events] == [*ASKED_GOT, "CheckedIn"]
        again.detach()
        assert type(connector) is TCPConnector


async def test_two_sinks_share_one_probe(server: Server) -> None:
    first: list[PoolEvent] = []
    second: list[PoolEvent] = []
    one = Emitter("a", first.append, time.monotonic)
    two = Emitter("b", second.append, lambda: time.monotonic() + 1000)
    async with ClientSession() as session:
        tapped = tap(session, one)
        await get(session, f"{server.url}/ok")
        assert tap(session.connector, two) is tapped
        first.clear()
        await get(session, f"{server.url}/ok")
        assert [e.kind for e in first] == [e.kind for e in second] == [*ASKED_GOT, "CheckedIn"]
        assert not tapped.remove(one)
        assert tapped.remove(two)
        assert type(session.connector) is TCPConnector


async def _failure(session: ClientSession, url: str) -> BaseException:
    try:
        await session.get(url, allow_redirects=False)
    except aiohttp.ClientError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("host", ["127.0.0.1", "unknown.test"])
async def test_failure_has_one_frame_more(host: str) -> None:
    names = Names()
    names.known.set()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://{host}:{closed.getsockname()[1]}/"
        async with ClientSession(connector=TCPConnector(resolver=names)) as session:
            bare = await _failure(session, url)
            probe = attach(session, Emitter("api", lambda _: None, time.monotonic))
            watched = await _failure(session, url)
            probe.detach()
    assert type(watched) is type(bare)
    assert (str(watched), type(watched.__cause__)) == (str(bare), type(bare.__cause__))
    plain = [frame.name for frame in traceback.extract_tb(bare.__traceback__)]
    ours = list(traceback.extract_tb(watched.__traceback__))
    extra = [frame for frame in ours if "dashboard" in frame.filename]
    assert [frame.name for frame in extra] == ["connect"]
    assert [frame.name for frame in ours if frame not in extra] == plain


async def test_exception_is_the_same_object(watching: Watching) -> None:
    problem = OSError("mine")

    class Failing(aiohttp.BaseConnector):
        async def _create_connection(self, *_: Any) -> Any:
            raise problem

    async with ClientSession(connector=Failing()) as session:
        seen = watching(session)
        connector: Any = session.connector
        request: Any = aiohttp.ClientRequest("GET", _url("http://shop.test/"))
        with pytest.raises(OSError, match="mine") as caught:
            await connector.connect(request, [], ClientTimeout())
        assert caught.value is problem
        assert seen.take() == [*OPENING, "CheckoutFailed connection_error"]


def _url(text: str) -> Any:
    from yarl import URL

    return URL(text)


async def test_probe_keeps_nothing_alive(server: Server) -> None:
    session = ClientSession()
    connector: Any = session.connector
    probe = attach(session, Emitter("api", lambda _: None, time.monotonic))
    await get(session, f"{server.url}/ok")
    await session.close()
    gone = weakref.ref(connector)
    del session, connector
    await until(lambda: gc.collect() is not None and gone() is None)
    assert probe.is_gone
    assert probe.own_counts() is None
    assert (probe.settings(), probe.hosts(), probe.limits()) == ({}, [], (None, None, None))
    probe.detach()


async def test_settings_are_those_in_force(watching: Watching) -> None:
    connector = TCPConnector(limit=7, limit_per_host=3, keepalive_timeout=9, ttl_dns_cache=60)
    timeout = ClientTimeout(total=8, connect=2, sock_connect=1, sock_read=4)
    async with ClientSession(
        "http://user:pw@shop.test:8080/path/", connector=connector, timeout=timeout
    ) as session:
        probe = watching(session).probe
        assert probe.settings() == {
            "limit": 7,
            "limit_per_host": 3,
            "keepalive_timeout": 9,
            "ttl_dns_cache": 60,
            "use_dns_cache": True,
            "force_close": False,
            "enable_cleanup_closed": False,
            "total": 8,
            "connect": 2,
            "sock_connect": 1,
            "sock_read": 4,
        }
        assert probe.limits() == (7, 7, None)
        assert (probe.kind, probe.backend, probe.library) == ("TCPConnector", "HTTP", "aiohttp")
        assert probe.address == "shop.test:8080"
        assert probe.limited == ()


async def test_no_limit_is_none(watching: Watching) -> None:
    async with TCPConnector(limit=0) as connector:
        probe = watching(connector).probe
        assert probe.limits() == (None, None, None)
        assert probe.address == ""
        assert "total" not in probe.settings()


async def test_shadowed_method_is_told() -> None:
    async with TCPConnector() as connector:
        vars(connector)["connect"] = connector.connect
        probe = attach(connector, Emitter("api", lambda _: None, time.monotonic))
        assert probe.limited == ("checkouts",)
        probe.detach()
        del vars(connector)["connect"]


async def test_closed_session_is_refused_with_reason() -> None:
    session = ClientSession()
    await session.close()
    with pytest.raises(DashboardError, match="the ClientSession is closed"):
        tap(session, Emitter("api", lambda _: None, time.monotonic))


def test_other_objects_have_no_connector() -> None:
    assert pool_of(object()) is None


async def test_unix_socket_is_watched(tmp_path: Path, watching: Watching) -> None:
    app = web.Application()
    app.add_routes([web.get("/ok", ok)])
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()
    async with ClientSession(connector=aiohttp.UnixConnector(path)) as session:
        seen = watching(session)
        await get(session, "http://shop/ok")
        assert seen.last("ConnectionReady").host == "shop:80"
        assert seen.take() == [*FIRST, "CheckedIn"]
        assert seen.counts == (0, 1)
        assert seen.probe.kind == "UnixConnector"
        assert "use_dns_cache" not in seen.probe.settings()
    await runner.cleanup()


async def test_own_failure_is_counted_not_raised(server: Server) -> None:
    emitter = Emitter("api", lambda _: None, time.monotonic)
    async with ClientSession() as session:
        probe = attach(session, emitter)
        await get(session, f"{server.url}/ok")
        whole = vars(probe._slots).copy()
        for name in ("known", "asking", "peeked"):
            setattr(probe._slots, name, None)
        assert await get(session, f"{server.url}/ok") == "fine"
        assert emitter.errors > 0
        vars(probe._slots).update(whole)
        probe.detach()
