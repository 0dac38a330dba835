"""What a test run knows of the pools: which checkouts are a test's own, and which are still out."""

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .model.claim import ASKED, GOT, LOST, OWNER, REASON, RETURNED, SITE, Claim
from .model.ports import Facts
from .recorder.plain import call_site
from .recorder.plain import owner as plain_owner
from .recorder.pool import PoolRecord
from .recorder.snapshots import settle
from .watching import Watches
from .watching_all import stop_all, watch_all

#: Begins the name of a test's property: the highest number of connections out at once.
_PEAK: Final = "pool_dashboard_peak:"
#: Frames of a stack, connections of a test and tests in the summary that are shown.
_FRAMES: Final = 8
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class End:
    """`message` is empty for a test that returned everything; `peaks` are its properties."""

    message: str
    peaks: tuple[tuple[str, object], ...]


class Leaktest:
    """Follows one test after the other; one for each process that runs tests."""

    def __init__(self) -> None:
        """Watches every pool from here on."""
        self._watches = Watches(time.monotonic)
        watch_all(self._watches)
        #: Claims that were out when the test began, or that a fixture keeps, by identity.
        self._known: dict[int, Claim] = {}
        self._lent: dict[int, tuple[Claim, str, str]] = {}
        self._records: dict[int, PoolRecord] = {}
        #: Of the records, by the same key.
        self._facts: dict[int, Facts] = {}
        #: What was out when the test had been called, before its fixtures went; with its record.
        self._called: list[tuple[PoolRecord, Claim]] = []
        #: What tests that have ended left out, for good.
        self._left: dict[int, Claim] = {}
        self._began = 0.0
        #: By test and pool, for the summary.
        self._peaks: dict[tuple[str, str], int] = {}
        self._kept: list[str] = []

    def out(self) -> dict[int, Claim]:
        """Every checkout that is out, also of pools that were collected meanwhile."""
        self._meet()
        return {id(claim): claim for record in self._records.values() for claim in _out_of(record)}

    def _meet(self) -> None:
        # Not `records()`: that would let go of a pool that the test has let go of.
        for watch, record in self._watches.entries():
            self._records[id(record)] = record
            self._facts[id(record)] = watch.probe

    def lend(self, before: dict[int, Claim], whose: str) -> None:
        """What is out and was not `before` belongs to a fixture."""
        for record in self._records_now():
            for claim in _out_of(record):
                if id(claim) not in before:
                    self._lent[id(claim)] = (claim, whose, record.name)

    def _records_now(self) -> list[PoolRecord]:
        self._meet()
        return list(self._records.values())

    def begin(self, _: str) -> None:
        """A test begins: what is out is not its own."""
        self._known = self.out()
        self._began = self._watches.clock()

    def called(self) -> None:
        """A test was called, its fixtures are still there."""
        self._called = [
            (record, claim) for record in self._records_now() for claim in self._own(record)
        ]

    def end(self) -> End:
        """A test ended, its fixtures too."""
        left: list[tuple[str, Claim]] = []
        peaks: list[tuple[str, object]] = []
        for record in self._records_now():
            settle(record)
            left += [(record.name, claim) for claim in self._left_in(record)]
            peak = peak_since(record, self._began, self._left)
            if peak:
                peaks.append((_PEAK + record.name, peak))
        self._left |= {id(claim): claim for _, claim in left}
        self._known = {}
        self._called = []
        self._forget_pools()
        return End(_message(left, self._watches.clock()), tuple(peaks))

    def _left_in(self, record: PoolRecord) -> Iterator[Claim]:
        """Still out, cut off by the end of the pool, or found by the garbage collector."""
        yield from self._own(record)
        cut_at: float | None = getattr(self._facts[id(record)], "cut_at", None)
        for whose, claim in self._called:
            ended = claim[RETURNED]
            if whose is record and cut_at is not None and ended is not None and ended >= cut_at:
                yield claim
        for claim in list(record.lost):
            if claim[ASKED] >= self._began and claim[SITE].index:
                yield claim

    def _own(self, record: PoolRecord) -> Iterator[Claim]:
        """What is out and belongs to the test."""
        for claim in _out_of(record):
            if id(claim) not in self._known and id(claim) not in self._lent:
                yield claim

    def _forget_pools(self) -> None:
        """Those that are gone, unless a fixture's connection is out."""
        alive = {id(record) for _, record in self._watches.records()}
        for number, record in list(self._records.items()):
            if number not in alive and not _out_of(record):
                del self._records[number], self._facts[number]

    def note(self, test: str, properties: Sequence[tuple[str, object]]) -> None:
        """What a test, maybe of another process, said at its end."""
        for name, value in properties:
            if name.startswith(_PEAK) and isinstance(value, int):
                self._peaks[test, name.removeprefix(_PEAK)] = value

    def finish(self) -> bool:
        """The run is over; whether fixtures left anything."""
        for claim, whose, pool in self._lent.values():
            if claim[RETURNED] is None or claim[REASON] == LOST:
                self._kept.append(f"{pool}: {call_site(claim[SITE])}, by {whose}")
        return bool(self._kept)

    def summary(self) -> Iterator[tuple[str, list[str]]]:
        """Sections for the terminal."""
        if self._kept:
            yield "connections that fixtures did not return", self._kept
        if self._peaks:
            busiest = sorted(self._peaks.items(), key=lambda entry: (-entry[1], entry[0]))
            lines = [f"{peak:4} {pool}  {test}" for (test, pool), peak in busiest[:_SHOWN]]
            yield "most connections out at once", lines

    def stop(self) -> None:
        """Every pool as it was."""
        stop_all(self._watches)
        self._watches.stop()


