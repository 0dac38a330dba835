"""A blocked loop is seen from another thread, with the line that blocks it; the clock is moved."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dashboard.model.claim import LiveOwner
from dashboard.model.snapshot import LoopLag
from dashboard.probes import loops, owners
from dashboard.probes.loops import Loops
from dashboard.probes.sentry import NAME


class Running:
    """A loop in a thread of its own, with a task that owns something."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.owner: LiveOwner | None = None
        self._end = asyncio.Event()
        self._begun = threading.Event()
        self.thread = threading.Thread(target=self._run, name="the shop")
        self.thread.start()
        assert self._begun.wait(30)

    def _run(self) -> None:
        self.loop.run_until_complete(self._live())
        self.loop.close()

    async def _live(self) -> None:
        self.owner = owners.asker()
        self._begun.set()
        await self._end.wait()

    def block(self) -> "Blocking":
        """The loop does nothing else until it is released."""
        blocking = Blocking()
        self.loop.call_soon_threadsafe(blocking.render_invoice)
        assert blocking.begun.wait(30)
        return blocking

    def settle(self) -> None:
        """Until the loop has run what it was given."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(done.set)
        assert done.wait(30)

    def end(self) -> None:
        """Ends loop and thread."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self._end.set)
            self.thread.join(30)


class Blocking:
    """What keeps a loop busy."""

    def __init__(self) -> None:
        self.begun, self.release = threading.Event(), threading.Event()

    def render_invoice(self) -> None:
        """Blocks."""
        self.begun.set()
        self.release.wait(60)


class Clock:
    """Moved by the test."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def eventually(condition: Callable[[], object]) -> None:
    """Polls until it holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def is_guarded() -> bool:
    """Whether a sentry looks."""
    return NAME in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.end()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Timers come at once: the clock is ours, theirs is not."""
    monkeypatch.setattr(loops, "PERIOD", 0.01)
    return Clock()


@pytest.fixture
def seen(clock: Clock) -> Iterator[Loops]:
    made = Loops(clock)
    yield made
    made.close()


@pytest.fixture
def look(running: Running, seen: Loops) -> Callable[[], tuple[LoopLag, ...]]:
    assert running.owner is not None
    held = {"orders": [running.owner]}
    return lambda: seen.look(lambda: held)


def test_calm_loop_says_nothing(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    assert look() == ()
    running.settle()
    clock.now += 0.4
    assert look() == ()


def test_blocking_line_is_named(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    look()
    running.settle()
    blocking = running.block()
    clock.now += 4.0
    (late,) = look()
    assert (late.is_blocked, late.name, late.pools) == (True, "the shop", ("orders",))
    assert 3.9 < late.lag <= 4.0
    own = next(frame for frame in late.stack if not frame.is_library)
    assert (own.function, own.file.endswith("test_loops.py")) == ("Blocking.render_invoice", True)
    assert [frame.function for frame in late.stack][-1] == "Handle._run"
    blocking.release.set()
    eventually(lambda: not look()[0].is_blocked)
    (ended,) = look()
    assert ended.stack == late.stack
    assert ended.lag == pytest.approx(late.lag)


def test_block_before_the_first_answer_counts(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    blocking = running.block()
    look()
    clock.now += 0.5
    assert look() == ()
    clock.now += 0.1
    assert [(each.is_blocked, each.name) for each in look()] == [(True, "the shop")]
    blocking.release.set()


def test_nobody_looking_ends_the_timer(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    look()
    running.settle()
    clock.now += 60
    eventually(lambda: running.loop._scheduled == [])  # type: ignore[attr-defined]


def test_sentry_lives_while_somebody_watches(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    look()
    running.settle()
    assert not is_guarded()  # Who asks once needs no thread.
    clock.now += 1.0
    look()
    assert is_guarded()
    clock.now += 60
    eventually(lambda: not is_guarded())


def test_loop_that_ended_is_not_blocked(
    running: Running, clock: Clock, look: Callable[[], tuple[LoopLag, ...]]
) -> None:
    look()
    running.end()
    clock.now += 60
    assert look() == ()


def test_loop_stays_that_of_a_pool_whose_owner_ended(
    running: Running, clock: Clock, seen: Loops
) -> None:
    assert running.owner is not None
    held: dict[str, list[LiveOwner | asyncio.AbstractEventLoop]] = {"orders": [running.owner]}
    seen.look(lambda: held)
    running.settle()
    held["orders"] = [owners.NOBODY]
    clock.now += 2.0
    seen.look(lambda: held)
    running.settle()
    blocking = running.block()
    clock.now += 4.0
    (late,) = seen.look(lambda: held)
    assert late.pools == ("orders",)
    blocking.release.set()


def test_loop_of_the_pool_itself_is_watched(running: Running, clock: Clock, seen: Loops) -> None:
    blocking = running.block()
    assert seen.look(lambda: {"orders": [running.loop]}) == ()
    clock.now += 4.0
    (late,) = seen.look(lambda: {"orders": [running.loop]})
    assert (late.is_blocked, late.pools) == (True, ("orders",))
    blocking.release.set()


def test_threads_have_no_loop(clock: Clock) -> None:
    seen = Loops(clock)
    assert seen.look(lambda: {"orders": [owners.per_thread.owner, owners.NOBODY]}) == ()
    clock.now += 60
    assert seen.look(dict) == ()
