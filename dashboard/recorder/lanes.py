"""A minute of a pool, slot by slot, from the trace and from what is still out."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from math import inf
from operator import add
from typing import Final, NamedTuple

from ..model.claim import ASKED, CONNECTION, GOT, OWNER, SITE, Claim, Frame, request_of
from ..model.lanes import Bar, Lane, Lanes
from ..model.origin import UNKNOWN_SITE, CallSite
from .claims import kept, number_of
from .plain import call_site, owner
from .pool import PoolRecord
from .trace import Rows

#: Lanes at the most; beyond, the busiest.
MOST_LANES: Final = 60
#: Bars at the most; beyond, short ones are joined more coarsely.
MOST_BARS: Final = 2500
#: Checkouts shorter than this share of the range are joined with their neighbours.
_CELL: Final = 1 / 600
_STEPS: Final = 120
_NOTICEABLE: Final = 0.01
_WORD: Final = 0xFFFF


class _Piece(NamedTuple):
    """One checkout, or some that began in the same cell; `row` stands for them in the trace."""

    begin: float
    end: float
    many: int
    row: int


def of(
    record: PoolRecord,
    now: float,
    wall: Callable[[float], float],
    sites: Mapping[int, Frame],
    seconds: float,
    until: float | None = None,
) -> Lanes:
    """CPU: about 10 ms with 10,000 checkouts in the range, 60 ms with 100,000.

    They end at `until`, a time of the clock, or now; what was out then is drawn as it was then.
    """
    now = now if until is None else min(until, now)
    start = now - seconds
    remembered = record.trace.newest(len(record.trace))
    rows = _within(remembered, start)
    if until is not None:
        rows = _before(rows, now)
    by_connection = _pieces(rows, start, seconds * _CELL)
    drawn = {
        number: _bars(pieces, rows, start, _Names(record, sites))
        for number, pieces in _thinned(by_connection, seconds * _CELL).items()
    }
    if until is not None:
        drawn = {number: _as_of(bars, seconds) for number, bars in drawn.items()}
    _add_held(drawn, record, start, now)
    alive = {each.number & _WORD for each in list(record.ledger.connections.values())}
    lanes = _slots({number: bars for number, bars in drawn.items() if bars}, alive)
    return Lanes(
        start=wall(start),
        seconds=seconds,
        lanes=busiest(lanes, MOST_LANES),
        waiting=_waiting(rows, record, start, now),
        noticeable=_NOTICEABLE,
        used=len(lanes),
        since=_since(record, remembered, wall),
    )


def _add_held(drawn: dict[int, list[Bar]], record: PoolRecord, start: float, now: float) -> None:
    """What is out is not in the trace yet."""
    ledger = record.ledger
    for claim in list(ledger.open.values()):
        if claim[GOT] <= now:
            bar = _open_bar(claim, start, now)
            drawn.setdefault(claim[CONNECTION].number & _WORD, []).append(bar)
    # What the pool gave up took a slot until then.
    for lease, claim in list(ledger.retired.items()):
        end = min(ledger.given_up.get(lease, now), now)
        if start < end and claim[GOT] <= now:
            bar = replace(_open_bar(claim, start, end), is_open=False)
            drawn.setdefault(claim[CONNECTION].number & _WORD, []).append(bar)


def busiest(lanes: Sequence[Lane], most: int) -> tuple[Lane, ...]:
    """In their order."""
    if len(lanes) <= most:
        return tuple(lanes)
    chosen = sorted(lanes, key=lambda lane: -lane.busy)[:most]
    return tuple(sorted(chosen, key=lambda lane: lane.number))


def _within(rows: Rows, start: float) -> Rows:
    """Rows that ended after `start`; they are in the order of ending, but for a batch's width."""
    first, last = 0, min(len(column) for column in rows)
    end = last
    while first < end:
        middle = (first + end) // 2
        if rows.asked[middle] + rows.wait[middle] + rows.hold[middle] < start:
            first = middle + 1
        else:
            end = middle
    return Rows._make(column[first:last] for column in rows)


def _before(rows: Rows, end: float) -> Rows:
    """Rows that were asked for before `end`."""
    chosen = [asked < end for asked in rows.asked]
    return Rows._make(array(each.typecode, compress(each, chosen)) for each in rows)


def _as_of(bars: Iterable[Bar], seconds: float) -> list[Bar]:
    """Without what came later; what was out at the end is open."""
    return [
        bar
        if bar.end <= seconds
        else replace(bar, end=seconds, hold=seconds - bar.begin, is_open=True)
        for bar in bars
        if bar.begin < seconds
    ]


def _since(record: PoolRecord, rows: Rows, wall: Callable[[float], float]) -> float:
    """When the oldest checkout of the trace ended, once others had to go."""
    if not rows.asked or record.checkins + record.failures.total() <= len(rows.asked):
        return 0.0
    return wall(rows.asked[0] + rows.wait[0] + rows.hold[0])


