"""Whatever breaks inside, the host sees what it would have seen without us."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.pool import QueuePool

import dashboard.probes._sqlalchemy_events as hooked_events
import dashboard.probes._sqlalchemy_facts as facts
import dashboard.probes._sqlalchemy_failures as failures
import dashboard.probes._sqlalchemy_hooks as hooks
import dashboard.probes._sqlalchemy_statements as statements
import dashboard.probes._using as using
from dashboard.probes import tap
from dashboard.probes.emitter import Emitter
from dashboard.probes.frames import Locator
from dashboard.probes.sqlalchemy import Probe
from dashboard.recorder.ledger import Ledger

from .contract import EmitterEyes, LedgerEyes
from .test_host import _engine, _refuse

_SINK = ("asked", "got", "failed", "returned", "creating", "created", "known", "closed")
_SINK_RARE = ("detached", "dropped", "cleared", "broke", "using", "used")
INTERNALS = [
    *((kind, name) for kind in (Ledger, Emitter) for name in (*_SINK, *_SINK_RARE)),
    (Ledger, "look"),
    (Locator, "search"),
    (hooks, "running_loop"),
    (hooks, "of_task"),
    (failures, "trim"),
    (hooks, "getframe"),
    (hooks, "new_claim"),
    (facts, "backend_pid"),
    (facts, "why_closed"),
    (facts, "kept"),
    (facts, "is_detaching"),
    (facts, "pool_of_record"),
    (hooked_events.Events, "forget"),
    (Probe, "phases_of"),
    (Probe, "facts_of"),
    (using, "of_task"),
    (using, "Use"),
    (statements.Statements, "_overrides"),
    (Probe, "_hook"),
]


class BoomError(Exception):
    """What our own code raises in these tests."""


def _boom(*_: object, **__: object) -> None:
    raise BoomError


def _a_host_at_work(engine: Any) -> list[str]:
    """All that can happen to a pool; what the host saw of it."""
    seen: list[str] = []

    def note(what: Callable[[], object]) -> None:
        try:
            seen.append(type(what()).__name__)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is compared
            seen.append(f"{type(error).__name__}: {error}")

    first = engine.connect()
    second = engine.connect()
    note(engine.connect)  # times out
    note(second.invalidate)
    note(second.close)
    note(first.detach)
    note(first.close)
    leaked = engine.connect()
    del leaked
    gc.collect()
    third = engine.connect()
    note(lambda: third.execute(text("SELECT 1")).scalar())
    note(lambda: third.execute(text("SELECT missing")))
    note(third.commit)
    note(engine.dispose)
    note(third.close)
    event.listen(engine, "do_connect", _refuse)
    note(engine.connect)
    event.remove(engine, "do_connect", _refuse)
    note(engine.connect().close)
    seen.append(engine.pool.status())
    engine.dispose()
    return seen


@pytest.mark.parametrize("eyes", [LedgerEyes, EmitterEyes], ids=["ledger", "emitter"])
@pytest.mark.parametrize(
    ("owner", "name"), INTERNALS, ids=lambda each: getattr(each, "__name__", each)
)
def test_broken_internals_change_nothing(
    owner: Any, name: str, eyes: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _a_host_at_work(_engine(pool_pre_ping=True))
    engine, sink = _engine(pool_pre_ping=True), eyes().sink
    tapped = tap(engine, sink)
    if (owner, name) in {(hooks, "getframe"), (hooks, "running_loop")} or owner is not Probe:
        tapped.remove(sink)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, _boom)
            try:
                tapped = tap(engine, sink)
            except BoomError:  # A watch may refuse to begin.
                return
            assert _a_host_at_work(engine) == expected
        return
    monkeypatch.setattr(owner, name, _boom)
    assert _a_host_at_work(engine) == expected


def test_broken_clock_changes_nothing() -> None:
    expected = _a_host_at_work(_engine())
    engine, eyes = _engine(), EmitterEyes()
    tapped = tap(engine, eyes.sink)
    eyes.sink.now = _boom  # type: ignore[assignment]
    assert _a_host_at_work(engine) == expected
    assert "the probe failed" in tapped.probe.limited[-1]
    assert type(engine.pool) is QueuePool
