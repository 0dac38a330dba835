"""SQLAlchemy's official pool events: connections opened, closed, and closed after a detach."""

import contextlib
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, exc
from sqlalchemy.pool import Pool

from . import _sqlalchemy_facts as facts

if TYPE_CHECKING:
    from .sqlalchemy import Probe


def guarded(where: str) -> Callable[[Any], Any]:
    """What fails in a method is counted and goes no further: the host must not notice."""

    def guard(method: Callable[..., None]) -> Callable[..., None]:
        @wraps(method)
        def passing(self: Any, *args: Any) -> None:
            try:
                method(self, *args)
            except Exception as error:
                self.broke(where, error)

        return passing

    return guard


class Events:
    """The listeners of one probe."""

    def __init__(self, probe: "Probe") -> None:
        """Nothing is listened to yet."""
        self._probe = probe
        #: By connection: its record, and whether the pool had that before.
        self._open: dict[int, tuple[int, bool]] = {}
        self._listeners = (
            ("connect", self._on_connect),
            ("close", self._on_close),
            ("close_detached", self._on_close_detached),
        )

    def listen(self, pool: Pool) -> None:
        """Those of a pool go on with the pool that takes its place."""
        for name, listener in self._listeners:
            event.listen(pool, name, listener)

    def remove(self, pool: Pool) -> None:
        """Leave no listener."""
        for name, listener in self._listeners:
            with contextlib.suppress(exc.InvalidRequestError):
                event.remove(pool, name, listener)
            # A later generation's are copies, known by the first pool: which may be gone.
            with contextlib.suppress(ValueError, AttributeError):
                getattr(pool.dispatch, name).listeners.remove(listener)

    def broke(self, where: str, error: BaseException) -> None:
        """The probe counts."""
        self._probe.broke(where, error)

    def has_open(self, number: int) -> bool:
        """Whether a record's connection was opened and not closed."""
        return any(number == each for each, _ in self._open.values())

    def forget(self) -> None:
        """The pool was cleared."""
        self._open.clear()

    @guarded("connect event")
    def _on_connect(self, connection: object, record: Any) -> None:
        pool = self._probe.pool
        if self._probe.is_stopped or pool is None or facts.pool_of_record(record) is not pool:
            return
        self._probe.is_cleared = False
        # A pool may be watched before an engine is made of it.
        self._probe.statements.follow(pool)
        # A record that is being made has no such attribute yet.
        self._open[id(connection)] = (id(record), hasattr(record, "finalize_callback"))
        self._probe.tap.sink.created(id(record), self._probe.facts_of(record))

    @guarded("close event")
    def _on_close(self, connection: object, record: Any) -> None:
        if self._probe.is_stopped:
            return
        self._open.pop(id(connection), None)
        reason, error = facts.why_closed()
        if reason == "stale":
            self._probe.picked.pop(
                id(record), None
            )  # What follows is a new connection, not a ping.
        # After these the record stays in the pool and counts as checked in.
        is_current = facts.pool_of_record(record) is self._probe.pool
        keeps_slot = is_current and reason in {"error", "stale"}
        number = -id(record) if id(record) in self._probe.late else id(record)
        self._probe.tap.blame(number, error)
        self._probe.tap.sink.closed(number, reason, keeps_slot=keeps_slot)

    @guarded("close")
    def was_stranded(self, connection: object) -> None:
        """A connection is being closed; without an event when another listener refused it."""
        number, keeps_slot = self._open.pop(id(connection), (0, False))
        if number and not self._probe.is_stopped:
            self._probe.opened.pop(number, None)
            self._probe.tap.sink.closed(number, "error", keeps_slot=keeps_slot)

    @guarded("close event")
    def _on_close_detached(self, connection: object) -> None:
        self._open.pop(id(connection), None)
        if not self._probe.is_stopped:
            # Its record, and that one's number, belong to another connection by now.
            self._probe.tap.sink.closed(id(connection), "detached")
