"""What goes into a batch, and what a slow client is given."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from dashboard.model import events as ev
from dashboard.model.origin import UNKNOWN_OWNER, UNKNOWN_SITE
from dashboard.web.batches import Batch, Poller, encode, event_row
from dashboard.web.hub import Client, Frame

from .crowded import AT, pool
from .given import orders


def checked_out(claim: int, wait_time: float = 0.001) -> ev.CheckedOut:
    """A checkout."""
    return ev.CheckedOut(
        at=float(claim),
        pool="orders",
        claim=claim,
        call_site=UNKNOWN_SITE,
        owner=UNKNOWN_OWNER,
        connection=1,
        wait_time=wait_time,
    )


def failed(claim: int) -> ev.CheckoutFailed:
    """A timeout."""
    return ev.CheckoutFailed(
        at=float(claim),
        pool="orders",
        claim=claim,
        call_site=UNKNOWN_SITE,
        owner=UNKNOWN_OWNER,
        reason="timeout",
        wait_time=30.0,
    )


def test_failures_and_slow_waits_are_never_sampled_out() -> None:
    given = orders()
    poller = Poller(given)
    poller.take()
    given.log += [checked_out(n) for n in range(1000)]
    given.log += [failed(n) for n in range(1000, 1100)]
    given.log += [checked_out(n, wait_time=1.0) for n in range(1100, 1150)]
    given.dropped = 7
    batch = poller.take()
    claims = [event.claim for event in batch.events]
    assert claims == [*range(960, 1000), *range(1000, 1100), *range(1100, 1150)]
    assert batch.dropped == 960 + 7


def test_announcements_take_no_place() -> None:
    given = orders()
    poller = Poller(given)
    poller.take()
    given.log += [
        ev.CheckoutStarted(
            at=1.0, pool="orders", claim=7, call_site=UNKNOWN_SITE, owner=UNKNOWN_OWNER
        ),
        ev.ConnectionCreated(at=1.0, pool="orders", connection=4),
        checked_out(7),
    ]
    batch = poller.take()
    assert [event.kind for event in batch.events] == ["CheckedOut"]
    assert batch.dropped == 0


def test_urgent_events_have_a_cap_that_is_counted() -> None:
    given = orders()
    poller = Poller(given)
    poller.take()
    given.log += [failed(n) for n in range(500)]
    batch = poller.take()
    assert [event.claim for event in batch.events] == [*range(300, 500)]
    assert batch.dropped == 300


def test_what_was_dropped_before_anybody_looked_is_no_news() -> None:
    given = orders()
    given.dropped = 1_000_000
    assert Poller(given).take().dropped == 0


def test_rates_are_per_second_since_the_last_batch() -> None:
    given = orders()
    poller = Poller(given)
    assert poller.take().rates["checkouts"] == 0.0
    given.at = AT + timedelta(seconds=2)
    given.pools["orders"] = replace(given.pools["orders"], checkouts=1383, timeouts=4)
    rates = poller.take().rates
    assert rates == {"checkouts": 50, "checkins": 0, "timeouts": 0.5, "failures": 0, "created": 0}


def test_rates_do_not_go_below_zero_when_a_pool_leaves() -> None:
    given = orders()
    poller = Poller(given)
    poller.take()
    given.at = AT + timedelta(seconds=1)
    del given.pools["orders"]
    assert set(poller.take().rates.values()) == {0.0}


def test_percentiles_follow_the_distribution() -> None:
    given = orders()
    poller = Poller(given)
    before = poller.take().pools[0].use_p95
    given.pools["orders"] = replace(given.pools["orders"], use_time=given.pools["orders"].wait_time)
    after = poller.take().pools[0].use_p95
    assert before == pytest.approx(95, rel=0.04)
    assert after == pytest.approx(0.4, rel=0.04)


def test_no_infinity_reaches_json() -> None:
    given = orders()
    odd = replace(pool("odd"), checkout_rate=float("inf"), oldest_wait=float("nan"))
    given.pools = {"odd": odd}
    row = msgspec.json.decode(encode(Poller(given).take()))["pools"][0]
    assert (row["checkout_rate"], row["oldest_wait"]) == (None, None)


@pytest.mark.parametrize(
    ("event", "seconds", "reason"),
    [
        (ev.ConnectionReady(at=0.0, pool="a", connection=1, create_time=0.05), 0.05, None),
        (ev.ConnectionClosed(at=0.0, pool="a", connection=1, reason="stale"), None, "stale"),
        (ev.PoolClosed(at=0.0, pool="a"), None, None),
        (checked_out(1), 0.001, None),
        (failed(1), 30.0, "timeout"),
    ],
)
def test_event_has_its_time_and_reason(
    event: ev.PoolEvent, seconds: float | None, reason: str | None
) -> None:
    row = event_row(event, 5.0)
    assert (row.kind, row.seconds, row.reason) == (type(event).__name__, seconds, reason)


def frames(count: int) -> list[Frame]:
    """Batches one after the other."""
    batch = Batch(at=0.0, pools=[], headline="", suspects=0, events=[], dropped=0, rates={})
    return [Frame("e", seq, batch, ()) for seq in range(1, count + 1)]


def heads(client: Client) -> list[bytes]:
    """Id and event of all that waits for a client."""
    waiting = iter(client.take, None)
    return [b" ".join(message.split(b"\n")[:2]) for message in waiting]


def test_client_in_time_gets_every_batch() -> None:
    client = Client(None)
    first, *rest = frames(5)
    client.offer(first)
    assert heads(client) == [b"id: e-1 event: reset"]
    for frame in rest:
        client.offer(frame)
    assert heads(client) == [
        b"id: e-2 event: batch",
        b"id: e-3 event: batch",
        b"id: e-4 event: batch",
        b"id: e-5 event: batch",
    ]


def test_slow_client_gets_the_latest_and_a_reset() -> None:
    client = Client(None)
    first, *rest = frames(100)
    client.offer(first)
    heads(client)
    for frame in rest:
        client.offer(frame)
        assert len(client._frames) <= 4
    assert heads(client) == [b"id: e-100 event: reset"]


def test_frame_is_encoded_once_for_all() -> None:
    (frame,) = frames(1)
    assert frame.render("batch", None) is frame.render("batch", None)
