"""Makes the screenshots of the docs from the real demo: `python -m tests.browser.shots`.

They are looked at, not compared: 1280 wide, light, each below 250 kB.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.house import chromium
from tests.house.browser import collect_faults, settle

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
#: Seconds that the demo gets to start, and until its charts are full enough to be worth showing.
_START = 120.0
_STORY = 240.0
_KILLS = 45.0
_WIDTH = 1280
#: Bytes; a page of documentation is not to take longer than the product.
_LARGEST = 250_000


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo that answers; ended when done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "dashboard", "demo", "--listen", listen]
    own = {"PYTHONPATH": str(_ROOT), "OTEL_SERVICE_NAME": "shop"}
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **own}, stdout=sys.stderr)
    try:
        _await(lambda: ask(f"http://{listen}/healthz") is not None, _START, process)
        yield f"http://{listen}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _await(is_so: Any, seconds: float, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if process.poll() is not None:
            raise SystemExit(f"the demo ended with status {process.returncode}")
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def ask(address: str) -> Any:
    """The JSON, or text, of an address; None while nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content


def incident_of(base: str) -> str | None:
    """The first incident that has time-outs: who held is the longest known there."""
    found = [each for each in ask(f"{base}/api/incidents") or [] if each["timeouts"]]
    return str(found[-1]["id"]) if found else None


@contextmanager
def page_of(browser: Browser, address: str, height: int) -> Iterator[Page]:
    """A page whose stream has begun; fails on a violation of the policy."""
    context = browser.new_context(
        color_scheme="light", viewport={"width": _WIDTH, "height": height}
    )
    faults = collect_faults(context)
    page = context.new_page()
    page.goto(address)
    page.locator("#live-word", has_text="Live").wait_for()
    page.wait_for_timeout(1500)
    yield page
    settle(context)
    context.close()
    if faults:
        raise SystemExit("\n".join(faults))


def _let_agree(page: Page) -> None:
    """Headline and findings of the overview are renewed in turn; wait until they say the same."""
    for _ in range(20):
        found, headline = page.locator("#findings .find > li").count(), page.title()
        if not found or headline.startswith(f"{found} of "):
            return
        page.wait_for_timeout(1000)
        page.reload()
        page.wait_for_timeout(1500)


def shoot(browser: Browser, address: str, name: str, height: int, card: str = "") -> None:
    """As much of the page as fits into `height`, or one card of it."""
    path = _DOCS / f"{name}.png"
    with page_of(browser, address, height) as page:
        _let_agree(page)
        if card:
            page.locator(card).screenshot(path=path)
        else:
            page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(_ROOT)}: {size:,} bytes", flush=True)
    if size > _LARGEST:
        raise SystemExit(f"{path.name} is larger than {_LARGEST:,} bytes; show less of the page")


def switch_on(base: str, fault: str) -> None:
    """As the demo's page does."""
    request = urllib.request.Request(f"{base}/demo/faults/{fault}/on", method="POST")
    with urllib.request.urlopen(request, timeout=10):
        pass


def take(browser: Browser, base: str) -> None:
    """All of them, in the order of the story."""
    shoot(browser, f"{base}/?range=5m", "overview", 890)
    shoot(browser, f"{base}/pools/orders?range=5m", "pool", 715)
    shoot(browser, f"{base}/leaks", "leaks", 700)
    shoot(browser, f"{base}/advice", "advice", 440)
    incident = incident_of(base)
    if incident is None:
        raise SystemExit("nobody has timed out, so there is no incident to show")
    shoot(browser, f"{base}/incidents/{incident}", "incident", 690)
    switch_on(base, "killed_backend")
    time.sleep(_KILLS)
    shoot(browser, f"{base}/pools/orders", "stale", 900, card="#reasons")


def main() -> None:
    """Wait until the demo has something to say, then show it."""
    path = chromium.find()
    if path is None:
        raise SystemExit(f"no Chromium; install one: {chromium.install_command()}")
    _DOCS.mkdir(exist_ok=True)
    arguments = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
    with demo() as base, sync_playwright() as playwright:
        print("waiting four minutes for the demo to have something to say", flush=True)
        time.sleep(_STORY)
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        take(browser, base)
        browser.close()


if __name__ == "__main__":
    main()
