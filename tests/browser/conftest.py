"""A site of its own data, served for a browser."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from dashboard.model.events import CheckedOut, PoolEvent
from dashboard.model.history import History, Mark
from dashboard.model.snapshot import LoopLag, PoolSnapshot
from dashboard.web.access import Access
from dashboard.web.site import Site, build
from tests.web.advised import advice, prediction
from tests.web.moments import incident
from tests.web.reading import PlainReading
from tests.web.readings import (
    AT,
    PLACE,
    ROLLUP,
    checkout,
    pool,
    site_stats,
    some_events,
    suspect,
    task,
)

MOUNT = "/a/b"
_PATIENCE = 30.0
_SERIES = ("used", "pending", "wait_p50", "wait_p99")


class ChangingReading(PlainReading):
    """A reading whose pools and events the test changes while a browser looks."""

    #: Seconds by which the last step of a history ends after what the stream says.
    ahead = 0.0
    _passed = 0

    def change(self, name: str, **changes: object) -> None:
        """Gives a pool other figures."""
        pools = dict(self._snapshot.pools)
        pools[name] = replace(pools[name], **changes)  # type: ignore[arg-type]
        self._snapshot = replace(self._snapshot, pools=pools)

    def watch(self, new: PoolSnapshot) -> None:
        """One pool more."""
        pools = {**self._snapshot.pools, new.name: new}
        self._snapshot = replace(self._snapshot, pools=pools)

    def go_on(self, steps: int) -> None:
        """Histories end so many steps of 15 s later; what they began with comes again."""
        self._passed += steps
        self._snapshot = replace(self._snapshot, at=AT + timedelta(seconds=15 * self._passed))

    def history(self, name: str, *_: object, **__: object) -> History:
        """A wave, as far as time went on."""
        seen, by = super().history(name), self._passed
        series = {each: getattr(seen, each)[by:] + getattr(seen, each)[:by] for each in _SERIES}
        return replace(seen, start=seen.start + seen.step * by + self.ahead, **series)

    def happen(self, event: PoolEvent) -> None:
        """One event more."""
        self._events = [*self._events, event]


def checked_out(claim: int, name: str = "orders", wait_time: float = 0.0123) -> CheckedOut:
    """A checkout now."""
    at = datetime.now(AT.tzinfo).timestamp() - AT.timestamp()
    return CheckedOut(
        at=at,
        pool=name,
        claim=claim,
        connection=1,
        wait_time=wait_time,
        call_site=PLACE,
        owner=task(claim),
    )


@pytest.fixture
def reading() -> ChangingReading:
    """A saturated pool with a leak, a calm one, one without a bound, and one of 500."""
    leak = checkout(277.0, ROLLUP, owner=3, connection=99)
    busy = pool(
        used=28,
        waiting=14,
        timeouts=3,
        call_sites=(site_stats(PLACE, 0.41), site_stats(ROLLUP, 0.17, lost=1)),
    )
    made = ChangingReading(
        replace(busy, open=(leak, *busy.open[1:])),
        pool("sessions", used=2, idle=3),
        pool("x" * 200, used=4, idle=1, size=None, maximum=None),
        pool("warehouse", used=320, size=300, maximum=500),
        suspects=[suspect(), suspect(owner=8, verdict="returned", ended_at=AT)],
        events=some_events(),
        marks=[Mark(AT.timestamp() - 30, "deploy 1.4.2"), Mark(AT.timestamp() - 300, "x" * 200)],
    )
    made.advices = [
        advice(severity="critical", rule="R11", title="rollup does not return its connections"),
        advice(),
        advice(severity="info", rule="R09", pool="x" * 200, held_back="too little data"),
    ]
    made.predictions = {"orders": prediction()}
    held = (replace(leak, now=leak.stack), *busy.open[1:])
    made.moments = [
        incident(pool("x" * 200, used=4, waiting=1, size=4, maximum=4), AT, lasted=None),
        incident(
            replace(busy, open=held),
            AT,
            suspects=[suspect()],
            events=some_events(),
            loops=[LoopLag(name="MainThread", lag=3.2, since=AT, stack=leak.stack)],
        ),
    ]
    return made


@pytest.fixture
def site(reading: ChangingReading) -> Iterator[Site]:
    """The whole product's site, with its policy."""
    built = build(reading, Access(allow_unauthenticated=True))
    yield built
    built.close()


@pytest.fixture
def page(serve_app: Callable[[ASGIApp], str], page: Page) -> Page:
    """The house's page, closed before its server: no connection holds up the end."""
    del serve_app
    return page


@pytest.fixture
def address(site: Site, serve_app: Callable[[ASGIApp], str]) -> Iterator[str]:
    """Mounted, as in a host application; streams end before the server does."""
    yield serve_app(Starlette(routes=[Mount(MOUNT, site)])) + MOUNT
    site.close()


def copied(page: Page, begins: str) -> str:
    """What was copied, once it begins so; writing to the clipboard takes a moment."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = str(page.evaluate("navigator.clipboard.readText()"))
        if found.startswith(begins):
            return found
        assert time.monotonic() < deadline, f"{begins!r} was not copied, but {found[:100]!r}"
        page.wait_for_timeout(20)


def refresh(page: Page, part: str) -> None:
    """Fetches a part now, as the clock does in a while, and waits until it is swapped."""
    page.evaluate(
        """async (part) => {
          const moment = () => new Promise((done) => setTimeout(done, 10));
          const fetched = [...document.querySelectorAll("[data-every]")]
            .find((each) => each.getAttribute("hx-get").includes(`part=${part}`));
          fetched.dispatchEvent(new Event("refresh"));
          // One that the clock asked for before goes first; the class stays for both.
          while (fetched.matches(".htmx-request")) await moment();
        }""",
        part,
    )


def in_view(found: Locator) -> Locator:
    """Scrolled to, and the page knows: what was shown hides with the frame after a scroll."""
    found.scroll_into_view_if_needed()
    found.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return found


def rest(page: Page) -> None:
    """From now on a part is fetched only when the test says so."""
    page.evaluate(
        """async () => {
          const moment = () => new Promise((done) => setTimeout(done, 10));
          for (const part of document.querySelectorAll("[data-every]")) part.dataset.every = "9999";
          while (document.querySelector(".htmx-request")) await moment();
        }"""
    )


@pytest.fixture
def pool_page(page: Page, address: str) -> Page:
    """The page of one pool, connected to the stream."""
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/pools/orders")
    expect(page.locator("#live-word")).to_have_text("Live")
    return page


@pytest.fixture
def live(page: Page, address: str) -> Page:
    """The overview, connected to the stream."""
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/")
    expect(page.locator("#live-word")).to_have_text("Live")
    return page