def _out_of(record: PoolRecord) -> list[Claim]:
    """Not those that were out before the watch: nobody knows their line."""
    ledger = record.ledger
    claims = [*list(ledger.open.values()), *list(ledger.retired.values())]
    return [claim for claim in claims if claim[SITE].index]


def peak_since(record: PoolRecord, start: float, without: Container[int] = ()) -> int:
    """The highest number of connections that were out at once, from `start` on.

    `without` these claims, by identity.
    """
    rows = record.trace.newest(len(record.trace))
    steps = [(claim[GOT], 1) for claim in _out_of(record) if id(claim) not in without]
    for asked, wait, hold, outcome in zip(
        rows.asked, rows.wait, rows.hold, rows.outcome, strict=True
    ):
        got = asked + wait
        if not outcome and got + hold >= start:
            steps += [(got, 1), (got + hold, -1)]
    most = level = 0
    for at, step in sorted(steps):
        level += step
        if at >= start:
            most = max(most, level)
    return most


def _message(left: Sequence[tuple[str, Claim]], now: float) -> str:
    if not left:
        return ""
    first = "1 connection was" if len(left) == 1 else f"{len(left)} connections were"
    lines = [f"{first} not returned:"]
    for pool, claim in left[:_SHOWN]:
        lines += _described(pool, claim, now)
    if len(left) > _SHOWN:
        lines.append(f"  and {len(left) - _SHOWN} more")
    return "\n".join(lines)


def _described(pool: str, claim: Claim, now: float) -> list[str]:
    who = plain_owner(claim[OWNER])
    ended = claim[RETURNED]
    fate = "still out"
    if ended is not None:
        is_lost = claim[REASON] == LOST
        fate = "found by the garbage collector" if is_lost else "cut off by the end of its pool"
    held = (now if ended is None else ended) - claim[GOT]
    lines = [f"  {pool}: {call_site(claim[SITE])} ({who}), {fate} after {held:.3g} s"]
    # Of the stack the application's own frames say where; the library's only how.
    own = [frame for frame in claim[SITE].stack if not frame[3]][:_FRAMES]
    return lines + [f"      {file}:{line} in {function}" for file, line, function, _ in own]
