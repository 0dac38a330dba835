"""What pages, stream, API and metrics read: the port `Reading`, filled from the records."""

import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .analysis import suspects
from .model.events import PoolEvent
from .model.findings import Advice, Incident, Suspect
from .model.heat import Heat
from .model.history import History, Mark
from .model.lanes import Lanes
from .model.passage import Passage
from .model.snapshot import Overhead, PoolSnapshot, Snapshot, Source
from .model.whatif import Prediction
from .predicting import predict
from .probes import stacks
from .probes.frames import SITES
from .recorder import claims, feed, heat, histories, lanes
from .recorder.budget import fit
from .recorder.events import event_of
from .recorder.pool import PoolRecord
from .recorder.snapshots import Camera, settle, still
from .watching import Watches
from .words import MARKS

_log = logging.getLogger("pool_dashboard")
#: Seconds that distributions of a snapshot cover.
WINDOW: Final = 900.0
#: Failures, errors and slow waits that one batch of events may have beside its samples.
_MOST_KEPT: Final = 200


class Reader:
    """Reads the records of one dashboard; in any thread."""

    def __init__(self, title: str, watches: Watches, leak_after: float | None, budget: int) -> None:
        """`leak_after` in seconds, `budget` in bytes."""
        self.title = title
        self._watches = watches
        self._leak_after = leak_after
        self._budget = budget
        self._told: set[str] = set()

    @property
    def source(self) -> Source:
        """This process; asked anew, because it may have been forked."""
        service = os.environ.get("OTEL_SERVICE_NAME") or Path.cwd().name or "python"
        return Source(socket.gethostname(), os.getpid(), service)

    def wall(self, at: float) -> float:
        """Seconds of the clock as a UNIX time."""
        return time.time() - (self._watches.clock() - at)

    def _camera(self) -> Camera:
        return Camera(self._watches.clock(), time.time(), SITES, WINDOW, stacks.of_owner)

    def snapshot(self) -> Snapshot:
        """The state of every pool at this instant."""
        records = self._watches.records()
        camera = self._camera()
        pools = {record.name: camera.take(record, watch.probe) for watch, record in records}
        for _, record in records:
            self._tell(record)
        return Snapshot(
            at=datetime.fromtimestamp(camera.wall, UTC),
            source=self.source,
            pools=pools,
            overhead=self._overhead([record for _, record in records]),
        )

    def _overhead(self, records: list[PoolRecord]) -> Overhead:
        is_coarser = fit(records, self._budget)
        return Overhead(
            memory=sum(record.memory for record in records),
            budget=self._budget,
            sampled_out=self._watches.feed.sampled_out,
            coarser=bool(is_coarser),
        )

    def _tell(self, record: PoolRecord) -> None:
        """A probe's first failure is logged, here and not on the host's path."""
        if record.ledger.errors and record.name not in self._told:
            self._told.add(record.name)
            _log.warning(
                "watching %r failed at %s; the application is not affected",
                record.name,
                record.ledger.last_error,
            )

    def pool(self, name: str) -> PoolSnapshot | None:
        """One pool, None when no pool has this name."""
        for watch, record in self._watches.records():
            if record.name == name:
                return self._camera().take(record, watch.probe)
        return None

    def suspects(self) -> list[Suspect]:
        """Leak suspects, the most certain first."""
        return suspects.find(self.snapshot(), self._leak_after)

    def advice(self) -> list[Advice]:
        """What to change, the most severe first."""
        return []

    def incidents(self) -> list[Incident]:
        """Moments when a pool ran out, the latest first."""
        return []

    def incident(self, number: str) -> Incident | None:
        """One of them by its id; None when it is no longer kept."""
        return next((each for each in self.incidents() if each.id == number), None)

    def history(self, name: str, seconds: float, points: int) -> History:
        """What a pool did in the last `seconds`, in at most `points` steps."""
        for _, record in self._watches.records():
            if record.name == name:
                now = self._watches.clock()
                with still(record):
                    past = histories.of(record, now, self.wall, seconds, points)
                return replace(past, marks=_marks_since(past.start))
        return History(start=time.time() - seconds, step=seconds)

    def lanes(self, name: str, seconds: float) -> Lanes:
        """Who held each slot of a pool in the last `seconds`."""
        for _, record in self._watches.records():
            if record.name == name:
                settle(record)
                seen = lanes.of(record, self._watches.clock(), self.wall, SITES, seconds)
                return replace(seen, marks=_marks_since(seen.start))
        return Lanes(start=time.time() - seconds, seconds=seconds)

    def heat(self, name: str | None, seconds: float, columns: int, measure: str = "wait") -> Heat:
        """How waits (`wait`) or holds (`use`) of one pool, or of all, were spread over time."""
        records = [
            record for _, record in self._watches.records() if name is None or record.name == name
        ]
        for record in records:
            settle(record)
        now = self._watches.clock()
        seen = heat.of(records, now, self.wall, seconds, columns, measure)
        return replace(seen, marks=_marks_since(seen.start))

    def claim(self, number: int) -> Passage | None:
        """One checkout by the number that its events carry; None when it is no longer kept."""
        records = [record for _, record in self._watches.records()]
        for record in records:
            settle(record)
        return claims.find(records, number, SITES, self.wall)

    def whatif(
        self,
        name: str,
        sizes: Sequence[int] | None = None,
        timeout: float | None = None,
        hold: float = 1.0,
    ) -> Prediction | None:
        """What other sizes would have answered; None when no pool has this name."""
        for watch, record in self._watches.records():
            if record.name == name:
                return predict(record, watch.probe, sizes, timeout=timeout, hold=hold)
        return None

    def events(self, cursor: int, limit: int) -> tuple[Sequence[PoolEvent], int, int]:
        """Events after `cursor`: at most `limit` samples, and every failure."""
        for _, record in self._watches.records():
            settle(record)
            record.sweep()
        source = self._watches.feed
        newest = source.newest
        entries = source.since(cursor)
        if entries:  # Others may have been entered since.
            newest = entries[-1].number
        missed = max(0, newest - max(cursor, 0) - len(entries))
        chosen, left_out = feed.thin(entries, limit, _MOST_KEPT)
        return [event_of(entry) for entry in chosen], newest, missed + left_out


def _marks_since(start: float) -> tuple[Mark, ...]:
    return tuple(mark for mark in list(MARKS) if mark.at >= start)
