"""R16 to R19."""

from dataclasses import replace

import pytest

from dashboard.analysis import twins
from dashboard.analysis.case import Case
from dashboard.analysis.rules.lifetimes import (
    elsewhere,
    never_closed,
    per_request,
    session_per_request,
)
from dashboard.model.seen import Birth, Home, Seen
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import SITE, asyncpg_pool, connector, pool, times

ENGINES = Birth(
    call_site=SITE,
    library="sqlalchemy",
    kind="engine",
    address="db:5432/shop",
    count=40,
    alive=2,
    ended=38,
    checkouts=48,
    times=tuple(float(n) for n in range(1, 41)),
)
SESSIONS = replace(ENGINES, library="aiohttp", kind="session", address="")


def made(*births: Birth) -> Seen:
    return Seen(births=births)


def test_engine_for_each_request_is_made_once() -> None:
    shown = pool(lifetime={"create_time": times(0.02)})
    advice = per_request(Case(pool=shown, seen=made(ENGINES)))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R16", "warning")
    assert advice.title == "shop/orders.py:88 makes engine after engine"
    assert advice.evidence[0] == (
        "shop/orders.py:88 place_order made 40 engines for db:5432/shop; 2 are alive, 1.2 "
        "checkouts each."
    )
    assert "+async def lifespan(app):" in advice.change
    assert "+        await engine.dispose()" in advice.change


@pytest.mark.parametrize(
    "birth",
    [
        replace(ENGINES, count=3, alive=3, times=(1.0, 2.0, 3.0)),
        replace(ENGINES, count=4, alive=1, times=(700.0, 2000.0, 4000.0, 9000.0)),
        SESSIONS,
    ],
)
def test_a_few_engines_are_fine(birth: Birth) -> None:
    assert per_request(Case(pool=pool(), seen=made(birth))) is None


def test_null_pools_may_be_made_often() -> None:
    assert per_request(Case(pool=pool(kind="NullPool"), seen=made(ENGINES))) is None


def test_second_pool_to_the_same_database_is_told_once() -> None:
    seen = Seen(twins=("orders", "orders (2)"))
    first = replace(pool(), born_at=SITE)
    second = replace(first, name="orders (2)")
    advice = per_request(Case(pool=first, pools=(first, second), seen=seen))
    assert advice is not None
    assert (advice.severity, advice.title) == ("info", "2 pools lead to the same database")
    assert advice.evidence[0].endswith("They are made at shop/orders.py:88, shop/orders.py:88.")
    assert per_request(Case(pool=second, pools=(first, second), seen=seen)) is None


def test_second_pool_with_other_options_may_be_meant() -> None:
    seen = Seen(twins=("orders", "orders (2)"))
    first = pool()
    second = replace(first, name="orders (2)", config={**first.config, "pool_size": 3})
    advice = per_request(Case(pool=first, pools=(first, second), seen=seen))
    assert advice is not None
    assert advice.confidence == "low"
    assert advice.evidence[0].endswith("same place, other options: pool_size 5, 3.")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("localhost:5432/shop", "127.0.0.1:5432/shop", True),
        ("[::1]:5432/shop", "localhost:5432/shop", True),
        ("localhost/shop", "127.0.0.1/shop", True),
        ("localhost:5432/shop", "localhost:5433/shop", False),
        ("localhost:5432/shop", "localhost:5432/stock", False),
        ("db:5432/shop", "127.0.0.1:5432/shop", False),
    ],
)
def test_place_may_be_spelled_in_several_ways(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001
    first = replace(pool(), address=one, count=1)
    second = replace(first, name="orders (2)", address=other)
    found = twins.of(first, {each.name: each for each in (first, second)})
    assert (found == ("orders", "orders (2)")) is is_same


def test_session_for_each_request_is_made_once() -> None:
    advice = session_per_request(Case(pool=connector(), seen=made(SESSIONS)))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R17", "warning")
    assert "+    async with aiohttp.ClientSession() as session:" in advice.change


@pytest.mark.parametrize(
    ("shown", "birth"),
    [
        (connector(), replace(SESSIONS, checkouts=200)),
        (connector(), replace(SESSIONS, count=3, alive=3, times=(1.0, 2.0, 3.0))),
        (pool(), ENGINES),
    ],
)
def test_sessions_that_serve_many_are_fine(shown: PoolSnapshot, birth: Birth) -> None:
    assert session_per_request(Case(pool=shown, seen=made(birth))) is None


def test_pool_that_nobody_closed_is_told() -> None:
    advice = never_closed(Case(pool=pool(), seen=made(replace(ENGINES, unclosed=7))))
    assert advice is not None
    assert (advice.rule, advice.title) == ("R18", "shop/orders.py:88 does not close its engines")
    assert advice.evidence == (
        ("7 of 40 engines that shop/orders.py:88 place_order made were dropped while open."),
    )
    assert never_closed(Case(pool=pool(), seen=made(ENGINES))) is None


def test_pool_whose_loop_is_gone_is_told() -> None:
    ended = Seen(home=Home(is_loop_closed=True))
    advice = never_closed(Case(pool=asyncpg_pool(count=3), seen=ended))
    assert advice is not None
    assert advice.evidence == ("3 connections were open when the loop was closed.",)
    assert never_closed(Case(pool=asyncpg_pool(state="closed"), seen=ended)) is None


def test_pool_used_after_a_fork_is_told() -> None:
    forked = Seen(home=Home(made_in_pid=100, used_in_pid=101))
    advice = elsewhere(Case(pool=pool(), seen=forked))
    assert advice is not None
    assert (advice.rule, advice.severity) == ("R19", "critical")
    assert advice.evidence == ("Connected in process 100, used in 101.",)
    assert "engine.dispose(close=False)" in advice.change
    other = elsewhere(Case(pool=asyncpg_pool(), seen=Seen(home=Home(is_other_loop=True))))
    assert other is not None
    assert other.evidence == ("Its connections belong to one event loop, another one used them.",)
    assert other.title == "The pool is used in another event loop"


def test_pool_used_at_home_is_fine() -> None:
    home = Home(made_in_pid=100, used_in_pid=100)
    assert elsewhere(Case(pool=pool(), seen=Seen(home=home))) is None
    assert elsewhere(Case(pool=pool())) is None
