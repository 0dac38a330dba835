"""Connection lanes as SVG geometry: one row for each slot, a path for each kind of bar.

Bars are strokes in a field of `WIDTH` by the height of the rows, which the browser stretches to
the card; `static/js/lanes.js` finds the bar under the pointer in `data`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from ..model.findings import Suspect
from ..model.lanes import Bar, Lane, Lanes
from ..model.snapshot import PoolSnapshot
from . import format as fmt
from .drawing import base_size
from .marks import Line, lines

#: Units across; at a common width about one pixel.
WIDTH: Final = 1200
PITCH: Final = 13
GAP: Final = 8
#: Held for this long or longer is drawn solid.
LONG: Final = 1.0
#: More slots than this are not all drawn.
MOST: Final = 60
_WAIT_HEIGHT: Final = 18
_TABLE_ROWS: Final = 40
#: A bar as wide as this share of the field has its call site written in it.
_LABELLED: Final = 0.11
#: A suspect and a bar are the same checkout if they began within so many seconds.
_SAME: Final = 2.0


@dataclass(frozen=True, slots=True)
class Label:
    """A name inside a wide bar; `at` and `width` in per cent, `y` in pixels."""

    at: float
    width: float
    y: float
    text: str
    kind: str
    claim: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """One checkout of the table view."""

    slot: int
    bar: Bar
    ago: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`paths` by kind of bar; `numbers` are (y, slot) beside the rows, `tracks` their lines."""

    sentence: str
    height: float
    paths: dict[str, str]
    tracks: str
    waits: str
    wait_top: float
    most_waiting: int
    numbers: tuple[tuple[float, str], ...]
    labels: tuple[Label, ...]
    down: tuple[tuple[float, str], ...]
    table: tuple[TableRow, ...]
    count: int
    unlisted: int
    marks: tuple[Line, ...]
    data: dict[str, object]


def chart(
    seen: Lanes,
    pool: PoolSnapshot,
    suspects: Sequence[Suspect],
    zone: tzinfo | None = None,
    moment: str = "",
) -> Chart:
    """The pool's slots in order; `moment` is what the end is called when it is not now."""
    size = base_size(pool)
    rows = _rows(seen, pool)
    tops = _tops(rows, size)
    wanted = Suspicion(seen, suspects)
    kinds = [[_kind(lane, bar, size, wanted) for bar in lane.bars] for lane in rows]
    bottom = (tops[-1] + PITCH if tops else 0.0) + 6
    count = sum(bar.count for lane in rows for bar in lane.bars)
    unlisted = max(0, max(seen.used, pool.max or 0) - len(rows))
    drawn = _drawn(kinds, count, f" in the {len(rows):,} busiest slots" if unlisted else "")
    return Chart(
        sentence=_sentence(seen, pool, drawn, moment),
        height=bottom + _WAIT_HEIGHT,
        paths=_paths(seen, rows, tops, kinds),
        tracks="".join(f"M0 {top + PITCH / 2:g}H{WIDTH}" for top in tops),
        waits=_waits(seen, bottom),
        wait_top=bottom,
        most_waiting=max(seen.waiting, default=0),
        numbers=_numbers(rows, tops, size),
        labels=tuple(_labels(seen, rows, tops, kinds)),
        down=_down(seen.seconds, moment),
        table=_table(seen, rows, kinds),
        count=count,
        unlisted=unlisted,
        marks=lines(seen.marks, seen.start, seen.start + seen.seconds, zone),
        data=_data(seen, rows, tops),
    )


def _rows(seen: Lanes, pool: PoolSnapshot) -> list[Lane]:
    """All slots of a small pool, whether used or not; of a large one those that were."""
    if pool.max is None or pool.max > MOST:
        return list(seen.lanes)
    known = {lane.number: lane for lane in seen.lanes}
    last = max([pool.max, *known])
    return [known.get(number) or Lane(number) for number in range(1, last + 1)]


def _tops(rows: Sequence[Lane], size: int) -> list[float]:
    """The rows' upper edges, with a gap where overflow begins."""
    has_base = any(lane.number <= size for lane in rows)
    return [
        place * PITCH + (GAP if has_base and lane.number > size else 0)
        for place, lane in enumerate(rows)
    ]


class Suspicion:
    """Which bars are suspected: by call site, owner and begin."""

    def __init__(self, seen: Lanes, suspects: Iterable[Suspect]) -> None:
        """`suspects` are those that hold at the end of the lanes."""
        self._start = seen.start
        self._suspects = list(suspects)

    def covers(self, bar: Bar) -> bool:
        """Whether it is one of them."""
        return any(
            suspect.call_site == bar.call_site
            and abs(suspect.since.timestamp() - self._start - bar.begin) < _SAME
            and (bar.owner is None or suspect.owner.ident == bar.owner.ident)
            for suspect in self._suspects
        )


def _kind(lane: Lane, bar: Bar, size: int, suspicion: Suspicion) -> str:
    """`bad` for a suspect, `over` beyond the size, else `held` or, under a second, `short`."""
    if bar.hold >= LONG and suspicion.covers(bar):
        return "bad"
    if lane.number > size:
        return "over"
    return "held" if bar.hold >= LONG and bar.count == 1 else "short"


def _place(seen: Lanes, bar: Bar) -> tuple[float, float]:
    """Begin and width in units, cut off at both ends; a little short, so that bars stay apart."""
    unit = WIDTH / seen.seconds
    begin = max(0.0, bar.begin * unit)
    width = min(WIDTH, bar.end * unit) - begin
    return round(begin, 1), round(max(1.0, width - (1.2 if width > 3 else 0.2)), 1)


