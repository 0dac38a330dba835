"""pytest: `--pool-leaks` fails the test that did not return a connection, and names the line.

Nothing is loaded and nothing is watched unless it is asked for. Every pool that is made from then
on is watched, whatever makes it. A checkout belongs to the test in which it was asked for; one
that a fixture of a module, package or session asked for belongs to that fixture, and is checked
when the session is over.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .leaktest import Leaktest

_HELP = "fail tests that do not return a connection of a pool"
_NAME = "pool-dashboard-leaks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and the same for the ini file."""
    group = parser.getgroup("pool-dashboard", "connection pools")
    group.addoption("--pool-leaks", action="store_true", default=False, help=_HELP)
    parser.addini("pool_leaks", _HELP, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Watch from here on: pools are made as early as the collection imports modules."""
    config.addinivalue_line(
        "markers", "allow_pool_leaks: this test may keep connections (for --pool-leaks)"
    )
    if config.getoption("--pool-leaks") or config.getini("pool_leaks"):
        from .leaktest import Leaktest

        config.pluginmanager.register(_Plugin(Leaktest()), _NAME)


class _Plugin:
    """The hooks; what they know is in `Leaktest`."""

    def __init__(self, leaktest: "Leaktest") -> None:
        self._leaktest = leaktest
        #: Of the test that runs: what it did not return, in words.
        self._message = ""
        self._is_ours = False

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """What a fixture with a wider scope asks for is its own."""
        if fixturedef.scope == "function":
            return (yield)
        before = self._leaktest.out()
        try:
            return (yield)
        finally:
            self._leaktest.lend(before, f"fixture {fixturedef.argname} ({fixturedef.scope})")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """The test's own checkouts begin with its fixtures'."""
        self._message = ""
        self._leaktest.begin(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """Once its fixtures are gone, nothing of it may be out."""
        self._leaktest.called()
        try:
            return (yield)
        finally:
            end = self._leaktest.end()
            item.user_properties.extend(end.peaks)
            if item.get_closest_marker("allow_pool_leaks") is None:
                self._message = end.message
            if self._message and not self._is_ours:
                # Another plugin runs the tests: all that can fail from here is the teardown.
                pytest.fail(self._message, pytrace=False)

    @pytest.hookimpl
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run the test as pytest does, and report when it is known what it left."""
        from _pytest.runner import runtestprotocol

        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._is_ours = True
        try:
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
        finally:
            self._is_ours = False
        self._blame(reports)
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _blame(self, reports: list[pytest.TestReport]) -> None:
        """The test fails: its call, or what comes last if it was not called."""
        if not self._message:
            return
        called = [each for each in reports if each.when == "call"] or reports[-1:]
        for report in called:
            if report.failed:
                report.sections.append(("connections that were not returned", self._message))
            else:
                report.outcome = "failed"
                report.longrepr = self._message

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collected where the summary is written, which with xdist is another process."""
        if report.when == "teardown":
            self._leaktest.note(report.nodeid, report.user_properties)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """What wider fixtures kept is known only here."""
        kept = self._leaktest.finish()
        if kept and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The busiest tests, and what fixtures left."""
        for title, lines in self._leaktest.summary():
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Every pool as it was."""
        self._leaktest.stop()