def _pieces(rows: Rows, start: float, cell: float) -> dict[int, list[_Piece]]:
    """Checkouts by connection: long ones one by one, short ones counted by the cell they began in.

    What a loop does for every short checkout is done in C, as far as it can be.
    """
    gots = list(map(add, rows.asked, rows.wait))
    fates = zip(rows.hold, rows.outcome, strict=True)
    shorts = [at for at, (hold, outcome) in enumerate(fates) if hold < cell and not outcome]
    found: dict[int, list[_Piece]] = {}
    for at, hold in enumerate(rows.hold):
        if hold >= cell and not rows.outcome[at]:
            begin = gots[at] - start
            found.setdefault(rows.connection[at], []).append(_Piece(begin, begin + hold, 1, at))
    keys = [(rows.connection[at], int((gots[at] - start) / cell)) for at in shorts]
    last = dict(zip(keys, shorts, strict=True))
    for (connection, place), many in Counter(keys).items():
        row = last[connection, place]
        begin, end = gots[row] - start, gots[row] - start + rows.hold[row]
        if many > 1:
            begin, end = place * cell, (place + 1) * cell
        found.setdefault(connection, []).append(_Piece(begin, end, many, row))
    return found


def _thinned(found: dict[int, list[_Piece]], cell: float) -> dict[int, list[_Piece]]:
    """Neighbours joined, ever more coarsely until there are few enough."""
    gap = cell
    joined = {connection: _joined(pieces, gap) for connection, pieces in found.items()}
    while sum(map(len, joined.values())) > MOST_BARS and gap < cell / _CELL:
        gap *= 1.4
        joined = {connection: _joined(pieces, gap) for connection, pieces in joined.items()}
    return joined


def _joined(pieces: Iterable[_Piece], gap: float) -> list[_Piece]:
    """A piece shorter than `gap`, or a run, is joined with a run that ended less than that ago."""
    runs: list[_Piece] = []
    for piece in sorted(pieces):
        is_short = piece.many > 1 or piece.end - piece.begin < gap
        run = runs[-1] if runs else None
        if (
            run is not None
            and is_short
            and piece.begin - run.end < gap
            and (run.many > 1 or run.end - run.begin < gap)
        ):
            end = max(run.end, piece.end)
            runs[-1] = _Piece(run.begin, end, run.many + piece.many, piece.row)
        else:
            runs.append(piece)
    return runs


class _Names:
    """What the trace's numbers stand for."""

    def __init__(self, record: PoolRecord, sites: Mapping[int, Frame]) -> None:
        self._sites = sites
        self._kept = kept(record)
        self._known: dict[int, CallSite] = {}

    def site(self, index: int) -> CallSite:
        """A call site that is described only once."""
        if index not in self._known:
            site = self._sites.get(index)
            self._known[index] = UNKNOWN_SITE if site is None else call_site(site)
        return self._known[index]

    def who(self, bar: Bar) -> Bar:
        """With owner and request, if the feed still has the checkout."""
        claim = self._kept.get(bar.claim)
        if claim is None:
            return bar
        return replace(bar, owner=owner(claim[OWNER]), request=request_of(claim))


def _bars(pieces: Iterable[_Piece], rows: Rows, start: float, names: _Names) -> list[Bar]:
    bars = []
    for piece in pieces:
        row = piece.row
        bar = Bar(
            begin=piece.begin,
            end=piece.end,
            wait=rows.wait[row],
            hold=rows.hold[row],
            call_site=names.site(rows.site[row]),
            claim=number_of(rows.asked[row]) if piece.many == 1 else 0,
            count=piece.many,
        )
        bars.append(names.who(bar) if piece.many == 1 else bar)
    return bars


def _open_bar(claim: Claim, start: float, now: float) -> Bar:
    return Bar(
        begin=claim[GOT] - start,
        end=now - start,
        wait=max(0.0, claim[GOT] - claim[ASKED]),
        hold=max(0.0, now - claim[GOT]),
        call_site=call_site(claim[SITE]),
        claim=number_of(claim[ASKED]) if claim[SITE].index else 0,
        owner=owner(claim[OWNER]),
        request=request_of(claim),
        is_open=True,
    )


def _slots(drawn: Mapping[int, list[Bar]], alive: set[int]) -> list[Lane]:
    """A connection takes the first slot that is free for as long as it was seen."""
    free_from: list[float] = []
    slots: list[list[Bar]] = []
    for number in sorted(drawn):
        bars = sorted(drawn[number], key=lambda bar: bar.begin)
        end = inf if number in alive else max(bar.end for bar in bars)
        place = next((at for at, free in enumerate(free_from) if free <= bars[0].begin), None)
        if place is None:
            place = len(slots)
            slots.append([])
            free_from.append(end)
        slots[place] += bars
        free_from[place] = end
    return [Lane(number, tuple(bars)) for number, bars in enumerate(slots, 1)]


def _waiting(rows: Rows, record: PoolRecord, start: float, now: float) -> tuple[int, ...]:
    """How many callers waited noticeably at some time of each step."""
    step = (now - start) / _STEPS
    waits = [
        (asked, asked + wait)
        for asked, wait in zip(rows.asked, rows.wait, strict=True)
        if wait >= _NOTICEABLE
    ]
    ledger = record.ledger
    for table in (ledger.open, ledger.retired):
        waits += [(claim[ASKED], claim[GOT]) for claim in list(table.values())]
    waits += [(claim[ASKED], now) for claim in list(ledger.pending.values())]
    changes = [0] * (_STEPS + 1)
    for begin, end in waits:
        if begin < now and end >= start and end - begin >= _NOTICEABLE:
            changes[max(0, int((begin - start) / step))] += 1
            changes[min(_STEPS, int((end - start) / step) + 1)] -= 1
    level, levels = 0, []
    for change in changes[:_STEPS]:
        level += change
        levels.append(level)
    return tuple(levels)
