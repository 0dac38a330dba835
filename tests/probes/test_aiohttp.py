"""aiohttp connectors under watch: asking, waiting, getting, returning."""

import asyncio
import inspect
import time
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from dashboard.model.events import PoolEvent
from dashboard.probes.aiohttp import attach
from dashboard.probes.emitter import Emitter
from tests.probes import aiohttp_watching
from tests.probes.aiohttp_watching import (
    ASKED_GOT,
    FIRST,
    Names,
    Server,
    Watching,
    get,
    until,
)

server = pytest.fixture(aiohttp_watching.server)
raw = pytest.fixture(aiohttp_watching.raw)
watching = pytest.fixture(aiohttp_watching.watching)


async def test_request_emits_every_step(server: Server) -> None:
    seen: list[PoolEvent] = []
    async with ClientSession() as session:
        probe = attach(session, Emitter("api", seen.append, time.monotonic))
        assert await get(session, f"{server.url}/ok?secret=1") == "fine"
        assert [event.kind for event in seen] == [*FIRST, "CheckedIn"]
        ready: Any = seen[2]
        assert ready.host == server.host
        assert ready.create_time > 0
        got: Any = seen[3]
        assert got.phases.keys() == {"connect"}
        assert got.phases["connect"] == ready.create_time
        assert got.wait_time >= ready.create_time
        seen.clear()
        await get(session, f"{server.url}/ok")
        assert [event.kind for event in seen] == [*ASKED_GOT, "CheckedIn"]
        again: Any = seen[1]
        assert again.connection == 1
        assert again.phases == {}
        probe.detach()


