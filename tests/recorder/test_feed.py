from dashboard.model.claim import GOT, REF
from dashboard.recorder import feed
from dashboard.recorder.feed import Feed
from dashboard.recorder.ledger import BATCH

from .given import SITES, Clock, ask, hold, record, take


def whats(entries: list[feed.Entry]) -> list[str]:
    return [each.what for each in entries]


def test_numbers_go_on() -> None:
    source = Feed(3)
    for at in range(5):
        source.add(float(at), "orders", "CheckedIn", False)  # noqa: FBT003
    assert source.newest == 5
    assert [each.number for each in source.since(0)] == [3, 4, 5]
    assert [each.number for each in source.since(4)] == [5]
    assert source.since(5) == source.since(9) == []


def test_quiet_pool_shows_everything() -> None:
    clock = Clock()
    pool = record(clock)
    clock.now += 1
    hold(pool, clock, 0.5, SITES[0])
    pool.fold()
    assert whats(pool.feed.since(0)) == ["CheckedOut", "CheckedIn"]
    assert pool.feed.sampled_out == 0


def test_busy_pool_is_sampled_and_counted() -> None:
    clock = Clock()
    pool = record(clock)
    clock.now += 1
    for _ in range(4 * BATCH):
        hold(pool, clock, 0.00001, SITES[0])
    assert pool.checkins == 2 * BATCH
    shown = whats(pool.feed.since(0))
    assert shown.count("CheckedIn") == 5
    assert pool.feed.sampled_out == 2 * BATCH - 5


def test_slow_lost_and_failed_are_never_sampled_out() -> None:
    clock = Clock()
    pool = record(clock)
    clock.now += 1
    slow = ask(pool, SITES[1])
    clock.now += 0.2
    pool.ledger.got(slow, 7, 7)
    pool.ledger.returned(7)
    lost = take(pool, 8, SITES[2])
    lost[REF] = lambda: None
    pool.ledger.returned(8)
    pool.ledger.failed(ask(pool, SITES[3]), "timeout", "TimeoutError")
    for _ in range(2 * BATCH):
        hold(pool, clock, 0.00001, SITES[0])
    pool.fold()
    kept = [each for each in pool.feed.since(0) if each.is_kept]
    assert sorted((each.what, each.claim[1].function) for each in kept if each.claim) == [
        ("CheckedIn", "buy_2"),
        ("CheckedOut", "buy_1"),
        ("CheckoutFailed", "buy_3"),
    ]
    chosen, left_out = feed.thin(pool.feed.since(0), 2, 40)
    assert [each for each in chosen if each.is_kept] == kept
    assert len(chosen) == 5
    assert left_out == len(pool.feed.since(0)) - 5


def test_sweep_shows_what_has_not_ended() -> None:
    clock = Clock()
    pool = record(clock)
    clock.now += 1
    held = take(pool, 1, SITES[0])
    ask(pool, SITES[1])
    pool.sweep()
    assert whats(pool.feed.since(0)) == ["CheckoutStarted", "CheckedOut"]
    clock.now += 1
    pool.sweep()
    pool.ledger.returned(1)
    pool.fold()
    assert whats(pool.feed.since(2)) == ["CheckedIn"]
    assert held[GOT] == 1001.0
