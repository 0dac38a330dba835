"""Hosts with a limit each: the replay beside aiohttp's own connector."""

import random
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.analysis import chains
from dashboard.analysis.hosts import Limits, replay_hosts
from dashboard.analysis.replay import Load, Replayed, replay
from dashboard.analysis.whatif import HOSTED, predict
from dashboard.model.whatif import Change
from tests.analysis import connectors
from tests.analysis.traces import bursty, full_replay, recorded


def requests(
    seed: int, count: int, hosts: int, patience: tuple[float | None, ...] = (None,)
) -> list[connectors.Asking]:
    """No two things happen at the same instant."""
    chance, now = Random(seed), 0.0
    asked = []
    for _ in range(count):
        now += chance.expovariate(4.0)
        hold = chance.expovariate(1.0)
        asked.append((now, hold, chance.randrange(hosts) + 1, chance.choice(patience)))
    return asked


def replayed(asked: Sequence[connectors.Asking], limits: Limits, seed: int = 0) -> Replayed:
    patience = [inf if each[3] is None else each[3] for each in asked]
    load = Load([each[0] for each in asked], [each[1] for each in asked], patience)
    return replay_hosts(load, [each[2] for each in asked], limits, None, seed)


def as_connector(asked: Sequence[connectors.Asking], limits: Limits) -> list[float | None]:
    """The same by aiohttp itself, in its own words for `no limit`."""
    keep = 1e6 if limits.keep == inf else limits.keep
    return connectors.waits(asked, limits.slots or 0, limits.per_host or 0, keep)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("hosts", "limits"),
    [
        (1, Limits(3)),
        (1, Limits(3, keep=0)),
        (1, Limits(9, 2)),
        (3, Limits(None, 1)),
        (3, Limits(None, 2, keep=0)),
        (2, Limits(4, 2)),
    ],
)
def test_replay_waits_as_the_connector_does(hosts: int, limits: Limits, seed: int) -> None:
    asked = requests(seed, 60, hosts, (None, 0.7, 3.0))
    done = replayed(asked, limits)
    ours: list[float | None] = [0.0] * len(asked)
    for i, wait in zip(done.waited, done.waits, strict=True):
        ours[i] = wait
    for i in done.left:
        ours[i] = None
    theirs = as_connector(asked, limits)
    assert [wait is None for wait in ours] == [wait is None for wait in theirs]
    assert [wait or 0.0 for wait in ours] == pytest.approx([each or 0.0 for each in theirs])
    assert done.waited


def test_hosts_share_a_limit_as_in_the_connector() -> None:
    """Which host goes next is drawn, so that only means can be compared."""
    random.seed(1)
    limits = Limits(4, 3)
    ours, theirs = [], []
    for seed in range(60):
        asked = requests(seed, 150, 3)
        done = replayed(asked, limits, seed)
        ours.append(sum(done.waits) / len(asked))
        theirs.append(fmean(wait or 0.0 for wait in as_connector(asked, limits)))
    assert fmean(theirs) > 0.3
    assert fmean(ours) == pytest.approx(fmean(theirs), rel=0.1)


def test_idle_connection_is_taken_whatever_the_limit() -> None:
    # The first host's connection is idle as the second takes the only slot.
    asked = [(0.0, 1.0, 1, None), (2.0, 5.0, 2, None), (3.0, 1.0, 1, None), (4.5, 1.0, 2, None)]
    assert replayed(asked, Limits(1)).waits == [2.5]
    assert as_connector(asked, Limits(1)) == pytest.approx([0.0, 0.0, 0.0, 2.5])
    assert replayed(asked[:3], Limits(1, keep=0)).waits == [4.0]
    assert as_connector(asked[:3], Limits(1, keep=0)) == pytest.approx([0.0, 0.0, 4.0])


def test_host_limit_leaves_the_other_hosts_alone() -> None:
    load = Load([0.0, 0.1, 0.2, 0.3], [1.0, 1.0, 1.0, 1.0])
    done = replay_hosts(load, [1, 1, 2, 1], Limits(3, 1))
    assert done.waited == [1, 3]
    assert done.waits == pytest.approx([0.9, 1.7])


