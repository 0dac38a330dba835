"""The pages, JSON and Markdown of incidents."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx

from dashboard.model.findings import Incident
from dashboard.model.origin import CallSite
from dashboard.model.snapshot import LoopLag, PoolSnapshot, StackFrame
from dashboard.web.access import Access
from dashboard.web.incidents import when
from dashboard.web.site import build
from tests.web.asking import ask
from tests.web.hostile import HOSTILE
from tests.web.moments import incident
from tests.web.reading import PlainReading
from tests.web.readings import AT, PLACE, ROLLUP, checkout, pool, some_events, suspect

CHARGE = CallSite("shop/payments.py", 54, "charge")
BUSY = pool(
    used=15,
    size=10,
    maximum=15,
    waiting=6,
    open=(
        *(checkout(8.2 + n / 2, CHARGE, owner=n, connection=n) for n in range(9)),
        *(checkout(1.5, PLACE, owner=n, connection=n) for n in range(9, 15)),
    ),
    config={"pool_timeout": 30.0, "password": "hunter2"},
)
LATE = LoopLag(
    name="MainThread",
    lag=3.2,
    since=AT - timedelta(seconds=3.2),
    stack=(StackFrame("shop/exports.py", 31, "render", is_library=False),),
    pools=("orders",),
)
#: Pages show the clock of the process.
BEGAN = f"{AT.astimezone():%H:%M:%S}"
SECOND = f"{AT.astimezone() - timedelta(seconds=1):%H:%M:%S}"
LATER = f"{AT.astimezone() + timedelta(hours=1):%H:%M:%S}"
OVER = incident(BUSY, AT, events=some_events(), suspects=[suspect(held_for=12.2, site=CHARGE)])
GOING_ON = incident(BUSY, AT + timedelta(hours=1), timeouts=0, lasted=None)


def get(path: str, *moments: Incident, pools: tuple[PoolSnapshot, ...] = (BUSY,)) -> httpx.Response:
    reading = PlainReading(*pools)
    reading.moments = list(moments)
    return ask(build(reading, Access(allow_unauthenticated=True)), path)


def text_of(answer: httpx.Response) -> str:
    """What is read, without tags and runs of white space."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def test_empty_list_says_what_will_be_kept() -> None:
    text = text_of(get("/incidents"))
    assert "No incident Nothing has run out" in text
    assert "when a caller times out" in text
    assert "1 pool is being watched. A time-out is kept also while nobody looks." in text
    assert "See how to watch one." in text_of(get("/incidents", pools=()))


def test_list_says_what_happened() -> None:
    answer = get("/incidents", OVER)
    text = text_of(answer)
    assert "1 incident When a pool ran out" in text
    assert (
        f"Timed out orders ran out at {BEGAN}: 15 of 15 connections were out, 9 of them at "
        "shop/payments.py:54 charge, held for 8.2 to 12 s; 23 callers timed out in 40 s. Held "
        "by 9 at shop/payments.py:54 charge for up to 12 s, 6 at shop/orders.py:88 place_order for "
        "up to 1.5 s. orders 23 callers 40 s" in text
    )
    assert 'href="/incidents/orders-20261122-090320"' in answer.text


def test_list_counts_what_goes_on() -> None:
    text = text_of(get("/incidents", GOING_ON, OVER))
    assert "2 incidents, 1 going on" in text
    assert f"Exhausted orders ran out at {LATER}" in text
    assert "nobody going on" in text
    assert "1 incident, going on" in text_of(get("/incidents", GOING_ON))


def test_part_of_the_list_is_a_fragment() -> None:
    answer = get("/incidents?part=list", OVER)
    assert "<html" not in answer.text
    assert "1 incident" in text_of(answer)
    assert get("/incidents?part=nope").status_code == 404


def test_page_answers_who_and_why() -> None:
    answer = get(f"/incidents/{OVER.id}", OVER)
    text = text_of(answer)
    assert f"<h1>orders ran out at {BEGAN}</h1>" in answer.text
    assert "15 of 15 connections were out, 9 of them at" in text
    assert "<code>shop/payments.py:54 charge</code>" in answer.text
    assert "23 callers timed out in 40 s." in text
    assert "15 connections out, longest first" in text
    assert "6 callers, longest first" in text
    assert "What came before the last 3 events of the pool, newest first" in text
    assert "Leak suspects at that moment" in text
    assert "pool_timeout 30" in text
    assert "hunter2" not in answer.text
    assert 'data-copy-from><svg class="i"' in answer.text
    assert f'href="/api/incidents/{OVER.id}"' in answer.text
    assert 'data-every="2"' not in answer.text  # Nothing changes any more.