def _paths(
    seen: Lanes, rows: Sequence[Lane], tops: Sequence[float], kinds: Sequence[Sequence[str]]
) -> dict[str, str]:
    strokes: dict[str, list[str]] = {"short": [], "held": [], "over": [], "bad": []}
    for lane, top, named in zip(rows, tops, kinds, strict=True):
        for bar, kind in zip(lane.bars, named, strict=True):
            begin, width = _place(seen, bar)
            strokes[kind].append(f"M{begin:g} {top + PITCH / 2:g}h{width:g}")
    return {kind: "".join(each) for kind, each in strokes.items()}


def _labels(
    seen: Lanes, rows: Sequence[Lane], tops: Sequence[float], kinds: Sequence[Sequence[str]]
) -> Iterable[Label]:
    for lane, top, named in zip(rows, tops, kinds, strict=True):
        for bar, kind in zip(lane.bars, named, strict=True):
            begin, width = _place(seen, bar)
            if bar.count > 1 or width < WIDTH * _LABELLED:
                continue
            held = f"  {fmt.duration(bar.hold)}{' and counting' if bar.is_open else ''}"
            text = f"{bar.call_site.function}{held if width > WIDTH / 4 else ''}"
            across = (round(begin / WIDTH * 100, 2), round(width / WIDTH * 100, 2))
            yield Label(*across, top, text, kind, bar.claim)


def _numbers(
    rows: Sequence[Lane], tops: Sequence[float], size: int
) -> tuple[tuple[float, str], ...]:
    """The first and last slot, every tenth, and both sides of the gap."""
    if not rows:
        return ()
    named = {rows[0].number, rows[-1].number, size, size + 1}
    tens = {n for n in range(10, rows[-1].number, 10) if min(abs(n - each) for each in named) > 2}
    named |= tens
    found = [(top, lane) for top, lane in zip(tops, rows, strict=True) if lane.number in named]
    return tuple((top + PITCH - 3, str(lane.number)) for top, lane in found)


def _waits(seen: Lanes, top: float) -> str:
    """Bars that stand on the lower edge."""
    if not any(seen.waiting):
        return ""
    most, step = max(seen.waiting), WIDTH / len(seen.waiting)
    bars = []
    for place, number in enumerate(seen.waiting):
        if number:
            tall = max(3.0, round(number / most * (_WAIT_HEIGHT - 2), 1))
            x, y = round(place * step, 1), top + _WAIT_HEIGHT - tall
            bars.append(f"M{x:g} {y:g}h{step * 0.85:.1f}v{tall:g}h{-step * 0.85:.1f}z")
    return "".join(bars)


def _down(seconds: float, moment: str) -> tuple[tuple[float, str], ...]:
    steps = 6
    return tuple(
        (
            round(n / steps * 100, 2),
            f"-{seconds * (steps - n) / steps:g} s" if n < steps else moment or "now",
        )
        for n in range(steps + 1)
    )


def _table(
    seen: Lanes, rows: Sequence[Lane], kinds: Sequence[Sequence[str]]
) -> tuple[TableRow, ...]:
    """Single checkouts, the longest held first."""
    found = [
        TableRow(lane.number, bar, max(0.0, seen.seconds - bar.begin), kind)
        for lane, named in zip(rows, kinds, strict=True)
        for bar, kind in zip(lane.bars, named, strict=True)
        if bar.count == 1
    ]
    return tuple(sorted(found, key=lambda row: -row.bar.hold)[:_TABLE_ROWS])


def _drawn(kinds: Sequence[Sequence[str]], count: int, where: str) -> str:
    """What is in the picture: of a large pool not every slot is."""
    suspected = sum(kind == "bad" for named in kinds for kind in named)
    leaks = f", {suspected:,} suspected of leaking" if suspected else ""
    return f"{fmt.plural(count, 'checkout')}{where}{leaks}"


def _sentence(seen: Lanes, pool: PoolSnapshot, drawn: str, moment: str) -> str:
    of = f" of {pool.max:,}" if pool.max is not None else ""
    most = max(seen.waiting, default=0)
    waited = f"up to {fmt.plural(most, 'caller')} waiting at once" if most else "nobody waited"
    when = f"{seen.seconds:g} s until {moment}" if moment else f"The last {seen.seconds:g} s"
    return f"{when}: {seen.used:,}{of} slots held, {waited}, {drawn}"


def _data(seen: Lanes, rows: Sequence[Lane], tops: Sequence[float]) -> dict[str, object]:
    """For the script: seven numbers a bar, call sites and owners by their place in a list.

    Begin in seconds, length in milliseconds, how many (negative: it goes on), wait in
    milliseconds, claim counted from `first` (-1 for none), call site, owner.
    """
    sites: dict[str, int] = {}
    owners: dict[str, int] = {}
    claims = [bar.claim for lane in rows for bar in lane.bars if bar.claim]
    first = min(claims, default=0)
    found: list[tuple[int, float, list[float]]] = []
    for lane, top in zip(rows, tops, strict=True):
        flat: list[float] = []
        for bar in lane.bars:
            who = f"{bar.owner or ''}{f', {bar.request}' if bar.request else ''}"
            flat += (
                round(bar.begin, 2),
                _milliseconds(bar.end - bar.begin),
                -bar.count if bar.is_open else bar.count,
                _milliseconds(bar.wait),
                bar.claim - first if bar.claim else -1,
                sites.setdefault(_line(str(bar.call_site)), len(sites)),
                owners.setdefault(_line(who), len(owners)),
            )
        found.append((lane.number, top, flat))
    return {
        "seconds": seen.seconds,
        "first": first,
        "sites": "\n".join(sites),
        "owners": "\n".join(owners),
        "lanes": found,
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000) if seconds >= 0.01 else round(seconds * 1000, 2)


def _line(text: str) -> str:
    """A name from outside may hold a line end; here it would count as the next name."""
    return text.replace("\n", " ")
