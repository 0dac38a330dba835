"""The stream, over real sockets."""

import time

import httpx
import pytest

from .crowded import AT, happenings
from .given import orders
from .listening import eventually, first, listening, messages
from .sites import Make, Serve


def test_starts_with_everything(serve_app: Serve, make: Make) -> None:
    reset, *batches = first(serve_app(make()), 4)
    assert reset.event == "reset"
    assert [pool["name"] for pool in reset.data["pools"]] == ["orders", "reports"]
    assert reset.data["pools"][0] == {
        "name": "orders",
        "library": "sqlalchemy",
        "state": "open",
        "status": "Leaking",
        "level": "bad",
        "sentence": reset.data["pools"][0]["sentence"],
        "size": 5,
        "max": 7,
        "used": 2,
        "idle": 3,
        "overflow": 0,
        "count": 5,
        "pending_requests": 1,
        "oldest_wait": 0.4,
        "checkouts": 1283,
        "checkins": 1281,
        "timeouts": 3,
        "failures": 4,
        "created": 9,
        "closed": 4,
        "checkout_rate": 9.4,
        "wait_p50": pytest.approx(0.002, rel=0.04),
        "wait_p99": pytest.approx(0.4, rel=0.04),
        "use_p95": pytest.approx(95, rel=0.04),
        "suspects": 1,
        "peak": 7,
    }
    assert reset.data["at"] == AT.timestamp()
    assert reset.data["suspects"] == 1
    assert reset.data["headline"].startswith("1 of 2 pools")
    assert [batch.event for batch in batches] == ["batch"] * 3
    assert [batch.seq for batch in batches] == [reset.seq + 1, reset.seq + 2, reset.seq + 3]


def test_event_says_who_and_how_long(serve_app: Serve, make: Make) -> None:
    (reset,) = first(serve_app(make()), 1)
    assert reset.data["events"] == [
        {
            "at": AT.timestamp() + 1.0,
            "kind": "CheckedOut",
            "pool": "orders",
            "call_site": "shop/place_order.py:88 place_order",
            "owner": "task place_order",
            "request": "GET /place_order",
            "seconds": 0.002,
            "reason": None,
            "claim": 1,
        },
        {
            "at": AT.timestamp() + 1.5,
            "kind": "CheckedIn",
            "pool": "orders",
            "call_site": "shop/place_order.py:88 place_order",
            "owner": "task place_order",
            "request": None,
            "seconds": 0.5,
            "reason": None,
            "claim": 1,
        },
        {
            "at": AT.timestamp() + 2.0,
            "kind": "CheckoutFailed",
            "pool": "orders",
            "call_site": "shop/place_order.py:88 place_order",
            "owner": "task place_order",
            "request": None,
            "seconds": 30.0,
            "reason": "timeout",
            "claim": 2,
        },
    ]


def test_asks_for_a_quick_return(serve_app: Serve, make: Make) -> None:
    base = serve_app(make())
    with httpx.stream("GET", base + "/api/stream", timeout=60) as answer:
        assert next(answer.iter_bytes()).startswith(b"retry: 1000\n\n")


def test_new_event_arrives_once(serve_app: Serve, make: Make) -> None:
    given = orders()
    with listening(serve_app(make(given))) as stream:
        assert next(stream).event == "reset"
        given.log.extend(happenings("reports"))
        found: list[dict[str, object]] = []
        while not found:
            found = next(stream).data["events"]
        assert [event["pool"] for event in found] == ["reports"] * 3
        assert next(stream).data["events"] == []


@pytest.mark.parametrize("how", ["header", "query"])
def test_resumes_where_it_left_off(serve_app: Serve, make: Make, how: str) -> None:
    given = orders()
    base = serve_app(make(given))
    last = first(base, 3)[-1]
    given.log.extend(happenings("reports"))
    if how == "header":
        again = first(base, 2, last_id=last.id)
    else:
        again = first(base, 2, query=f"?since={last.id}")
    assert [message.event for message in again] == ["batch", "batch"]
    assert again[0].seq == last.seq + 1


