"""`at=` freezes a moment: pages end there, say so, and lead back; the API ends there too."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dashboard.model.history import History
from dashboard.model.lanes import Lanes

from .asking import ask
from .given import Given, orders
from .sites import opened

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=90)
MOMENT = f"{AT:%Y-%m-%dT%H:%M:%SZ}"
LABEL = f"{AT.astimezone():%H:%M:%S}"


def get(path: str, given: Given | None = None) -> httpx.Response:
    return ask(opened(given), path)


@pytest.mark.parametrize("page", ["/", "/pools/orders", "/events"])
def test_frozen_page_says_when_and_leads_back(page: str) -> None:
    answer = get(f"{page}?range=1h&at={MOMENT}").text
    assert f"Frozen at {LABEL}." in answer
    assert 'href="?range=1h">Back to live</a>' in answer
    assert "data-frozen" in answer
    assert 'id="live"' not in answer


def test_live_page_is_not_frozen() -> None:
    assert "data-frozen" not in get("/pools/orders").text


@pytest.mark.parametrize(
    "given",
    [
        MOMENT,
        f"{AT.timestamp():.0f}",
        AT.astimezone().replace(tzinfo=None).isoformat(),
        (AT + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    ],
)
def test_moment_is_read_in_every_way(given: str) -> None:
    assert f"Frozen at {LABEL}." in get(f"/?at={given}").text


@pytest.mark.parametrize("given", ["yesterday", "nan", "1e400", "99999999999999", "2999-01-01"])
@pytest.mark.parametrize("page", ["/", "/api/pools/orders"])
def test_what_is_no_past_moment_is_refused(page: str, given: str) -> None:
    answer = get(f"{page}?at={given}")
    assert (answer.status_code, "at takes" in answer.text) == (400, True)


def test_moment_stays_in_every_link_of_a_frozen_page() -> None:
    moment = f"at={MOMENT}"
    page = get(f"/?at={MOMENT}").text
    assert f'href="/pools/orders?{moment}"' in page
    assert f'href="?range=5m&amp;{moment}"' in page
    assert f'href="/events?{moment}"' in page
    assert 'href="/leaks"' in page


def test_frozen_parts_end_at_the_moment() -> None:
    asked: list[float | None] = []

    class Asked(Given):
        def history(
            self, name: str, seconds: float, points: int, until: float | None = None
        ) -> History:
            asked.append(until)
            return super().history(name, seconds, points, until)

        def lanes(self, name: str, seconds: float, until: float | None = None) -> Lanes:
            asked.append(until)
            return super().lanes(name, seconds, until)

    given = Asked(pools=orders().pools)
    for path in ("/pools/orders?", "/pools/orders?part=trend&", "/?", "/api/pools/orders?"):
        assert get(f"{path}at={MOMENT}", given).status_code == 200
    assert {*asked} == {AT.timestamp()}


def test_frozen_pool_names_who_held_not_who_holds() -> None:
    page = get(f"/pools/orders?at={MOMENT}").text
    assert "Who held each connection" in page
    assert "Who holds each connection now" not in page
    assert f"<title>orders at {LABEL}" in page


def test_evidence_of_a_moment_names_it() -> None:
    text = get(f"/pools/orders?part=evidence&at={MOMENT}").text
    assert text.strip().startswith(f"## orders at {AT.astimezone().isoformat()}: ")
    assert re.search(r"^- http://localhost/pools/orders\?at=", text, re.MULTILINE)


def test_forgotten_moment_is_told() -> None:
    class Young(Given):
        def history(self, *_: object) -> History:
            return History(0.0, 60.0)

        def lanes(self, *_: object) -> Lanes:
            return Lanes(AT.timestamp() - 60, 60.0, since=AT.timestamp() + 20)

    given = Young(pools=orders().pools)
    assert f"Nothing is kept of {LABEL}" in get(f"/?at={MOMENT}", given).text
    page = get(f"/pools/orders?at={MOMENT}", given).text
    assert f"Nothing is kept of {LABEL}." in page
    assert "Who held each slot then is no longer kept" in page


def test_events_end_at_the_moment() -> None:
    given = orders()
    given.wall = lambda at: AT.timestamp() + at - 1.6  # type: ignore[method-assign]
    live = re.findall(r'class="e-event (\w+)"', get("/events", given).text)
    assert live == ["CheckoutFailed", "CheckedIn", "CheckedOut"]
    frozen = re.findall(r'class="e-event (\w+)"', get(f"/events?at={MOMENT}", given).text)
    assert frozen == ["CheckedIn", "CheckedOut"]


def test_page_without_a_past_says_so() -> None:
    page = get(f"/leaks?at={MOMENT}").text
    assert "This page shows the present." in page
    assert "data-frozen" not in page
