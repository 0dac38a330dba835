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

from .advising import Advisor
from .analysis import what_else
from .backends import Backends
from .comparing import Comparing
from .developing import Incidents, with_loops
from .joining import Joined
from .model.comparison import Comparison
from .model.events import PoolEvent
from .model.findings import Advice, Brief, Incident, Suspect
from .model.heat import Heat
from .model.history import History, Mark
from .model.lanes import Lanes
from .model.limits import ServerLimit
from .model.passage import Passage
from .model.period import Period
from .model.snapshot import Overhead, PoolSnapshot, Snapshot, Source
from .model.whatif import Prediction
from .predicting import predict, whole
from .probes import stacks
from .probes.frames import SITES
from .recorder import claims, feed, heat, histories, lanes, periods
from .recorder.budget import fit
from .recorder.events import event_of
from .recorder.pool import PoolRecord
from .recorder.snapshots import Camera, settle, still
from .suspecting import Suspecting
from .watching import Watch, Watches
from .words import MARKS

_log = logging.getLogger("pool_dashboard")
#: Seconds that distributions of a snapshot cover.
WINDOW: Final = 900.0
#: Failures, errors and slow waits that one batch of events may have beside its samples.
_MOST_KEPT: Final = 200


class Reader:
    """Reads the records of one dashboard; in any thread."""

    def __init__(
        self,
        title: str,
        watches: Watches,
        leak_after: float | None,
        budget: int,
        long_holders: tuple[str, ...] = (),
        backends: Backends | None = None,
    ) -> None:
        """`leak_after` in seconds, `budget` in bytes, the others as in `Dashboard`."""
        self._backends = backends
        self.title = title
        self._watches = watches
        self._suspecting = Suspecting(watches, leak_after, long_holders)
        self._budget = budget
        self._told: set[str] = set()
        self._incidents = Incidents(watches, self._judge, WINDOW)
        self._advisor = Advisor(watches)
        self._comparing = Comparing(watches)

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
        loops = self._incidents.look()
        records = self._watches.records()
        camera = self._camera()
        pools = {record.name: _picture(camera, watch, record) for watch, record in records}
        for _, record in records:
            self._tell(record)
        self._advisor.look()
        self._comparing.look()
        taken = Snapshot(
            at=datetime.fromtimestamp(camera.wall, UTC),
            source=self.source,
            pools=with_loops(pools, loops),
            loops=loops,
            overhead=self._overhead([record for _, record in records]),
        )
        return self._joined().into(taken)

    def _joined(self) -> Joined:
        """What the server says, beside the pools; nothing without `backends=`."""
        records = [(watch.probe, record) for watch, record in self._watches.records()]
        return Joined(self._backends, records, self._watches.clock())

    def _overhead(self, records: list[PoolRecord]) -> Overhead:
        frozen = self._incidents.memory + self._comparing.memory
        is_coarser = fit(records, self._budget - frozen)
        return Overhead(
            memory=frozen + sum(record.memory for record in records),
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
        loops = self._incidents.look()
        for watch, record in self._watches.records():
            if record.name == name:
                picture = self._joined().into_pool(_picture(self._camera(), watch, record))
                return with_loops({name: picture}, loops)[name]
        return None

    def suspects(self) -> list[Suspect]:
        """Leak suspects, the most certain first."""
        return self._find(self.snapshot())

    def _find(self, snapshot: Snapshot) -> list[Suspect]:
        joined = self._joined()
        return self._suspecting.find(snapshot, joined.backends, joined.ghosts())

    def advice(self, server: ServerLimit | None = None) -> list[Advice]:
        """What to change, the most severe first; `server` as somebody entered it."""
        snapshot = self.snapshot()
        found = self._find(snapshot)
        return self._advisor.advise(snapshot, found, server)

    def collecting(self) -> dict[str, str]:
        """Pools of which too little is known for advice about their size, and what there is."""
        snapshot = self.snapshot()
        return self._advisor.collecting(snapshot, self._find(snapshot))

    def comparisons(self) -> list[Comparison]:
        """Pools before and after each mark and change of settings, the latest first."""
        self.snapshot()
        return self._comparing.all()

    def incidents(self) -> list[Incident]:
        """Moments when a pool ran out, the latest first."""
        self._incidents.look()
        return self._incidents.all()

    def briefs(self) -> list[Brief]:
        """The same without their pictures, as of the last snapshot."""
        return self._incidents.briefs()

    def incident(self, number: str) -> Incident | None:
        """One of them by its id; None when it is no longer kept."""
        self._incidents.look()
        return self._incidents.one(number)

    def _judge(self, pool: PoolSnapshot) -> list[Suspect]:
        """The suspects in the picture of an incident."""
        at = pool.at or datetime.now(UTC)
        alone = Snapshot(at=at, source=self.source, pools={pool.name: pool})
        return self._suspecting.frozen(alone)

    def history(
        self, name: str, seconds: float, points: int, until: float | None = None
    ) -> History:
        """What a pool did in the `seconds` before `until`, in at most `points` steps."""
        for _, record in self._watches.records():
            if record.name == name:
                now, end = self._watches.clock(), self._moment(until)
                with still(record):
                    past = histories.of(record, now, self.wall, seconds, points, end)
                return replace(past, marks=_marks_since(past.start))
        return History(start=(until or time.time()) - seconds, step=seconds)

    def _moment(self, until: float | None) -> float | None:
        """A UNIX time by the clock of the watch."""
        return None if until is None else until - time.time() + self._watches.clock()

    def period(self, name: str, start: float, end: float) -> Period | None:
        """What a pool did between two UNIX times; None when no pool has this name."""
        for _, record in self._watches.records():
            if record.name == name:
                now = self._watches.clock()
                offset = time.time() - now
                with still(record):
                    return periods.of(record, now, start - offset, end - offset, offset)
        return None

    def lanes(self, name: str, seconds: float, until: float | None = None) -> Lanes:
        """Who held each slot of a pool in the last `seconds`, as far as it is kept."""
        for _, record in self._watches.records():
            if record.name == name:
                settle(record)
                now, end = self._watches.clock(), self._moment(until)
                seen = lanes.of(record, now, self.wall, SITES, seconds, end)
                return replace(seen, marks=_marks_since(seen.start))
        return Lanes(start=(until or time.time()) - seconds, seconds=seconds)

    def heat(
        self,
        name: str | None,
        seconds: float,
        columns: int,
        measure: str = "wait",
        until: float | None = None,
    ) -> Heat:
        """How waits (`wait`) or holds (`use`) of one pool, or of all, were spread over time."""
        records = [
            record for _, record in self._watches.records() if name is None or record.name == name
        ]
        for record in records:
            settle(record)
        now = self._watches.clock()
        seen = heat.of(records, now, self.wall, seconds, columns, measure, self._moment(until))
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
        limit_per_host: int | None = None,
    ) -> Prediction | None:
        """What other sizes would have answered; None when no pool has this name."""
        for watch, record in self._watches.records():
            if record.name == name:
                return predict(
                    record,
                    watch.probe,
                    sizes,
                    timeout=timeout,
                    hold=hold,
                    limit_per_host=limit_per_host,
                )
        return None

    def what_else(
        self,
        name: str,
        question: str,
        sizes: Sequence[int] | None = None,
        site: str = "",
        server: ServerLimit | None = None,
    ) -> Prediction | None:
        """What something else than the size would have changed; None when no pool has this name."""
        sizes = None if sizes is None else whole(sizes)
        snapshot = self.snapshot()
        case = self._advisor.case(name, snapshot, self._find(snapshot), server)
        return None if case is None else what_else.ask(case, question, sizes, site)

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


def _picture(camera: Camera, watch: Watch, record: PoolRecord) -> PoolSnapshot:
    taken = camera.take(record, watch.probe)
    return replace(taken, health=watch.health, born_at=watch.born_at)


def _marks_since(start: float) -> tuple[Mark, ...]:
    return tuple(mark for mark in list(MARKS) if mark.at >= start)
