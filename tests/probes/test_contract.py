"""Every probe keeps the same contract, whatever the library and the sink."""

import asyncio
import gc
import linecache
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dashboard.demo.postgres import Postgres
from dashboard.probes import tap
from dashboard.probes.swap import probe_of

from .contract import Case, EmitterEyes, Eyes, LedgerEyes, cases, until

_HERE = "tests/probes/case_"
ALL = list(cases())
WAITING = [case for case in ALL if case.can_wait]
BOUNDED = [case for case in ALL if case.is_bounded]
SINKS = pytest.mark.parametrize("kind", [LedgerEyes, EmitterEyes], ids=["ledger", "emitter"])


def over(chosen: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


@pytest.fixture
async def opened(case: Case, postgres: Postgres) -> AsyncIterator[Any]:
    pool = await case.open(postgres, 2, 5.0)
    yield pool
    await case.close(pool)


def check(case: Case, pool: Any, eyes: Eyes, used: int) -> None:
    """At a quiet point: what we count is what the pool counts."""
    own = case.own(pool)
    assert (eyes.used, eyes.waiting, eyes.errors) == (used, 0, 0)
    if own is not None:
        assert own[0] == used
        assert eyes.idle in {own[1], None}


async def take(case: Case, pool: Any, count: int) -> list[Any]:
    return [await case.checkout(pool) for _ in range(count)]


@over(ALL)
async def test_events_come_in_order(case: Case, opened: Any) -> None:
    eyes = EmitterEyes()
    tapped = tap(opened, eyes.sink)
    first = await case.checkout(opened)
    await case.checkin(opened, first)
    await until(lambda: "CheckedIn" in eyes.names)
    began = ["CheckoutStarted", "ConnectionCreated", "ConnectionReady", "CheckedOut", "CheckedIn"]
    assert eyes.names == [*began, *([] if case.keeps else ["ConnectionClosed"])]
    created, ready, got = (eyes.of(name)[0].connection for name in began[1:4])
    assert created == ready == got == 1
    tapped.remove(eyes.sink)


@SINKS
@over(ALL)
async def test_counts_equal_the_pools_own(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    for _ in range(3):
        connection = await case.checkout(opened)
        check(case, opened, eyes, 1)
        await case.checkin(opened, connection)
        await until(lambda: eyes.used == 0)
        check(case, opened, eyes, 0)
    assert (eyes.returned, eyes.created) == (3, 1 if case.keeps else 3)
    assert eyes.closed == ({} if case.keeps else {"idle": 3})
    tapped.remove(eyes.sink)


@SINKS
@over(ALL)
async def test_connections_out_are_adopted(case: Case, opened: Any, kind: type[Any]) -> None:
    out = await case.checkout(opened)
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    if kind is LedgerEyes:
        check(case, opened, eyes, 1)
        assert eyes.sites[0][0].function == "(before the watch)"
    await case.checkin(opened, out)
    await until(lambda: eyes.returned == 1)
    check(case, opened, eyes, 0)
    again = await case.checkout(opened)
    assert (eyes.used, eyes.created) == (1, 0 if case.keeps else 1)
    await case.checkin(opened, again)
    tapped.remove(eyes.sink)


@SINKS
@over(ALL)
async def test_call_site_is_the_users_line(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    for _ in range(3):  # walked, remembered, jumped to
        connection = await case.checkout(opened)
        ((site, owner),) = eyes.sites
        assert site.file.startswith(_HERE)
        assert (site.function, owner) == (case.function, case.owner)
        line = linecache.getline(site.file, site.line)
        assert line.strip().startswith("return ")
        await case.checkin(opened, connection)
        await until(lambda: eyes.used == 0)
    tapped.remove(eyes.sink)


@SINKS
@over(WAITING)
async def test_waiting_is_counted_while_waiting(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    out = await take(case, opened, 2)
    waiter = asyncio.create_task(case.checkout(opened))
    await until(lambda: eyes.waiting == 1)
    assert eyes.used == 2
    await case.checkin(opened, out.pop())
    out.append(await waiter)
    check(case, opened, eyes, 2)
    for connection in out:
        await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    check(case, opened, eyes, 0)
    tapped.remove(eyes.sink)


@SINKS
@over(BOUNDED)
async def test_timeout_is_a_timeout(case: Case, postgres: Postgres, kind: type[Any]) -> None:
    pool = await case.open(postgres, 1, 0.05)
    eyes = kind()
    tapped = tap(pool, eyes.sink)
    out = await case.checkout(pool)
    with pytest.raises(Exception, match=r"(?i)time.?out|already checked out|^$"):
        await case.checkout(pool)
    assert eyes.failures == {"timeout": 1}
    check(case, pool, eyes, 1)
    await case.checkin(pool, out)
    await until(lambda: eyes.used == 0)
    tapped.remove(eyes.sink)
    await case.close(pool)


@SINKS
@over([case for case in WAITING if case.can_cancel])
async def test_cancelled_waiter_is_cancelled(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    out = await take(case, opened, 2)
    waiter = asyncio.create_task(case.checkout(opened))
    await until(lambda: eyes.waiting == 1)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert eyes.failures == {"cancelled": 1}
    check(case, opened, eyes, 2)
    for connection in out:
        await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    check(case, opened, eyes, 0)
    tapped.remove(eyes.sink)


@SINKS
@over([case for case in ALL if case.closes])
async def test_closed_pool_refuses(case: Case, postgres: Postgres, kind: type[Any]) -> None:
    pool = await case.open(postgres, 2, 5.0)
    eyes = kind()
    tapped = tap(pool, eyes.sink)
    await case.checkin(pool, await case.checkout(pool))
    await until(lambda: eyes.used == 0)
    await case.close(pool)
    with pytest.raises(Exception, match=r"(?i)clos"):
        await case.checkout(pool)
    assert eyes.failures == {"pool_closed": 1}
    assert eyes.closed == {"pool_closed": 1}
    check(case, pool, eyes, 0)
    tapped.remove(eyes.sink)


@SINKS
@over(ALL)
async def test_refused_connect_is_its_error(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    await case.break_down(opened)
    with pytest.raises(Exception):  # noqa: B017, PT011 -- each library its own
        await case.checkout(opened)
    assert eyes.failures == {"connection_error": 1}
    check(case, opened, eyes, 0)
    tapped.remove(eyes.sink)


@SINKS
@over([case for case in ALL if case.can_kill])
async def test_killed_connection_closes_with_error(
    case: Case, opened: Any, kind: type[Any]
) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    connection = await case.checkout(opened)
    await case.kill(opened, connection)
    await case.checkin(opened, connection)
    await until(lambda: eyes.used == 0)
    assert eyes.closed == {"error": 1}
    check(case, opened, eyes, 0)
    await case.checkin(opened, await case.checkout(opened))
    await until(lambda: eyes.used == 0)
    check(case, opened, eyes, 0)
    assert eyes.created == 2
    tapped.remove(eyes.sink)


@SINKS
@over([case for case in ALL if case.reclaims])
async def test_leak_is_lost_where_taken(case: Case, opened: Any, kind: type[Any]) -> None:
    eyes = kind()
    tapped = tap(opened, eyes.sink)
    leaked = await case.checkout(opened)
    assert eyes.sites[0][0].function == case.function
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy warns of it, too
        del leaked
        gc.collect()
        await until(lambda: eyes.lost == 1)
    check(case, opened, eyes, 0)
    tapped.remove(eyes.sink)


@over(ALL)
async def test_stop_restores_the_class(case: Case, opened: Any) -> None:
    await case.checkin(opened, await case.checkout(opened))
    before = [(type(each), _names(each)) for each in case.hooked(opened)]
    eyes = LedgerEyes()
    tapped = tap(opened, eyes.sink)
    await case.checkin(opened, await case.checkout(opened))
    await until(lambda: eyes.used == 0)
    assert [each.__class__ for each in case.hooked(opened)] == [kind for kind, _ in before]
    assert tapped.remove(eyes.sink) is True
    after = [(type(each), _names(each)) for each in case.hooked(opened)]
    assert after == before
    await case.checkin(opened, await case.checkout(opened))
    assert eyes.returned == 1


@over(ALL)
async def test_two_sinks_see_the_same(case: Case, opened: Any) -> None:
    first, second = LedgerEyes(), EmitterEyes()
    tapped = tap(opened, first.sink)
    held = await case.checkout(opened)
    assert tap(opened, second.sink) is tapped
    await case.checkin(opened, held)
    await until(lambda: first.used == 0)
    held = await case.checkout(opened)
    assert (first.used, second.used) == (1, 1)
    assert first.sites == second.sites
    assert tapped.remove(first.sink) is False
    await case.checkin(opened, held)
    await until(lambda: second.used == 0)
    assert (first.returned, second.returned) == (1, 2)
    assert tapped.remove(second.sink) is True
    assert [probe_of(each) for each in case.hooked(opened)] == [None] * len(case.hooked(opened))


def _names(obj: Any) -> set[str]:
    return set(getattr(obj, "__dict__", ()))