def test_page_of_what_goes_on_is_kept_current() -> None:
    answer = get(f"/incidents/{GOING_ON.id}", GOING_ON)
    assert 'id="head" data-every="2"' in answer.text
    assert "6 callers were waiting, the longest for 1.9 s." in text_of(answer)
    head = get(f"/incidents/{GOING_ON.id}?part=head", GOING_ON)
    assert "<html" not in head.text
    assert f"<h1>orders ran out at {LATER}</h1>" in head.text


def test_blocked_loop_comes_first() -> None:
    blocked = incident(BUSY, AT, loops=[LATE])
    answer = get(f"/incidents/{blocked.id}", blocked)
    text = text_of(answer)
    assert (
        "<h1>The event loop was blocked for 3.2 s by shop/exports.py:31 render when callers of "
        f"orders waited at {BEGAN}</h1>" in answer.text
    )
    assert (
        "Not the pool, the event loop. The event loop of MainThread was blocked for 3.2 s by "
        f"shop/exports.py:31 render, until {when(AT, datetime.now(UTC).astimezone())}." in text
    )
    assert "What its thread did" in text
    unseen = replace(OVER, loop_lag=2.5)
    assert "The first time-out came 2.50 s late" in text_of(get(f"/incidents/{OVER.id}", unseen))


def test_unlisted_holders_are_counted() -> None:
    crowd = incident(replace(BUSY, used=320, pending_requests=400), AT)
    text = text_of(get(f"/incidents/{crowd.id}", crowd))
    assert "308 more connections were out, none for longer than the last one above. List" in text
    everybody = text_of(get(f"/incidents/{crowd.id}?holders=all", crowd))
    assert (
        "305 more connections were out, none for longer than the last one above. Who" in everybody
    )
    assert "394 more callers waited, none for longer than the last one above." in text


def test_incident_no_longer_kept_says_so() -> None:
    answer = get("/incidents/orders-20260101-000000", OVER)
    assert answer.status_code == 404
    text = text_of(answer)
    assert "This incident is no longer kept" in text
    assert "Nothing is known of orders-20260101-000000" in text
    assert "These are kept" in text
    assert f'href="/incidents/{OVER.id}"' in answer.text
    alone = text_of(get("/incidents/x"))
    assert "There is no other at the moment." in alone
    part = get("/incidents/x?part=head")
    assert (part.status_code, "x is no longer kept." in text_of(part)) == (404, True)


def test_list_in_the_api_has_the_figures() -> None:
    (row,) = get("/api/incidents", OVER).json()
    assert {name: row[name] for name in ("id", "pool", "at", "cause", "timeouts", "ended_at")} == {
        "id": "orders-20261122-090320",
        "pool": "orders",
        "at": "2026-11-22T09:03:20+00:00",
        "cause": "timeout",
        "timeouts": 23,
        "ended_at": "2026-11-22T09:04:00+00:00",
    }
    assert row["sentence"] == OVER.sentence
    assert (row["snapshot"]["used"], row["snapshot"]["max"]) == (15, 15)
    assert "open" not in row["snapshot"]


def test_incident_in_the_api_has_everything() -> None:
    found = get(f"/api/incidents/{OVER.id}", OVER).json()
    assert len(found["snapshot"]["open"]) == 15
    assert found["snapshot"]["config"] == {"pool_timeout": 30.0, "password": "(hidden)"}
    assert [(each["kind"], each["at"]) for each in found["events"]] == [
        ("CheckedOut", "2026-11-22T09:03:17+00:00"),
        ("CheckedIn", "2026-11-22T09:03:18+00:00"),
        ("CheckoutFailed", "2026-11-22T09:03:19+00:00"),
    ]
    assert [each["verdict"] for each in found["suspects"]] == ["overdue"]
    gone = get("/api/incidents/x", OVER)
    assert (gone.status_code, gone.json()["detail"]) == (404, "Incident 'x' is no longer kept.")


def test_markdown_is_ready_for_an_issue() -> None:
    blocked = incident(BUSY, AT, events=some_events(), suspects=OVER.suspects, loops=[LATE])
    answer = get(f"/incidents/{blocked.id}?part=evidence&range=15m", blocked)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "# Incident `orders-20261122-090320`"
    assert lines[2] == f"`{blocked.sentence}`"
    assert "- link: `http://localhost/incidents/orders-20261122-090320`" in lines
    assert "## Who held a connection (15)" in lines
    assert (
        "| 12 s | `shop/payments.py:54 charge` | `task worker-8` | `GET /orders/{id}` | 0 ms | 0 "
        "| pid 4008 |" in lines
    )
    assert "## Who waited (6)" in lines
    assert "| `password` | `(hidden)` |" in lines
    assert "  - `shop/exports.py:31 render`" in lines
    assert any(line.startswith(f"| {SECOND}.000 | timeout |") for line in lines)


