"""R25, R26 and R28."""

from dataclasses import replace

import pytest

from dashboard.analysis.case import Case
from dashboard.analysis.rules.http import lookups, mismatch, starving
from dashboard.model.seen import Closing, HostUse, Seen
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import connector, options, pool, times

BANK = HostUse(host="bank:443", used=8, waiting=8, total_used=20)
SHOP = HostUse(host="shop:443", used=4, waiting=0, total_used=20)


def test_host_at_its_limit_gets_more() -> None:
    shown = connector(config={"limit_per_host": 8})
    advice = starving(Case(pool=shown, seen=Seen(hosts=(SHOP, BANK))))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R25", "medium")
    assert advice.title == "Requests to bank:443 wait while the connector has room"
    assert options(advice) == ["-    limit_per_host=8,", "+    limit_per_host=24,"]


def test_host_with_everything_gets_a_limit() -> None:
    hog = replace(BANK, used=19, total_used=20, waiting=0)
    advice = starving(
        Case(
            pool=connector(config={"limit": 20}),
            seen=Seen(hosts=(hog, replace(SHOP, used=1, waiting=5))),
        )
    )
    assert advice is not None
    assert options(advice)[:2] == ["-    limit_per_host=0,", "+    limit_per_host=10,"]


@pytest.mark.parametrize(
    "hosts",
    [(), (replace(BANK, waiting=0), SHOP), (BANK,), (replace(BANK, total_used=100), SHOP)],
)
def test_hosts_with_room_do_not_starve(hosts: tuple[HostUse, ...]) -> None:
    assert starving(Case(pool=connector(), seen=Seen(hosts=hosts))) is None
    full = Seen(hosts=tuple(replace(each, total_used=100) for each in hosts))
    assert starving(Case(pool=connector(config={"limit_per_host": 8}), seen=full)) is None


BROKEN = Closing(reason="error", ago=5.0, age=60.0, idle_before=5.2, used_for=0.002)


def test_reuse_that_fails_shortens_the_keepalive() -> None:
    advice = mismatch(Case(pool=connector(), seen=Seen(closings=(BROKEN,))))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R26", "high")
    assert options(advice) == ["-    keepalive_timeout=15,", "+    keepalive_timeout=4,"]
    odd = replace(BROKEN, idle_before=1.0)
    quick = mismatch(Case(pool=connector(), seen=Seen(closings=(odd,))))
    assert options(quick)[1] == "+    keepalive_timeout=0.8,"


@pytest.mark.parametrize(
    ("shown", "closing"),
    [
        (connector(config={"force_close": True}), BROKEN),
        (connector(config={"keepalive_timeout": 4.0}), BROKEN),
        (connector(), replace(BROKEN, used_for=3.0)),
        (connector(), replace(BROKEN, reason="idle")),
        (pool(), BROKEN),
    ],
)
def test_other_failures_are_no_mismatch(shown: PoolSnapshot, closing: Closing) -> None:
    assert mismatch(Case(pool=shown, seen=Seen(closings=(closing,)))) is None


LOOKED_UP = connector(
    phases={"dns": times(0.02, count=40), "connect": times(0.05, count=40)},
    created=40,
    checkouts=400,
)


def test_dear_lookups_are_remembered_longer() -> None:
    advice = lookups(Case(pool=LOOKED_UP))
    assert advice is not None
    assert (advice.rule, advice.confidence) == ("R28", "low")
    assert options(advice) == ["-    ttl_dns_cache=10,", "+    ttl_dns_cache=60,"]


def test_address_that_is_believed_for_ever_is_told() -> None:
    shown = connector(config={"ttl_dns_cache": None}, failures={"connection_error": 3})
    assert options(lookups(Case(pool=shown))) == ["+    ttl_dns_cache=60,"]
    assert lookups(Case(pool=replace(shown, failures={}))) is None


@pytest.mark.parametrize(
    "shown",
    [
        replace(LOOKED_UP, checkouts=40_000),
        replace(
            LOOKED_UP, phases={"dns": times(0.001, count=40), "connect": times(0.05, count=40)}
        ),
        replace(LOOKED_UP, phases={"dns": times(0.02, count=9), "connect": times(0.05)}),
        connector(),
    ],
)
def test_rare_or_cheap_lookups_are_fine(shown: PoolSnapshot) -> None:
    assert lookups(Case(pool=shown)) is None
