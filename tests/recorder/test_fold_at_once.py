"""A fold is met by other threads, the garbage collector, a fork and what is broken."""

import gc
import os
import threading
from collections.abc import Callable

import pytest

from dashboard.model.claim import Claim
from dashboard.recorder.ledger import WIDTH

from .given import SITES, Clock, hold, record, take


def test_threads_fold_at_once_and_lose_nothing() -> None:
    pool = record()
    rounds = 2000

    def work(lease: int) -> None:
        for number in range(rounds):
            take(pool, lease, SITES[lease % 4])
            pool.ledger.returned(lease)
            if not number % 50:
                pool.fold()

    threads = [threading.Thread(target=work, args=(lease,)) for lease in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.fold()
    assert (pool.checkouts, pool.checkins, len(pool.trace)) == (12_000, 12_000, 12_000)
    assert (
        pool.lifetime["use"].total(),
        sum(pool.past.seconds.last("returned", pool.now(), 60)),
    ) == (12_000, 12_000)
    assert (pool.ledger.errors, pool.ledger.unmatched) == (0, 0)


class _Busy(dict[int, Claim]):
    """What is in use; once three are, two others are returned as soon as somebody has counted."""

    def __len__(self) -> int:
        found = super().__len__()
        if found == 3:
            self.pop(1)
            self.pop(2)
        return found


def test_peak_stays_whatever_others_do_meanwhile() -> None:
    pool = record()
    pool.ledger.open = _Busy()
    for lease in (1, 2, 3):
        take(pool, lease)
    assert (pool.ledger.peak, pool.ledger.peak_at) == (3, 1000.0)
    pool.ledger.reach(2)  # By a thread that counted earlier and writes later.
    assert pool.ledger.peak == 3


def test_levels_of_a_large_pool_are_forgotten() -> None:
    pool = record()
    for lease in range(1, 200):
        take(pool, lease)
    assert pool.ledger.peak == 199
    assert len(pool.ledger._reached) < 70


class _Returner:
    """In a cycle, so that the garbage collector finds it whenever it runs."""

    def __init__(self, give_back: Callable[[], object]) -> None:
        self.give_back = give_back
        self.me = self

    def __del__(self) -> None:
        self.give_back()


def test_garbage_collector_returns_in_the_middle_of_a_fold() -> None:
    pool = record()
    clock = pool.now
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for lease in range(1, 400):
            take(pool, lease)
            _Returner(lambda lease=lease: pool.ledger.returned(lease))  # type: ignore[misc]
            pool.fold()
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert pool.fold()
    assert (pool.checkins, pool.ledger.open, pool.ledger.errors) == (399, {}, 0)
    assert clock() == 1000.0


def test_fold_inside_a_fold_gives_way() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1.0)
    seen: list[bool] = []
    pool.feed.add = lambda *_, **__: seen.append(pool.fold())  # type: ignore[method-assign]
    assert pool.fold()
    assert set(seen) == {False}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_begins_anew() -> None:
    clock = Clock()
    pool = record(clock)
    hold(pool, clock, 1.0)
    take(pool, 2)
    pool._lock.acquire()  # Somebody folds while another thread forks.
    child = os.fork()
    if not child:
        pool.reset()
        folded = pool.fold()
        found = (folded, pool.checkins, pool.ledger.open, len(pool.ledger.ended), len(pool.trace))
        os._exit(0 if found == (True, 0, {}, 0, 0) else 1)
    pool._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.fold()
    assert (pool.checkins, list(pool.ledger.open)) == (1, [2])


def test_broken_batch_is_counted() -> None:
    pool = record()
    pool.ledger.rows.extend([None] * WIDTH)
    assert pool.fold()
    assert (pool.ledger.errors, pool.ledger.last_error) == (1, "fold: TypeError")
    hold(pool, Clock(), 1.0)
    assert pool.fold()
    assert pool.checkins == 1