def test_report_has_a_section() -> None:
    lines = get("/report.md", GOING_ON, OVER).text.splitlines()
    at = lines.index("## Incidents (2)")
    assert lines[at + 2] == f"- `2026-11-22T10:03:20+00:00`, goes on: `{GOING_ON.sentence}`"
    assert lines[at + 3] == (
        "  - held by `9 at shop/payments.py:54 charge for up to 12 s, 6 at shop/orders.py:88 "
        "place_order for up to 1.5 s`; in full at `incidents/orders-20261122-100320`"
    )


def test_overview_leads_to_the_incident() -> None:
    now = datetime.now(AT.tzinfo)
    fresh = incident(BUSY, now, lasted=None)
    answer = get("/", fresh, pools=(BUSY, pool("sessions")))
    assert f'href="/incidents/{fresh.id}"' in answer.text
    assert 'data-cell="incidents">1</span>' in answer.text
    over = incident(pool("sessions"), now - timedelta(minutes=20))
    text = text_of(get("/", over, pools=(pool("sessions"),)))
    assert "See the incident of sessions" in text
    old = incident(pool("sessions"), now - timedelta(hours=2))
    assert "See the incident" not in get("/", old, pools=(pool("sessions"),)).text


def test_blocked_loop_is_said_on_the_overview() -> None:
    reading = PlainReading(BUSY)
    reading._snapshot = replace(reading._snapshot, loops=(replace(LATE, is_blocked=True),))
    text = text_of(ask(build(reading, Access(allow_unauthenticated=True)), "/"))
    assert (
        "The event loop of MainThread has been blocked for 3.2 s by shop/exports.py:31 render. "
        "Who lives on it can neither give back nor take a connection meanwhile. orders has 15 of "
        "15 out, 6 waiting." in text
    )
    assert "is saturated" not in text
    reading._snapshot = replace(reading._snapshot, loops=(LATE,))
    text = text_of(ask(build(reading, Access(allow_unauthenticated=True)), "/"))
    assert (
        "The event loop of MainThread was blocked for 3.2 s by shop/exports.py:31 render, until "
        f"{BEGAN}. Waits and holds of that time are its doing, not the pool’s. " in text
    )
    assert "orders is saturated." in text
    assert text.index("orders is saturated.") < text.index("The event loop of MainThread")


def test_overview_finds_at_most_three() -> None:
    worst = [replace(BUSY, name=name) for name in ("a", "b", "c", "d")]
    reading = PlainReading(*worst, pool("sessions"))
    reading.moments = [incident(pool("sessions"), datetime.now(AT.tzinfo) - timedelta(minutes=20))]
    longer = replace(LATE, name="worker", lag=4.5)
    reading._snapshot = replace(reading._snapshot, loops=(LATE, longer))
    answer = ask(build(reading, Access(allow_unauthenticated=True)), "/")
    found = re.findall(r'<li id="(f-loop|f|i)-', answer.text)
    assert found == ["f", "f", "f-loop"]
    text = text_of(answer)
    assert "of worker was blocked for 4.5 s" in text
    assert "2 more pools need attention" in text


def test_hostile_names_stay_text() -> None:
    for nasty in (*HOSTILE, "x" * 200, "a/b: c"):
        site = CallSite(nasty, 1, nasty)
        worst = pool(nasty, used=1, maximum=1, open=(checkout(2.0, site),), config={nasty: nasty})
        kept = replace(incident(worst, AT, suspects=[suspect(nasty, site=site)]), id="odd")
        for path in ("/incidents", "/incidents/odd", "/incidents/odd?part=evidence", "/report.md"):
            answer = get(path, kept, pools=(worst,))
            assert answer.status_code == 200, (path, nasty)
            assert "<script>alert" not in answer.text or path.endswith(("evidence", "md"))
        assert get("/api/incidents/odd", kept).status_code == 200


def test_another_day_is_named() -> None:
    assert when(AT, AT + timedelta(hours=3)) == "09:03:20"
    assert when(AT, AT + timedelta(days=1)) == "22 Nov 09:03:20"


def test_nobody_held_is_said() -> None:
    bare = incident(pool(used=0, waiting=1, maximum=None, open=()), AT, timeouts=1)
    text = text_of(get(f"/incidents/{bare.id}", bare))
    assert f"orders kept callers waiting at {BEGAN}" in text
    assert "0 connections were out; 1 caller timed out." in text
    assert "No connection was out." in text
    assert ROLLUP.file not in text