def test_resumes_with_what_was_missed(serve_app: Serve, make: Make) -> None:
    base = serve_app(make())
    with listening(base) as other:
        head = next(other)
        seen = [next(other) for _ in range(5)]
        again = first(base, 6, last_id=head.id)
    assert [message.id for message in again[:5]] == [message.id for message in seen]
    assert [message.event for message in again] == ["batch"] * 6


@pytest.mark.parametrize(
    "last_id", ["0badc0de-3", "nonsense", "-", "{epoch}-999", "{epoch}-", "{epoch}--1", "{epoch}-²"]
)
def test_unknown_position_means_reset(serve_app: Serve, make: Make, last_id: str) -> None:
    base = serve_app(make())
    with listening(base) as other:
        epoch = next(other).id.partition("-")[0]
        again = first(base, 2, query=f"?since={last_id.format(epoch=epoch)}")
    assert [message.event for message in again] == ["reset", "batch"]


def test_another_server_means_reset(serve_app: Serve, make: Make) -> None:
    last = first(serve_app(make()), 2)[-1]
    assert first(serve_app(make()), 1, last_id=last.id)[0].event == "reset"


def test_filter_leaves_one_pool(serve_app: Serve, make: Make) -> None:
    given = orders()
    with listening(serve_app(make(given)), "?pool=reports") as stream:
        reset = next(stream)
        given.log.extend([*happenings("orders"), *happenings("reports")])
        found: list[dict[str, object]] = []
        while not found:
            found = next(stream).data["events"]
    assert [pool["name"] for pool in reset.data["pools"]] == ["reports"]
    assert reset.data["events"] == []
    assert [event["pool"] for event in found] == ["reports"] * 3


def test_foreign_page_gets_no_stream(serve_app: Serve, make: Make) -> None:
    base = serve_app(make())
    for headers in ({"origin": "http://evil.com"}, {"sec-fetch-site": "cross-site"}):
        assert httpx.get(base + "/api/stream", headers=headers).status_code == 403
    with listening(base, headers={"origin": base}) as stream:
        assert next(stream).event == "reset"


def test_heart_beats(serve_app: Serve, make: Make) -> None:
    site = make(period=10.0, heartbeat=0.05)
    before = time.time()
    with listening(serve_app(site)) as stream:
        beats = [next(stream) for _ in range(3)][1:]
    assert [beat.event for beat in beats] == ["hb", "hb"]
    assert all(before <= beat.data["at"] <= time.time() for beat in beats)


def test_too_many_are_told_busy(serve_app: Serve, make: Make) -> None:
    site = make(most=2)
    base = serve_app(site)
    with listening(base) as one, listening(base) as two:
        assert [next(one).event, next(two).event] == ["reset", "reset"]
        with listening(base) as three:
            assert [message.event for message in three] == ["busy"]
        assert site.streams.count == 2
    eventually(lambda: site.streams.count == 0)
    assert first(base, 1)[0].event == "reset"


def test_head_opens_no_stream(serve_app: Serve, make: Make) -> None:
    site = make()
    answer = httpx.head(serve_app(site) + "/api/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert site.streams.count == 0


def test_one_reader_for_all_clients(serve_app: Serve, make: Make) -> None:
    given = orders()
    base = serve_app(make(given))
    with listening(base) as a, listening(base) as b, listening(base) as c:
        seen = [[next(stream) for _ in range(20)] for stream in (a, b, c)]
        newest = max(message.seq for messages_ in seen for message in messages_)
    assert newest <= given.reads <= newest + 30


def test_raw_stream_has_only_its_own_lines(serve_app: Serve, make: Make) -> None:
    base = serve_app(make())
    with httpx.stream("GET", base + "/api/stream", timeout=60) as answer:
        raw, seen = b"", 0
        for chunk in answer.iter_bytes():
            raw += chunk
            seen = sum(1 for _ in messages(iter([raw])))
            if seen >= 3:
                break
    names = {line.partition(b":")[0] for line in raw.split(b"\n")[:-1]}
    assert names <= {b"", b"retry", b"id", b"event", b"data"}