async def test_call_site_is_the_users_line(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        here = inspect.currentframe()
        assert here is not None
        line = here.f_lineno
        async with session.get(f"{server.url}/ok") as response:
            await response.read()
        posted = await session.post(f"{server.url}/ok", data=b"x")
        await posted.read()
        await get(session, f"{server.url}/ok")
        sites = [e.call_site for e in seen.events if e.kind == "CheckoutStarted"]  # type: ignore[attr-defined]
        name = "test_call_site_is_the_users_line"
        assert [(site.function, site.line) for site in sites[:2]] == [
            (name, line + 1),
            (name, line + 3),
        ]
        assert sites[2].function == "get"
        assert [site.file for site in sites] == [
            "tests/probes/test_aiohttp.py",
            "tests/probes/test_aiohttp.py",
            "tests/probes/aiohttp_watching.py",
        ]


async def test_owner_is_the_asking_task(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await asyncio.create_task(get(session, f"{server.url}/ok"), name="asker")
        asked = seen.last("CheckoutStarted")
        assert (asked.owner.kind, asked.owner.name) == ("task", "asker")


async def test_task_of_its_own_has_the_line_that_waits(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        (response,) = await asyncio.gather(session.get(f"{server.url}/ok"))
        await response.read()
        site = seen.last("CheckedOut").call_site
        assert site.function == "test_task_of_its_own_has_the_line_that_waits"


async def test_unread_response_keeps_slot(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        response = await session.get(f"{server.url}/stream")
        assert seen.counts == (1, 0)
        assert seen.take() == FIRST
        server.gate.set()
        assert await response.read() == b"somemore"
        assert seen.take() == ["CheckedIn"]
        assert seen.counts == (0, 1)


async def test_adopts_what_is_out_and_idle(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        out = await session.get(f"{server.url}/stream")
        await get(session, f"{server.url}/ok")
        seen = watching(session)
        assert seen.counts == (1, 1)
        assert seen.probe.hosts() == [(server.host, 1, 1, 0)]
        server.gate.set()
        await out.read()
        assert seen.last("CheckedIn").call_site.function == "(before the watch)"
        assert seen.take() == ["CheckedIn"]
        assert seen.counts == (0, 2)
        await get(session, f"{server.url}/ok")
        assert seen.take() == [*ASKED_GOT, "CheckedIn"]


async def _done(tasks: list[Any], count: int) -> list[Any]:
    await until(lambda: sum(each.done() for each in tasks) == count)
    return [each.result() for each in tasks if each.done()]


async def test_meets_those_who_asked_before(server: Server, watching: Watching) -> None:
    names = Names()
    port = server.host.split(":")[1]
    async with ClientSession(connector=TCPConnector(resolver=names, limit=2)) as session:
        early = [
            asyncio.create_task(session.get(f"http://shop.test:{port}/stream")) for _ in range(3)
        ]
        await until(lambda: session.connector and session.connector._waiters)
        seen = watching(session)
        names.known.set()
        first = await _done(early, 2)
        server.gate.set()
        late = asyncio.create_task(get(session, f"http://shop.test:{port}/ok"))
        for response in first:
            await response.read()
        await (await early[2]).read()
        assert await late == "fine"
        assert seen.counts == (0, 2)
        assert seen.ledger.unmatched == 0


async def test_meets_those_who_were_connecting(server: Server, watching: Watching) -> None:
    names = Names()
    url = f"http://shop.test:{server.host.split(':')[1]}"
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        early = [asyncio.create_task(session.get(f"{url}/stream")) for _ in range(2)]
        await names.asked.wait()
        seen = watching(session)
        names.known.set()
        responses = await _done(early, 2)
        await get(session, f"{url}/ok")
        assert seen.counts == (2, 1)
        server.gate.set()
        for response in responses:
            await response.read()
        assert seen.counts == (0, 3)


async def test_waiting_is_shown_for_each_host(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        seen.take()
        second = asyncio.create_task(get(session, f"{server.url}/ok"))
        other = asyncio.create_task(
            get(session, f"{server.url.replace('127.0.0.1', 'localhost')}/ok")
        )
        await until(lambda: len(seen.ledger.pending) == 2)
        assert seen.take() == ["CheckoutStarted", "CheckoutStarted"]
        name = server.host.replace("127.0.0.1", "localhost")
        assert seen.probe.hosts() == [(server.host, 1, 0, 1), (name, 0, 0, 1)]
        server.gate.set()
        await first.read()
        await asyncio.gather(second, other)
        assert seen.counts == (0, 2)
        assert seen.probe.hosts() == [(server.host, 0, 1, 0), (name, 0, 1, 0)]


async def test_limit_per_host_waits(server: Server, watching: Watching) -> None:
    async with ClientSession(connector=TCPConnector(limit_per_host=1)) as session:
        seen = watching(session)
        first = await session.get(f"{server.url}/stream")
        second = asyncio.create_task(get(session, f"{server.url}/ok"))
        await until(lambda: seen.ledger.pending)
        assert seen.counts == (1, 0)
        seen.take()
        server.gate.set()
        await first.read()
        await second
        assert seen.take() == ["CheckedIn", "CheckedOut", "CheckedIn"]
        assert seen.counts == (0, 1)


async def test_name_lookup_is_a_phase(server: Server, watching: Watching) -> None:
    names = Names()
    port = server.host.split(":")[1]
    async with ClientSession(connector=TCPConnector(resolver=names)) as session:
        seen = watching(session)
        task = asyncio.create_task(get(session, f"http://shop.test:{port}/ok"))
        await names.asked.wait()
        await asyncio.sleep(0.02)
        names.known.set()
        await task
        got, ready = seen.last("CheckedOut"), seen.last("ConnectionReady")
        assert got.phases.keys() == {"dns", "connect"}
        assert got.phases["dns"] >= 0.02
        assert sum(got.phases.values()) == pytest.approx(ready.create_time)
        assert ready.host == f"shop.test:{port}"


async def test_sessions_share_a_connector(server: Server, watching: Watching) -> None:
    connector = TCPConnector()
    one = ClientSession(connector=connector, connector_owner=False)
    two = ClientSession(connector=connector, connector_owner=False)
    seen = watching(one)
    await get(one, f"{server.url}/ok")
    await get(two, f"{server.url}/ok")
    await one.close()
    await two.close()
    assert seen.take() == [*FIRST, "CheckedIn", *ASKED_GOT, "CheckedIn"]
    assert seen.counts == (0, 1)
    await connector.close()
    assert seen.take() == ["ConnectionClosed pool_closed", "PoolClosed"]


async def test_redirect_asks_twice(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"{server.url}/moved")
        assert seen.take() == [*FIRST, "CheckedIn", *ASKED_GOT, "CheckedIn"]
        assert seen.counts == (0, 1)


async def test_retry_on_stale_connection_asks_again(watching: Watching, raw: Any) -> None:
    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await reader.readuntil(b"\r\n\r\n")  # And hangs up without an answer.

    port = await raw(one_answer)
    async with ClientSession() as session:
        seen = watching(session)
        await get(session, f"http://127.0.0.1:{port}/")
        seen.take()
        await get(session, f"http://127.0.0.1:{port}/")
        assert seen.take() == [
            *ASKED_GOT,
            "CheckedIn",
            "ConnectionClosed error",
            *FIRST,
            "CheckedIn",
        ]
        assert seen.counts == (0, 1)


async def test_websocket_holds_its_connection(server: Server, watching: Watching) -> None:
    async with ClientSession() as session:
        seen = watching(session)
        async with session.ws_connect(f"{server.url}/ws") as channel:
            await channel.send_str("hi")
            assert (await channel.receive()).data == "hi"
            assert seen.take() == FIRST
            assert seen.counts == (1, 0)
        assert seen.take() == ["CheckedIn", "ConnectionClosed stale"]
        assert seen.counts == (0, 0)


async def test_proxied_request_names_its_target(watching: Watching, raw: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        await reader.read(-1)

    port = await raw(answer)
    async with ClientSession() as session:
        seen = watching(session)
        async with session.get("http://shop.test/a", proxy=f"http://127.0.0.1:{port}") as response:
            assert await response.text() == "fine"
        assert seen.last("ConnectionReady").host == "shop.test:80"
        assert seen.take() == [*FIRST, "CheckedIn"]
        assert seen.counts == (0, 1)
