"""HTTP pools before and after a mark: hosts, the limit to each, and how long callers wait."""

from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from dashboard import Dashboard
from dashboard.analysis.comparing import sentences
from dashboard.comparing import _change
from dashboard.model.comparison import Changed, Comparison
from dashboard.model.whatif import COLUMNS, Change, Demand
from dashboard.predicting import Slots
from dashboard.turning import Shape, Source, Turn, before
from dashboard.words import MARKS
from tests.analysis.traces import bursty, recorded

from .advised import Leaping
from .conftest import Dash
from .test_advice_http import hello, read, served
from .test_advising import remember
from .turned import compared, marked


@pytest.fixture(autouse=True)
def _no_marks() -> None:
    """Those of other tests are theirs."""
    MARKS.clear()


@pytest.fixture
def clock() -> Leaping:
    return Leaping()


@pytest.fixture
def leaping(make_dash: Dash, clock: Leaping) -> Dashboard:
    """A dashboard whose time can be moved on."""
    return make_dash(clock=clock)


@pytest.fixture(scope="module")
def busy() -> Demand:
    """Two minutes of bursts to two hosts."""
    made = recorded(*bursty(12_000, 1), size=20, semantics="aiohttp")
    return replace(made, host=[1 + place % 2 for place in range(12_000)])


def session(**options: Any) -> aiohttp.ClientSession:
    """One whose callers wait for two seconds at the most, if no other time is given."""
    timeout = aiohttp.ClientTimeout(connect=options.pop("connect", 2.0))
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(**options), timeout=timeout)


def only_turn(dash: Dashboard) -> Turn:
    (turns,) = dash._reader._comparing._turns.values()
    (turn,) = turns.found
    return turn


async def test_time_before_keeps_hosts_and_limits(leaping: Dashboard, clock: Leaping) -> None:
    async with served(hello) as one, served(hello) as other, session(limit_per_host=2) as http:
        leaping.watch(http, name="bank")
        for url in (one, other, one):
            await read(http, url)
        marked(leaping, clock)
        for url in (other, other, one):
            await read(http, url)
        ((watch, record),) = leaping._watches.records()
        record.fold()
        found = before(only_turn(leaping), Source(watch.probe, record), record.since, 100)
    assert list(found.host) == [1, 2, 1]
    assert {len(getattr(found, name)) for name in COLUMNS} == {3}
    assert (found.limit_per_host, found.timeout, found.keep) == (2, 2.0, 15.0)


async def followed(leaping: Dashboard, clock: Leaping, busy: Demand, **then: float) -> Comparison:
    """A session that was asked for `busy` beside its successor, which has other options."""
    async with session(limit=20, limit_per_host=4) as http:
        with leaping.watch(http, name="bank"):
            clock.advance(400)
            ((_, record),) = leaping._watches.records()
            for host in ("one:80", "other:80"):
                record.trace.hosts[host]  # What is asked for is numbered.
            remember(record, busy)
            record.past.count("got", [record.now() - 2.0] * 40)
            record.past.count("returned", [record.now() - 1.5] * 40)
            leaping.snapshot()
    async with served(hello) as url, session(**then) as http:
        leaping.watch(http, name="bank")
        leaping.snapshot()
        clock.advance(2)
        await read(http, url)
        clock.advance(40)
        (found,) = compared(leaping)
    return found


async def test_successor_is_predicted_with_its_limit_to_each_host(
    leaping: Dashboard, clock: Leaping, busy: Demand
) -> None:
    found = await followed(leaping, clock, busy, limit=20, limit_per_host=8, connect=5.0)
    assert set(found.changed) == {Changed("limit_per_host", 4, 8), Changed("connect", 2.0, 5.0)}
    assert found.expected.requests == 12_000
    row = found.expected.row
    assert row is not None
    assert (row.size, row.limit_per_host, found.timeout) == (20, 8, 5.0)
    assert "before, with limit_per_host 4 -> 8, connect 2.0 -> 5.0." in " ".join(sentences(found))


async def test_limit_to_each_host_alone_is_a_bound(
    leaping: Dashboard, clock: Leaping, busy: Demand
) -> None:
    row = (await followed(leaping, clock, busy, limit=0, limit_per_host=3)).expected.row
    assert row is not None
    assert (row.size, row.limit_per_host) == (6, 3)  # Of two hosts.


async def test_pool_without_any_limit_cannot_be_predicted(
    leaping: Dashboard, clock: Leaping, busy: Demand
) -> None:
    found = await followed(leaping, clock, busy, limit=0)
    assert found.expected.reason == "the pool has no bound after it, so nobody waits for a slot"


def test_change_says_what_differs_alone() -> None:
    then = Shape(Slots(size=20, overflow=0, timeout=2.0, limit_per_host=4), {})
    assert _change(then, then) == Change()
    free = Shape(Slots(size=20, overflow=0), {})
    assert _change(then, free) == Change(timeout=float("inf"), limit_per_host=0)
    assert _change(then, Shape(replace(then.slots, size=None, overflow=-1), {})) == Change()
    other = Shape(Slots(size=20, overflow=3, timeout=1.0, limit_per_host=6), {})
    assert _change(then, other) == Change(timeout=1.0, overflow=3, limit_per_host=6)


@pytest.mark.parametrize(("connect", "patience"), [(0, None), (None, None), (1.5, 1.5)])
async def test_connect_of_zero_waits_for_ever(
    leaping: Dashboard, connect: float | None, patience: float | None
) -> None:
    given = aiohttp.ClientTimeout(connect=connect)
    async with aiohttp.ClientSession(timeout=given) as http:
        leaping.watch(http, name="bank")
        ((watch, _),) = leaping._watches.records()
        assert Slots.of(watch.probe).timeout == patience
