"""`uvicorn --root-path /x` in a process of its own: what proxies send, with and without /x."""

import re
from functools import partial

import httpx
from playwright.sync_api import Page, expect

from tests.web.hosting import await_start, hosting
from tests.web.listening import listening

get = partial(httpx.get, timeout=30.0)
ROOT = "/x"


def addresses(page: str) -> list[str]:
    """Every address of our own that a page names."""
    return re.findall(r'(?:href|src|action|hx-get)="(/[^"]*)"', page)


def test_mounted_host_behind_a_stripping_proxy() -> None:
    with hosting("--root-path", ROOT) as (base, process):
        await_start(base, process)
        page = get(f"{base}/pools/").text
        assert f'data-base="{ROOT}/pools"' in page
        named = set(addresses(page))
        assert [each for each in named if not each.startswith(f"{ROOT}/pools/")] == []
        assert any("/static/js/main.js" in each for each in named)
        # As the proxy passes them on.
        asked = {each.split("?")[0].removeprefix(ROOT) for each in named if "/pool-" not in each}
        statuses = {path: get(base + path).status_code for path in sorted(asked)}
        assert set(statuses.values()) == {200}, statuses
        assert get(f"{base}/pools").headers["location"].endswith("/pools/")
        with listening(f"{base}/pools") as stream:
            assert next(stream).event == "reset"


def test_alone_it_answers_with_and_without_the_prefix(page: Page) -> None:
    with hosting("--root-path", ROOT, app="alone") as (base, process):
        await_start(base, process, "/healthz")
        plain, prefixed = get(f"{base}/leaks"), get(f"{base}{ROOT}/leaks")
        assert (plain.status_code, prefixed.status_code) == (200, 200)
        assert addresses(plain.text) == addresses(prefixed.text)
        workers: list[str] = []
        page.on("request", lambda request: workers.append(request.url))
        page.goto(f"{base}{ROOT}/")
        expect(page.locator("#live-word")).to_have_text("Live")
        assert f"{base}{ROOT}/static/js/main.js" in workers
        for letter, path in (("l", "/leaks"), ("e", "/events"), ("p", "/")):
            page.locator(f".nav a[data-go={letter}]").click()
            page.wait_for_url(f"{base}{ROOT}{path}")
        page.locator("tr[data-pool] a").first.click()
        page.wait_for_url(f"{base}{ROOT}/pools/*")
        expect(page.locator("#live-word")).to_have_text("Live")
