"""`watch_all`: every pool that the process makes from here on, and nobody has to name it."""

import atexit
import logging
import os
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from .model.origin import CallSite
from .model.seen import Birth
from .nursery import Nursery
from .probes._births import BIRTHS
from .recorder.pool import PoolRecord
from .watching import Watch, Watches, default_name

#: Set to anything but 0, it leaves the process as it is.
DISABLED: Final = "POOL_DASHBOARD_DISABLED"
#: Pools that are watched at a time; those beyond are counted.
MOST: Final = 1000
_SWEEP: Final = 64
_log: Final = logging.getLogger("pool_dashboard")


class WatchAll:
    """Watches pools as they are made; a context manager that stops at its end.

    Each gets a watch of its own, with `born_at`, the line that made it, named after its host and
    database. A pool that is collected takes its watch with it.
    """

    def __init__(self, watches: Watches) -> None:
        """`watches` is where the watches go."""
        self._watches = watches
        self._nursery = Nursery()
        self._forgotten_by, watches.forgetting = watches.forgetting, self._forget
        #: Our watches, each with the name that it was given.
        self._made: dict[Watch, str] = {}
        self._sweep_at = _SWEEP
        self._is_stopped = self._is_started = False
        #: Pools beyond the limit, and how often watching one failed.
        self.skipped = self.errors = 0
        self.last_error = ""
        self.renew_lock()

    def renew_lock(self) -> None:
        """Pools are made in several threads, and names are given to one at a time."""
        self._lock = threading.RLock()
        self._nursery.renew_lock()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop()` was called, or watching is disabled."""
        return self._is_stopped

    @property
    def watches(self) -> tuple[Watch, ...]:
        """The watches that there are of it."""
        return tuple(each for each in list(self._made) if not each.is_stopped)

    def start(self) -> None:
        """Listen; nothing when POOL_DASHBOARD_DISABLED is set."""
        if os.environ.get(DISABLED, "0") not in {"", "0"}:
            self._is_stopped = True
        with self._lock:
            is_first = not (self._is_started or self._is_stopped)
            self._is_started = True
        if is_first:
            BIRTHS.listen(self)
            atexit.register(self.at_exit)

    def stop(self) -> None:
        """Put the constructors back, if no other dashboard needs them, and end our watches."""
        with self._lock:
            was_stopped, self._is_stopped = self._is_stopped, True
            _all.pop(self._watches, None)
        if not was_stopped:
            BIRTHS.forget(self)
            atexit.unregister(self.at_exit)
        for each in self.watches:
            each.stop()
        self._made.clear()

    def born(self, newborn: object, made_at: CallSite) -> None:
        """A pool, or what owns one, was made; in the host's thread."""
        try:
            with self._lock:
                if not self._is_stopped:
                    self._watch(newborn, made_at)
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            self.broke("watching", error)

    def broke(self, where: str, error: Exception) -> None:
        """Counted; not its text, which may have an address in it."""
        self.errors += 1
        self.last_error = f"{where}: {type(error).__name__}"

    def _watch(self, newborn: object, made_at: CallSite) -> None:
        self._sweep()
        if len(self._made) >= MOST:
            self.skipped += 1
            return
        watched = self._watches.add(newborn, None)
        if watched in self._made:
            self._meet(watched, newborn)
        elif watched.born_at is None:  # Else it was watched by hand meanwhile.
            watched.born_at = made_at
            self._made[watched] = watched.name
            self._nursery.born(watched, newborn, made_at, self._watches.clock())

    def _forget(self, watched: Watch, record: PoolRecord) -> None:
        self._nursery.gone(watched, record)
        self._forgotten_by(watched, record)

    def births(self) -> list[Birth]:
        """What each line made, and what became of it."""
        return self._nursery.births(self._watches.clock(), self._watches.records())

    def at_exit(self) -> None:
        """The process ends: what nobody closed goes to the log, for nobody reads a page then."""
        try:
            open_still = list(self._open_still())
            if open_still and _log.hasHandlers():  # Else it would go to standard error.
                _log.warning(
                    "still open when the process ended: %s; close each where it is made",
                    ", ".join(open_still),
                )
        except Exception as error:  # noqa: BLE001 -- the host must not notice
            self.broke("exit", error)

    def _open_still(self) -> Iterator[str]:
        for watched, record in self._watches.records():
            connections = list(record.ledger.connections.values())
            count = sum(connection.is_open for connection in connections)
            if watched in self._made and record.ledger.state == "open" and count:
                noun = "connection" if count == 1 else "connections"
                yield f"{watched.name} ({count} {noun}, made at {watched.born_at})"

    def _meet(self, watched: Watch, owner: object) -> None:
        """The pool was there before its owner, who knows where it leads."""
        meet = getattr(watched.probe, "meet", None)
        if meet is None:
            return
        meet(owner)
        if watched.name == self._made[watched]:
            self._watches.add(owner, default_name(watched.probe))
            self._made[watched] = watched.name

    def _sweep(self) -> None:
        """Forget pools that were collected; seldom enough to cost nothing for each."""
        if len(self._made) >= self._sweep_at:
            self._watches.records()
            self._made = {each: name for each, name in self._made.items() if not each.is_stopped}
            self._sweep_at = max(_SWEEP, 2 * len(self._made))

    def __enter__(self) -> Self:
        """The same."""
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
        """`<WatchAll: 3 pools>`."""
        return f"<WatchAll: {'stopped' if self._is_stopped else f'{len(self.watches)} pools'}>"


def watch_all(watches: Watches) -> WatchAll:
    """Watch every pool of a supported library from now on; the same until it is stopped."""
    known = _all.get(watches) or _all.setdefault(watches, WatchAll(watches))
    known.start()
    return known


def stop_all(watches: Watches) -> None:
    """Stop it, if it was begun."""
    known = _all.get(watches)
    if known is not None:
        known.stop()


def births_of(watches: Watches) -> list[Birth]:
    """Pools that were made since `watch_all` began; empty without it."""
    known = _all.get(watches)
    return known.births() if known is not None else []


#: Until they are stopped: `Dashboard().watch_all()` need not be kept.
_all: Final[dict[Watches, WatchAll]] = {}


def _after_fork() -> None:
    for each in list(_all.values()):
        each.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
