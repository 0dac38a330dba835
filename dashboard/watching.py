"""Watches: what ties a pool's probe to the record that a dashboard keeps of it."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from . import options
from .model.claim import Connection
from .model.events import PoolEvent, PoolOpened
from .model.health import Health
from .model.origin import CallSite
from .model.ports import Sink
from .probes import Probe, Tapped, module_for, moments, tap
from .probes.emitter import Emitter
from .probes.frames import UNKNOWN
from .probes.owners import NOBODY, keep_time
from .probes.swap import probe_of
from .recorder.budget import BUDGET, trim
from .recorder.feed import Feed
from .recorder.incidents import Shelf
from .recorder.pool import PoolRecord

#: Held while a watch begins or ends, in any dashboard: they share the probe of a pool.
_changing: Final = threading.RLock()


class Strangers:
    """Site and owner of what was out before the watch began."""

    site = UNKNOWN
    owner = NOBODY


class Watch:
    """A watched pool; a context manager that stops at its end."""

    def __init__(
        self, name: str, tapped: Tapped, sink: Sink, forget: "Callable[[Watch], None]"
    ) -> None:
        """`forget` is called once, when the watch stops."""
        self.name = name
        self._tapped = tapped
        self._sink = sink
        self._forget = forget
        self._is_stopped = self._has_given_up = False
        #: The line that made the pool, where `watch_all()` saw it.
        self.born_at: CallSite | None = None
        #: The process that this one was forked from, and the connections that both have since.
        self.inherited: tuple[int, tuple[Connection, ...]] | None = None
        #: What its health query has seen, where there is one.
        self.health: Health | None = None

    @property
    def probe(self) -> Probe:
        """The probe that this watch shares with other dashboards."""
        return self._tapped.probe

    @property
    def is_stopped(self) -> bool:
        """Whether `stop()` was called."""
        return self._is_stopped

    def stop(self) -> None:
        """End the watch; the last one of a pool puts the pool back as it was."""
        with _changing:
            if self._is_stopped:
                return
            self._is_stopped = True
            if not self._has_given_up:
                self._tapped.remove(self._sink)
            self._forget(self)

    def give_up(self) -> None:
        """The probe failed too often: the pool is as it was, what was recorded stays readable.

        Called on the host's path, so it takes no lock.
        """
        if not self._has_given_up:
            self._has_given_up = True
            self._tapped.remove(self._sink)

    def __enter__(self) -> Self:
        """The watch itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        """`<Watch orders (sqlalchemy)>`."""
        state = ", stopped" if self._is_stopped else ""
        return f"<Watch {self.name} ({self.probe.library}{state})>"


def watch(
    target: object,
    emit: Callable[[PoolEvent], object],
    *,
    name: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Watch:
    """Events only: `emit` is called with each event of the pool, on the host's path.

    It must be quick and may be called in any thread and by the garbage collector; what it raises
    is swallowed. For the user's own tests and tools.
    """
    options.function("watch()", emit, "a function of an event as its second argument")
    options.clock(clock)
    sink = Emitter(options.pool_name(name) if name is not None else "", emit, clock)
    with _changing:
        tapped = tap(target, sink)
    if name is None:
        sink.pool = default_name(tapped.probe)
    sink.opened(tapped.probe.library)
    return Watch(sink.pool, tapped, sink, _nothing)


def _nothing(*_: object) -> None:
    """No dashboard has to forget this watch."""


def default_name(probe: Probe) -> str:
    """The redacted host and database, else the kind of pool."""
    address = options.printable(probe.address)
    return address if address not in {"", ".", ".."} else probe.kind


class Watches:
    """The watches of one dashboard, by name."""

    def __init__(self, clock: Callable[[], float], budget: int = BUDGET) -> None:
        """`budget` in bytes, for all of them."""
        self.clock = clock
        self._budget = budget
        keep_time(self, clock)
        self.feed = Feed()
        self.shelf = Shelf()
        #: Called with what is about to be forgotten.
        self.forgetting: Callable[[Watch, PoolRecord], object] = _nothing
        self._by_name: dict[str, tuple[Watch, PoolRecord]] = {}
        _all.add(self)

    def add(self, target: object, name: str | None) -> Watch:
        """Watch a pool; one that is watched already keeps its watch and takes the new name."""
        wanted = options.pool_name(name) if name is not None else None
        with _changing:
            return self._add(target, wanted)

    def _add(self, target: object, wanted: str | None) -> Watch:
        known = self._find(target)
        if known is not None:
            if wanted is not None and wanted != known.name:
                self._rename(known, wanted)
            return known
        record = PoolRecord(wanted or "", self.clock, self.feed, Strangers(), self.shelf)
        record.box.doing = moments.of_owners
        record.grew = self._grew
        tapped = tap(target, record.ledger)
        record.box.in_use = tapped.probe.in_use_by
        record.name = self._free(wanted or default_name(tapped.probe))
        watched = Watch(record.name, tapped, record.ledger, self._forget)
        record.ledger.give_up = watched.give_up
        self._by_name[record.name] = (watched, record)
        library = tapped.probe.library
        opened = PoolOpened.__name__
        self.feed.add(self.clock(), record.name, opened, True, reason=library)  # noqa: FBT003
        return watched

    def _find(self, target: object) -> Watch | None:
        probe = probe_of(module_for(target).pool_of(target))
        for watch, _ in list(self._by_name.values()):
            if probe is not None and watch.probe is probe:
                return watch
        return None

    def _free(self, name: str) -> str:
        """The name, with a number if another pool has it."""
        number, free = 1, name
        while free in self._by_name:
            number += 1
            free = f"{name} ({number})"
        return free

    def _rename(self, watch: Watch, name: str) -> None:
        entry = self._by_name.pop(watch.name)
        watch.name = entry[1].name = self._free(name)
        self._by_name[watch.name] = entry

    def _forget(self, watch: Watch) -> None:
        entry = self._by_name.pop(watch.name, None)
        if entry is not None:
            self.forgetting(*entry)

    def entries(self) -> list[tuple[Watch, PoolRecord]]:
        """The watches with their records, those of collected pools too."""
        return list(self._by_name.values())

    def records(self) -> list[tuple[Watch, PoolRecord]]:
        """The watches with their records; those whose pool was collected end here."""
        gone = [watch for watch, _ in list(self._by_name.values()) if watch.probe.is_gone]
        for watch in gone:
            watch.stop()
        return list(self._by_name.values())

    def _grew(self, record: PoolRecord) -> None:
        """Also when nobody reads, all pools together stay within the budget."""
        records = [each for _, each in list(self._by_name.values())]
        trim(record, records, self._budget - self.shelf.memory)

    def stop(self) -> None:
        """End every watch."""
        for watch, _ in list(self._by_name.values()):
            watch.stop()

    def after_fork(self) -> None:
        """The child has its own counts: begin again with what it inherited."""
        self.feed.reset()
        self.shelf.reset()
        for watch, record in list(self._by_name.values()):
            record.reset()
            watch.probe.adopt(record.ledger)
            watch.inherited = os.getppid(), tuple(record.ledger.connections.values())


_all: Final["weakref.WeakSet[Watches]"] = weakref.WeakSet()


def _after_fork() -> None:
    try:
        for watches in list(_all):
            watches.after_fork()
    finally:
        _changing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_after_fork
    )