def test_unknown_hosts_have_no_limit_of_their_own() -> None:
    load = Load([0.0, 0.1, 0.2], [1.0, 1.0, 1.0])
    assert replay_hosts(load, [0, 0, 0], Limits(None, 1)).waited == []
    assert replay_hosts(load, [0, 0, 0], Limits(2, 1)).waited == [2]


TIMES = st.integers(0, 40).map(lambda n: n / 4)
ASKED = st.lists(
    st.tuples(TIMES, TIMES, st.integers(1, 3), st.sampled_from((0.0, 0.25, 1.0, inf))), min_size=1
)


@given(ASKED, st.integers(1, 4))
def test_without_a_shared_limit_each_host_is_a_pool(
    asked: list[tuple[float, float, int, float]], per_host: int
) -> None:
    asked.sort(key=lambda each: each[0])
    arrivals, holds, hosts, patience = map(list, zip(*asked, strict=True))
    load = Load(arrivals, holds, patience)
    done = replay_hosts(load, hosts, Limits(None, per_host))
    waits = dict(zip(done.waited, done.waits, strict=True))
    for host in set(hosts):
        own = [i for i, each in enumerate(hosts) if each == host]
        alone, left = full_replay(
            [arrivals[i] for i in own],
            [load.holds[i] for i in own],
            per_host,
            [patience[i] for i in own],
        )
        assert {own[i]: wait for i, wait in alone.items()} == pytest.approx(
            {i: wait for i, wait in waits.items() if hosts[i] == host and wait > 0}
        )
        assert [own[i] for i in left] == [i for i in done.left if hosts[i] == host]


def test_one_host_is_first_come_first_served() -> None:
    arrivals, holds = bursty(3000, 3)
    load = Load(arrivals, holds, timeout=0.2)
    one, other = replay(load, 6), replay_hosts(load, [1] * 3000, Limits(6))
    assert other.waited == one.waited
    assert other.waits == pytest.approx(one.waits)
    assert other.left == one.left


def test_callers_that_come_again_do_so_at_hosts_too() -> None:
    arrivals = [0.0, 0.1, 1.5, 1.6]
    links = chains.links(arrivals, [1.0, 1.1, 2.5, 2.6], [1, 2, 1, 2])
    load = Load(arrivals, [1.0] * 4)
    one = chains.replay_chained(load, links, 1)
    other = replay_hosts(load, [1] * 4, Limits(None, 1), links)
    assert dict(zip(other.waited, other.waits, strict=True)) == pytest.approx(
        dict(zip(one.waited, one.waits, strict=True))
    )
    assert other.asks == pytest.approx(one.asks)


def test_other_limit_per_host_is_asked_for() -> None:
    demand = replace(
        recorded(*bursty(HOSTED, 1), size=100, semantics="aiohttp"),
        host=[1 + n % 2 for n in range(HOSTED)],
        limit_per_host=4,
    )
    rows = {each: predict(demand, [100], Change(limit_per_host=each)).rows[0] for each in (0, 4, 6)}
    assert [row.limit_per_host for row in rows.values()] == [0, 4, 6]
    assert rows[0].p95 == 0.0
    assert rows[4].p95 is not None
    assert rows[6].p95 is not None
    assert rows[4].p95 > 4 * rows[6].p95 > 0.0


def test_hosts_are_told_of_in_words() -> None:
    demand = replace(
        recorded(*bursty(12_000, 1), size=10, semantics="aiohttp"),
        host=[0, *(1 + n % 3 for n in range(11_999))],
        limit_per_host=4,
    )
    told = " ".join(predict(demand, [10]).sentences)
    assert "3 hosts have a queue each; limit_per_host is 4." in told
    unknown = predict(replace(demand, host=[n % 3 for n in range(12_000)]), [10])
    assert "Of 33% the host is unknown: approximate." in " ".join(unknown.sentences)
    assert unknown.rows[0].grade == "C"


def test_size_beyond_the_most_taken_is_not_replayed_again() -> None:
    asked = requests(3, 300, 3)
    done = replayed(asked, Limits(None, 2))
    assert done.most is not None
    assert done.waited
    for slots in (done.most + 1, done.most + 7):
        same = replayed(asked, Limits(slots, 2))
        assert (same.waited, same.waits) == (done.waited, done.waits)
    assert replayed(asked, Limits(done.most - 1, 2)).waits != done.waits
