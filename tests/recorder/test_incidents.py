"""The black box: one episode for each time that a pool runs out, frozen as it was, bounded."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from dashboard.model.claim import GOT, OWNER, REF, SITE, Claim, is_unreferenced
from dashboard.model.ports import Facts
from dashboard.recorder import incidents
from dashboard.recorder.feed import Feed
from dashboard.recorder.incidents import BYTES, Episode, Shelf, limit_of, name_of
from dashboard.recorder.pool import PoolRecord

from .given import SITES, Clock, Strangers, ask, connections, take


@dataclass
class Settings:
    """A pool of two."""

    config: Mapping[str, object] = field(default_factory=dict)
    most: int | None = 2

    def settings(self) -> Mapping[str, object]:
        """By name."""
        return self.config

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """Size, max, and no idle_min."""
        return self.most, self.most, None


def look(record: PoolRecord, **settings: Any) -> None:
    record.box.look(cast("Facts", Settings(**settings)))


def boxed(clock: Clock, shelf: Shelf, name: str = "orders") -> PoolRecord:
    return PoolRecord(name, clock, Feed(), Strangers(), shelf)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def pool(clock: Clock, shelf: Shelf) -> PoolRecord:
    record = boxed(clock, shelf)
    connections(record, 2)
    return record


def time_out(record: PoolRecord, clock: Clock, after: float = 30.0) -> Claim:
    claim = ask(record, SITES[3])
    clock.now += after
    record.ledger.failed(claim, "timeout", "TimeoutError")
    return claim


def counted(shelf: Shelf) -> list[tuple[str, int]]:
    """Cause and time-outs of each episode."""
    for episode in shelf.episodes:
        episode.box._record.fold()
    return [(each.cause, each.timeouts) for each in shelf.episodes]


def only(shelf: Shelf) -> Episode:
    (episode,) = shelf.episodes
    return episode


def test_first_timeout_freezes_the_tables(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    take(pool, 1, SITES[0])
    take(pool, 2, SITES[1])
    waiter = ask(pool, SITES[2])
    clock.now += 1
    time_out(pool, clock)
    at = clock.now
    pool.ledger.returned(1)
    pool.ledger.got(waiter, 3, 1)
    frozen = only(shelf).frozen
    assert frozen is not None
    assert frozen.at == at
    assert [claim[SITE] for claim in frozen.ledger.open.values()] == SITES[:2]
    assert [claim[SITE] for claim in frozen.ledger.pending.values()] == SITES[2:]
    assert [claim[GOT] for claim in frozen.ledger.pending.values()] == [None, None]


def test_other_failures_freeze_nothing(pool: PoolRecord, shelf: Shelf) -> None:
    for reason in ("cancelled", "connection_error", "pool_closed"):
        pool.ledger.failed(ask(pool), reason, None)
    assert list(shelf.episodes) == []


def test_timeouts_within_a_minute_are_one(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    for _ in range(5):
        time_out(pool, clock, after=50)
    assert counted(shelf) == [("timeout", 5)]


def test_quiet_minute_ends_the_episode(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    time_out(pool, clock)
    time_out(pool, clock)
    clock.now += 60.1
    time_out(pool, clock, after=0.2)
    assert counted(shelf) == [("timeout", 2), ("timeout", 1)]
    first, second = shelf.episodes
    assert (first.is_over, second.is_over) == (True, False)
    assert first.ended == first.wall + 30


def test_long_waits_keep_it_open(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    for _ in range(3):
        time_out(pool, clock, after=120)
    assert counted(shelf) == [("timeout", 3)]


def test_episode_ends_for_whoever_looks(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    time_out(pool, clock)
    clock.now += 60
    look(pool)
    assert only(shelf).ended is None
    clock.now += 0.1
    look(pool)
    assert only(shelf).ended == only(shelf).wall


def test_reader_finds_an_exhausted_pool(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    take(pool, 1)
    take(pool, 2)
    ask(pool)
    clock.now += 1
    look(pool)
    assert list(shelf.episodes) == []
    clock.now += 0.1
    look(pool)
    look(pool)
    assert counted(shelf) == [("exhausted", 0)]


@pytest.mark.parametrize(
    ("config", "limit"),
    [({}, 5.0), ({"pool_timeout": 30.0}, 5.0), ({"pool_timeout": 0.2}, 0.1), ({"connect": 4}, 2.0)],
)
def test_reader_finds_a_long_wait(
    pool: PoolRecord, clock: Clock, shelf: Shelf, config: Mapping[str, object], limit: float
) -> None:
    take(pool, 1)
    ask(pool)
    clock.now += limit * 0.99
    look(pool, config=config)
    assert list(shelf.episodes) == []
    clock.now += limit * 0.02
    look(pool, config=config)
    assert counted(shelf) == [("long_wait", 0)]


def test_unusable_timeouts_leave_the_default() -> None:
    for given in (None, 0, -1, "soon"):
        assert limit_of({"pool_timeout": given}) == 5.0


def test_timeout_is_the_better_picture(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    take(pool, 1, SITES[0])
    take(pool, 2, SITES[0])
    claim = ask(pool)
    clock.now += 2
    look(pool)
    name, began = only(shelf).id, clock.now
    clock.now += 28
    pool.ledger.failed(claim, "timeout", None)
    clock.now += 1
    time_out(pool, clock, after=10)
    episode = only(shelf)
    assert counted(shelf) == [("timeout", 2)]
    assert (episode.id, episode.began) == (name, began)
    assert episode.frozen is not None
    assert episode.frozen.at == began + 28


def test_threads_that_time_out_together_are_one(pool: PoolRecord, shelf: Shelf) -> None:
    gate = threading.Barrier(16)

    def give_up() -> None:
        claim = ask(pool)
        gate.wait()
        pool.ledger.failed(claim, "timeout", None)

    threads = [threading.Thread(target=give_up) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(shelf) == [("timeout", 16)]


def test_each_pool_keeps_its_last_twenty(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    for _ in range(25):
        time_out(pool, clock)
        clock.now += 100
    assert len(shelf.episodes) == 20
    assert shelf.episodes[0].began == 1030 + 5 * 130


def test_dashboard_keeps_two_hundred(clock: Clock, shelf: Shelf) -> None:
    for number in range(15):
        record = boxed(clock, shelf, f"pool-{number}")
        for _ in range(20):
            time_out(record, clock)
            clock.now += 100
    assert len(shelf.episodes) == 200
    assert {each.pool for each in shelf.episodes} == {f"pool-{number}" for number in range(5, 15)}
    assert len({each.id for each in shelf.episodes}) == 200


def test_crowds_are_cut_and_bounded_in_bytes(clock: Clock, shelf: Shelf) -> None:
    for number in range(30):
        record = boxed(clock, shelf, f"pool-{number}")
        connections(record, 300)
        for lease in range(1, 301):
            take(record, lease)
        for _ in range(300):
            ask(record)
        time_out(record, clock)
    newest = shelf.episodes[-1].frozen
    assert newest is not None
    assert (len(newest.ledger.open), len(newest.ledger.pending)) == (200, 200)
    assert (newest.ledger.used, newest.ledger.pending_requests) == (300, 301)
    assert BYTES / 2 < shelf.memory <= BYTES
    assert shelf.episodes[-1].pool == "pool-29"


def test_fork_forgets_the_episode(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    time_out(pool, clock)
    shelf.reset()
    pool.reset()
    assert list(shelf.episodes) == []
    time_out(pool, clock)
    assert counted(shelf) == [("timeout", 1)]


def test_failing_box_leaves_the_ledger_alone(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    def fails(_: object) -> list[Any]:
        raise ZeroDivisionError

    pool.box.doing = fails
    time_out(pool, clock)
    pool.fold()
    assert (pool.failures["timeout"], len(pool.ledger.pending)) == (1, 0)
    assert (pool.ledger.errors, pool.ledger.last_error) == (1, "black box: ZeroDivisionError")
    assert list(shelf.episodes) == []


def test_what_ends_later_was_alive_then(pool: PoolRecord, clock: Clock, shelf: Shelf) -> None:
    class Thing:
        """Something to refer to."""

    alive: list[object] = [Thing()]
    for lease, referred in ((1, lambda: alive[0] if alive else None), (2, lambda: None)):
        take(pool, lease)[REF] = referred
    time_out(pool, clock)
    alive.clear()
    frozen = only(shelf).frozen
    assert frozen is not None
    kept, gone = frozen.ledger.open.values()
    assert (is_unreferenced(kept), is_unreferenced(gone)) == (False, True)
    assert kept[OWNER].is_alive()
    assert kept[OWNER].name == threading.current_thread().name


def test_ids_are_safe_in_addresses() -> None:
    noon = 1795348800.0
    plain = name_of("orders", noon)
    assert plain.startswith("orders-20261122-")
    odd = [name_of(name, noon) for name in ("a/b", "a b", "Ä" * 200, "\udcff", "x" * 200)]
    assert len(set(odd)) == 5
    for each in odd:
        assert each.isascii()
        assert each == each.lower()
        assert len(each) < 80
        assert set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_same_second_gets_a_number(clock: Clock, shelf: Shelf, monkeypatch: Any) -> None:
    monkeypatch.setattr(incidents, "name_of", lambda *_: "orders-20261122-134501")
    for name in ("orders", "orders (2)"):
        time_out(boxed(clock, shelf, name), clock)
    assert [each.id for each in shelf.episodes] == [
        "orders-20261122-134501",
        "orders-20261122-134501-2",
    ]
