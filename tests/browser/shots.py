"""Makes the reference screenshots of the docs from the real demo: `python -m tests.browser.shots`.

They are looked at, not compared: `docs/overview.png` and `docs/pool.png`, 1440 wide, light.
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

from playwright.sync_api import Browser, sync_playwright

from tests.house import chromium
from tests.house.browser import collect_faults, settle

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
#: Seconds that the demo gets to start, and until its charts are full enough to be worth showing.
_START = 120.0
_STORY = 240.0


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo that answers; ended when done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "dashboard", "demo", "--listen", listen]
    process = subprocess.Popen(
        command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)}, stdout=sys.stderr
    )
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


def interesting(base: str) -> str | None:
    """The pool that is worth a picture: the one with suspects, else the busiest."""
    suspects = [each for each in ask(f"{base}/api/suspects") or [] if each["ended_at"] is None]
    if suspects:
        return str(suspects[0]["pool"])
    pools = ask(f"{base}/api/pools") or []
    return max(pools, key=lambda pool: pool["used"])["name"] if pools else None


def shoot(browser: Browser, address: str, path: Path) -> None:
    """The whole page, after the stream has begun; fails on a violation of the policy."""
    context = browser.new_context(color_scheme="light", viewport={"width": 1440, "height": 900})
    faults = collect_faults(context)
    page = context.new_page()
    page.goto(address)
    page.locator("#live-word", has_text="Live").wait_for()
    page.wait_for_timeout(1500)
    page.screenshot(path=path, full_page=True)
    settle(context)
    context.close()
    if faults:
        raise SystemExit("\n".join(faults))


def main() -> None:
    """Overview first; then the pool in trouble."""
    path = chromium.find()
    if path is None:
        raise SystemExit(f"no Chromium; install one: {chromium.install_command()}")
    _DOCS.mkdir(exist_ok=True)
    arguments = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
    with demo() as base, sync_playwright() as playwright:
        print("waiting four minutes for the demo to have something to say", flush=True)
        time.sleep(_STORY)
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        shoot(browser, f"{base}/?range=5m", _DOCS / "overview.png")
        name = interesting(base)
        if name is not None:
            shoot(browser, f"{base}/pools/{name}?range=5m", _DOCS / "pool.png")
        browser.close()
    print(f"wrote {_DOCS}/overview.png and pool.png")


if __name__ == "__main__":
    main()
