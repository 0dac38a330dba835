import re

import pytest

from dashboard.demo.client import ask
from dashboard.demo.fault import Fault

from .conftest import Site, out
from .waiting import until


def fault(site: Site, name: str) -> Fault:
    found = site.faults.get(name)
    assert found is not None
    assert not found.is_on
    return found


@pytest.mark.slow
async def test_forgotten_release_holds_three_until_off(site: Site) -> None:
    leak = fault(site, "forgotten_release")
    pool = site.shop.pools.orders.pool
    leak.on()
    await until(lambda: out(pool) == 3)
    await until(lambda: leak.tally.errors == {"DamagedRowError": 3})
    assert leak.holds == "3 connections"
    await leak.off()
    assert (out(pool), leak.holds, leak.is_on) == (0, "", False)


@pytest.mark.slow
async def test_slow_call_holds_a_session_each(site: Site) -> None:
    slow = fault(site, "slow_call_inside")
    pool = site.shop.pools.orders.pool
    slow.on()
    await until(lambda: out(pool) >= 2)
    await until(lambda: slow.tally.answered >= 1)
    await slow.off()
    await until(lambda: out(pool) == 0)
    assert slow.tally.failed == 0


@pytest.mark.slow
async def test_nested_checkouts_block_each_other(site: Site) -> None:
    nested = fault(site, "nested_checkouts")
    pool = site.shop.pools.orders.pool
    nested.on()
    await until(lambda: out(pool) == 10)
    await until(lambda: nested.tally.errors["TimeoutError"] >= 2)
    await nested.off()
    await until(lambda: out(pool) == 0)


async def test_switching_off_ends_the_deadlock_at_once(site: Site) -> None:
    nested = fault(site, "nested_checkouts")
    pool = site.shop.pools.orders.pool
    nested.on()
    await until(lambda: out(pool) == 10)
    await nested.off()
    assert out(pool) == 0
    assert (await ask(site.shop.app, "GET", "/orders/5")).status == 200


@pytest.mark.slow
async def test_exhausted_pool_times_out(site: Site) -> None:
    burst = fault(site, "exhausted_pool")
    pool = site.shop.pools.reports.pool
    burst.on()
    await until(lambda: out(pool) == 4)
    await until(lambda: burst.tally.errors["TimeoutError"] >= 6)
    await until(lambda: burst.tally.answered >= 1)
    await burst.off()
    await until(lambda: out(pool) == 0)


@pytest.mark.slow
async def test_own_sessions_stay_open_until_off(site: Site) -> None:
    own = fault(site, "own_session")
    own.on()
    await until(lambda: own.holds == "2 open sessions")
    assert len(site.watched.now) >= 2
    assert all(not session.closed for session in site.shop.own_sessions.left_open)
    await own.off()
    assert (own.holds, len(site.watched.now)) == ("", 0)


@pytest.mark.slow
async def test_killed_backend_fails_its_caller_only(site: Site) -> None:
    kills = fault(site, "killed_backend")
    site.visitors.start()
    kills.on()
    await until(lambda: kills.tally.answered >= 2)
    broken = {"DBAPIError", "ConnectionDoesNotExistError", "OperationalError", "InterfaceError"}
    await until(
        lambda: any(broken & tally.errors.keys() for tally in site.visitors.tallies.values())
    )
    await kills.off()
    answered = site.visitors.tallies["order state"].answered
    await until(lambda: site.visitors.tallies["order state"].answered > answered + 5)
    await site.visitors.stop()
    await until(lambda: out(site.shop.pools.orders.pool) == 0)
    catalogue = site.shop.pools.catalogue
    await until(lambda: catalogue.get_size() - catalogue.get_idle_size() == 0)


async def test_switches_may_be_pressed_twice(site: Site) -> None:
    leak = fault(site, "forgotten_release")
    await leak.off()
    leak.on()
    leak.on()
    assert leak.is_on
    await leak.off()
    await leak.off()
    assert not leak.is_on


async def test_start_switches_one_leak_and_one_burst_on(site: Site) -> None:
    site.faults.start()
    on = [each.name for each in site.faults if each.is_on]
    assert on == ["forgotten_release", "exhausted_pool"]
    await site.faults.stop()
    assert [each.name for each in site.faults if each.is_on] == []


def test_every_fault_explains_itself() -> None:
    for kind in Fault.__subclasses__():
        assert re.fullmatch(r"[a-z_]+", kind.name)
        assert kind.title
        assert kind.what_happens.endswith(".")
        assert kind.look_for.endswith(".")
