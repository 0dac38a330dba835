"""What the trace of an aiohttp connector knows of its hosts, and what-if for limits to one."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from aiohttp import web

from dashboard import Dashboard, DashboardError
from dashboard.model.whatif import RETURNED, TIMEOUT, Demand
from dashboard.predicting import demand_of
from tests.web.asking import ask

from .conftest import Dash, MakeEngine
from .test_advice_http import hello, read, served, session_of


def demand(dash: Dashboard) -> Demand:
    (watch, record), *_ = dash._watches.records()
    record.fold()
    return demand_of(record, watch.probe)


async def test_trace_tells_hosts_apart(dash: Dashboard) -> None:
    async with served(hello) as one, served(hello) as other, session_of(dash) as session:
        for url in (one, other, one):
            await read(session, url)
        found = demand(dash)
    assert list(found.host) == [1, 2, 1]
    assert (found.size, found.limit_per_host, found.keep) == (100, None, 15.0)


async def test_who_gave_up_and_who_waits_had_a_host(dash: Dashboard) -> None:
    release = asyncio.Event()

    async def hold(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="fine")

    impatient = aiohttp.ClientTimeout(connect=0.02)
    limits = {"limit": 9, "limit_per_host": 1}
    async with served(hello) as one, served(hold) as other, session_of(dash, **limits) as session:
        await read(session, one)
        async with asyncio.TaskGroup() as group:
            group.create_task(read(session, other))
            await asyncio.sleep(0)
            with pytest.raises(TimeoutError):
                await session.get(other, timeout=impatient)
            group.create_task(read(session, other))
            await asyncio.sleep(0)
            found = demand(dash)
            release.set()
        after = demand(dash)
    assert list(zip(found.outcome, found.host, strict=True)) == [(RETURNED, 1), (TIMEOUT, 2)]
    assert [held.host for held in found.open] == [2]
    assert [caller.host for caller in found.waiting] == [2]
    assert list(after.host) == [1, 2, 2, 2]


async def test_connecting_is_no_wait_for_a_slot(dash: Dashboard) -> None:
    async with served(hello) as url, session_of(dash) as session:
        for _ in range(3):
            await read(session, url)
        (_, record), *_ = dash._watches.records()
        found, rows = demand(dash), record.trace.newest(3)
        took = next(iter(record.ledger.connections.values())).create_time or 0.0
    assert rows.wait[0] >= took > 0
    assert found.wait[0] == pytest.approx(rows.wait[0] - took, abs=1e-6)
    assert found.hold[0] == pytest.approx(rows.hold[0] + took, abs=1e-6)
    assert list(found.hold)[1:] == list(rows.hold)[1:]


async def test_many_hosts_share_the_last_number(dash: Dashboard) -> None:
    async with session_of(dash):
        (_, record), *_ = dash._watches.records()
        hosts = record.trace.hosts
        numbers = Counter(hosts[f"host{n}:80"] for n in range(300))
        assert (len(numbers), numbers[1], numbers[255]) == (255, 1, 46)
        assert hosts["host7:80"] == 8
        columns: list[list[float]] = [[1.0], [0.0], [1.0], [1], [0], [1]]
        for number in (255, 7):
            record.trace.extend(1, *columns, [number], [0])
        assert list(demand(dash).host) == [0, 7]


async def test_other_limit_to_each_host_is_answered(make_dash: Dash) -> None:
    dash = make_dash(allow_unauthenticated=True)
    async with served(hello) as url, session_of(dash) as session:
        await read(session, url)
        few = {each: dash.whatif("bank", limit_per_host=each) for each in (0, 3)}
        told = await asyncio.to_thread(ask, dash, "/api/whatif/bank?limit_per_host=3")
        refused = await asyncio.to_thread(ask, dash, "/api/whatif/bank?limit_per_host=-1")
        with pytest.raises(DashboardError, match="limit_per_host takes a whole number from 0 on"):
            dash.whatif("bank", limit_per_host=-1)
    assert few == {0: (), 3: ()}  # One request is not enough.
    assert told.json()["banner"] == ["Collecting: 1 of 1,000 checkouts, 0 of 60 seconds."]
    assert (refused.status_code, "limit_per_host takes" in refused.text) == (400, True)


def test_limit_to_each_host_is_for_http_alone(dash: Dashboard, make_engine: MakeEngine) -> None:
    dash.watch(make_engine(), name="orders")
    with pytest.raises(DashboardError, match="limit_per_host is for aiohttp, not for sqlalchemy"):
        dash.whatif("orders", limit_per_host=3)
