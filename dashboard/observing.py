"""What is noticed of a pool from look to look, beside its snapshot: for the rules that advise."""

import os
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Final
from weakref import ref

from .model.claim import CONNECTION, GOT, OWNER, Claim, Connection
from .model.distribution import EMPTY, Distribution, buckets_of
from .model.seen import Closing, Home, HostUse, Seen, Start
from .recorder import histories
from .recorder.pool import PoolRecord
from .recorder.trace import Rows
from .watching import Watch

#: What was noticed is told for so many seconds.
_REMEMBERED: Final = 900.0
#: For so many seconds idle times are not taken again.
_FRESH: Final = 15.0
#: Rows of the trace over which idle times are taken.
_LOOKED_AT: Final = 20_000
#: The name of the threads in which Starlette and FastAPI run what does not await.
_THREADS: Final = "AnyIO worker thread"
#: The first minute of a pool is compared with what comes after, while both are remembered.
_MINUTE: Final = 60.0
_FIRST: Final = (120.0, 880.0)
_AT_ONCE: Final = 2
_NUMBERS: Final = 0xFFFF


class Notes:
    """What was noticed of one pool."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._hosts: dict[str, tuple[float, HostUse]] = {}
        self._threads: tuple[float, int] = (0.0, 0)
        self._idle: tuple[float, Distribution] = (-inf, EMPTY)
        self._start: Start | None = None
        self._has_start = False
        self._levels: Counter[int] = Counter()
        self._levels_at: float | None = None

    def look(self, watch: Watch, record: PoolRecord, now: float) -> None:
        """Called with each snapshot; quick while nobody waits."""
        if record.ledger.pending:
            # The host goes on meanwhile, and may change what is looked at: the next look will do.
            with suppress(RuntimeError, AttributeError):
                self._note_hosts(watch, now)
            self._note_threads(record, now)
        self._note_levels(record, now)
        age = now - record.since
        if not self._has_start and age >= _FIRST[0]:
            self._has_start = True
            self._start = _start(record, now) if age <= _FIRST[1] else None

    def seen(self, watch: Watch, record: PoolRecord, now: float) -> Seen:
        """For the rules."""
        at, idle = self._idle
        if not 0 <= now - at < _FRESH:
            idle = idle_before(record.trace.newest(_LOOKED_AT))
            self._idle = now, idle
        since = now - _REMEMBERED
        shortest: float = getattr(watch.probe, "shortest_timeout", inf)
        return Seen(
            closings=closings(record, now),
            hosts=tuple(use for at, use in list(self._hosts.values()) if at >= since),
            start=self._start,
            home=_home(watch, record),
            idle_before=idle,
            levels=dict(self._levels),
            unprepared=getattr(getattr(watch.probe, "statements", None), "unprepared", 0),
            threads=self._threads[1] if self._threads[0] >= since else 0,
            acquire_timeout=shortest if shortest < inf else None,
        )

    def _note_hosts(self, watch: Watch, now: float) -> None:
        hosts: Any = getattr(watch.probe, "hosts", None)
        if hosts is None:
            return
        found = hosts()
        total = sum(used for _, used, _, _ in found)
        for host, used, _, waiting in found:
            use = HostUse(host=host, used=used, waiting=waiting, total_used=total)
            at, known = self._hosts.get(host, (-inf, use))
            is_more = _tightness(use) >= _tightness(known) or now - at > _REMEMBERED
            if is_more and (waiting or used):
                self._hosts[host] = now, use

    def _note_levels(self, record: PoolRecord, now: float) -> None:
        """How many were out at the end of each second, or minute, since the last time."""
        since = record.since if self._levels_at is None else self._levels_at
        if now - since >= _MINUTE:
            step, found = histories.used(record, now, now - since)
            for level, count in Counter(found).items():
                self._levels[level] += round(count * step)
            self._levels_at = now

    def _note_threads(self, record: PoolRecord, now: float) -> None:
        count = len({claim[OWNER].ident for claim in _claims(record) if _is_framework(claim)})
        at, known = self._threads
        if count and (count >= known or now - at > _REMEMBERED):
            self._threads = now, count


def _tightness(use: HostUse) -> tuple[int, int]:
    """Those who wait are also those who are just connecting: with few in use they say little."""
    return use.used if use.waiting else 0, use.waiting


def _is_framework(claim: Claim) -> bool:
    owner = claim[OWNER]
    return owner.kind == "thread" and str(owner.name).startswith(_THREADS)


def idle_before(rows: Rows) -> Distribution:
    """How long a connection lay idle before each checkout of the trace."""
    ended: dict[int, float] = {}
    gaps = array("d")
    for asked, wait, hold, number, outcome in zip(
        rows.asked, rows.wait, rows.hold, rows.connection, rows.outcome, strict=True
    ):
        if outcome:
            continue
        got = asked + wait
        before = ended.get(number)
        if before is not None:
            gaps.append(max(0.0, got - before))
        ended[number] = got + hold
    return Distribution(Counter(buckets_of(gaps)))


def closings(record: PoolRecord, now: float) -> tuple[Closing, ...]:
    """The connections that were closed lately, with what came before each."""
    recent = [each for each in list(record.closings) if each[1] != "pool_closed"]
    broken = {number & _NUMBERS for _, reason, number, _ in recent if reason == "error"}
    passages = _passages(record, broken, now)
    return tuple(
        _closing(each, passages.get(each[2] & _NUMBERS, ()), now) for each in reversed(recent)
    )


Passages = Mapping[int, list[tuple[float, float]]]


def _passages(record: PoolRecord, numbers: Collection[int], now: float) -> Passages:
    """When each of some connections was out, in order."""
    found: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
    if not numbers:
        return found
    rows = record.trace.newest(_LOOKED_AT)
    for place, number in enumerate(rows.connection):
        if number in numbers and not rows.outcome[place]:
            got = rows.asked[place] + rows.wait[place]
            found[number].append((got, got + rows.hold[place]))
    for claim in list(record.ledger.open.values()):
        number = claim[CONNECTION].number & _NUMBERS
        if number in found:
            found[number].append((claim[GOT], now))
    return found


def _closing(
    closed: tuple[float, str, int, Connection | None],
    out: Sequence[tuple[float, float]],
    now: float,
) -> Closing:
    at, reason, _, facts = closed
    born = None if facts is None else facts.born
    idle = used = None
    # It is told within the checkout in which it broke, or as that ends.
    last = next((i for i, (got, end) in enumerate(out) if got <= at <= end + 0.001), None)
    if last is not None:
        used = at - out[last][0]
        before = out[last - 1][1] if last else born
        idle = None if before is None else max(0.0, out[last][0] - before)
    return Closing(
        reason=reason,
        ago=max(0.0, now - at),
        age=None if born is None else at - born,
        idle_before=idle,
        used_for=used,
        error="" if facts is None else facts.error,
        statements=None if facts is None else facts.statements,
    )


def _start(record: PoolRecord, now: float) -> Start | None:
    """The first minute, while its seconds are still kept."""
    past, begin = record.past, record.since
    steps = int(now) - int(begin) + 1
    opened = past.seconds.last("created", now, steps)
    first = next((place for place, count in enumerate(opened) if count), None)
    if first is None:
        return None
    minute, later = begin + _MINUTE, (begin + _MINUTE, now)
    return Start(
        opened_at_once=sum(opened[first : first + _AT_ONCE + 1]),
        connect_first=past.fine["create"].between(begin, minute).percentile(95),
        connect_later=past.fine["create"].between(*later).percentile(95),
        wait_first=past.fine["wait"].between(begin, minute).percentile(95),
        wait_later=past.fine["wait"].between(*later).percentile(95),
    )


def _home(watch: Watch, record: PoolRecord) -> Home:
    """Where the pool belongs, and where it is used."""
    inherited = watch.inherited
    is_used = inherited is not None and any(each.uses for each in inherited[1])
    loops: tuple[Any, ...] = ()
    with suppress(RuntimeError, AttributeError):  # It goes on meanwhile: the next look will do.
        loops = getattr(watch.probe, "loops", tuple)()
    own = [ref(loop) for loop in loops]
    users = [record.abroad.failed_in, *(claim[OWNER].loop for claim in _claims(record))]
    is_foreign = any(user is not None and all(user is not each for each in own) for user in users)
    return Home(
        made_in_pid=inherited[0] if inherited is not None and is_used else None,
        used_in_pid=os.getpid() if is_used else None,
        is_other_loop=record.abroad.was_used or len(own) > 1 or bool(own and is_foreign),
        is_loop_closed=any(loop.is_closed() for loop in loops),
    )


def _claims(record: PoolRecord) -> list[Claim]:
    return [*list(record.ledger.pending.values()), *list(record.ledger.open.values())]
