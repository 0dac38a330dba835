"""A real Chromium through Playwright, and pages that may not break their security policy.

Playwright's sync interface keeps an event loop running in the main thread: a test that uses it is
a plain function with plain fixtures, and all of them run last.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.house import chromium as finder

_NO_CHROMIUM = "no Chromium"
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A state is waited for; a slow machine may take its time.
expect.set_options(timeout=30_000)
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => reportViolation(
  `${event.violatedDirective} forbids ${event.blockedURI}, ${event.sourceFile}:${event.lineNumber}`
));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need a browser and runs them last."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; skips the test, with the command that installs one, if none."""
    path = finder.find()
    if path is None:
        pytest.skip(f"{_NO_CHROMIUM}: {finder.install_command()}")
    return path


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for the run; its profile, fonts and caches stay out of the user's home."""
    home = tmp_path_factory.mktemp("chromium")
    arguments = [*_ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else [*_ARGUMENTS]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=arguments, env={**os.environ, "HOME": str(home)}
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own; errors and policy violations in it fail the test."""
    context = browser.new_context()
    faults = collect_faults(context)
    yield context.new_page()
    settle(context)
    context.close()
    assert not faults, "\n".join(faults)


def collect_faults(context: BrowserContext) -> list[str]:
    """A list that grows with each page error and policy violation in any page of the context."""
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(f"page error: {error.error}"))
    context.expose_binding(
        "reportViolation", lambda source, what: faults.append(f"{source['page'].url}: {what}")
    )
    context.add_init_script(_REPORT_VIOLATIONS)
    return faults


def settle(context: BrowserContext) -> None:
    """One round trip for each page: what it reported before has then arrived."""
    for page in context.pages:
        page.evaluate("0")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts the browser tests that could not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(_NO_CHROMIUM in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(
            f"{count} browser tests skipped; to run them: {finder.install_command()}"
        )
