"""What every page shares: where it is mounted, whose process it shows, which tabs exist."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ..analysis.incidents import recent
from ..analysis.status import active
from ..model.findings import Suspect
from ..model.ports import Reading
from ..model.snapshot import Source
from .moment import moment_of, text_of

#: Ranges that charts can show, in seconds, in the order of their keys 1 to 4.
RANGES: Final[Mapping[str, tuple[str, float]]] = {
    "5m": ("5 min", 300.0),
    "15m": ("15 min", 900.0),
    "1h": ("1 h", 3600.0),
    "6h": ("6 h", 21600.0),
}
DEFAULT_RANGE: Final = "15m"
#: Pages that can be shown as they were at a moment.
_KEPT: Final = frozenset({"pools", "pool", "events"})


@dataclass(frozen=True, slots=True)
class Tab:
    """One page in the header; `count` is shown when it is not 0."""

    key: str
    label: str
    path: str
    letter: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """The header's facts; `zone` names the process's own time zone, in which times are shown.

    `at` is the moment that the address names, `live` the same address without it.
    """

    base: str
    page: str
    title: str
    source: Source | None
    tabs: tuple[Tab, ...]
    now: datetime
    span: str = DEFAULT_RANGE
    at: datetime | None = None
    live: str = "?"

    @property
    def is_frozen(self) -> bool:
        """Whether the page ends at a moment and does not move."""
        return self.at is not None and self.page in _KEPT

    @property
    def until(self) -> float | None:
        """The UNIX time at which charts end, None for now."""
        return self.at.timestamp() if self.at is not None and self.is_frozen else None

    @property
    def frozen(self) -> str:
        """`13:45:01`, on another day `21 Nov 13:45:01`."""
        if self.at is None:
            return ""
        day = "" if self.at.date() == self.now.date() else f"{self.at.day} {self.at:%b} "
        return f"{day}{self.at:%H:%M:%S}"

    @property
    def stretch(self) -> str:
        """How the range is called: `last 15 min`, `15 min until 13:45:01`."""
        if self.is_frozen:
            return f"{self.span_label} until {self.frozen}"
        return f"last {self.span_label}"

    @property
    def zone(self) -> str:
        """`CET`."""
        return self.now.tzname() or "local time"

    @property
    def offset(self) -> int:
        """Minutes east of UTC, so that the script shows the same clock."""
        offset = self.now.utcoffset()
        return int(offset.total_seconds() // 60) if offset else 0

    @property
    def span_label(self) -> str:
        """`15 min`."""
        return RANGES[self.span][0]

    @property
    def seconds(self) -> float:
        """The range in seconds."""
        return RANGES[self.span][1]

    def pool(self, name: str) -> str:
        """The address of a pool's page."""
        return f"{self.base}/pools/{quote(name, safe='', errors='backslashreplace')}{self.carry}"

    @property
    def _moment(self) -> dict[str, str]:
        return {"at": text_of(self.at)} if self.at is not None and self.is_frozen else {}

    @property
    def moment(self) -> str:
        """The moment as addresses have it; empty while the page is live."""
        return self._moment.get("at", "")

    @property
    def carry(self) -> str:
        """The query that keeps the moment on another page; empty while the page is live."""
        return _query(self._moment) if self._moment else ""

    def ranges(self) -> tuple[tuple[str, str, str], ...]:
        """Key, label and address of every range."""
        return tuple(
            (key, label, _query({"range": key, **self._moment}))
            for key, (label, _) in RANGES.items()
        )

    def then(self, at: float) -> str:
        """The address of this page at another moment, a UNIX time."""
        moment = text_of(datetime.fromtimestamp(round(at), UTC))
        return _query({"range": self.span, "at": moment})

    def part(self, name: str, **query: str) -> str:
        """The address of a fragment of this page."""
        return _query({"part": name, "range": self.span, **self._moment, **query})


def frame_for(request: Request, reading: Reading, page: str, suspects: Sequence[Suspect]) -> Frame:
    """The frame of a page in answer to `request`."""
    span = request.query_params.get("range", DEFAULT_RANGE)
    now = datetime.now(UTC).astimezone()
    others = [pair for pair in request.query_params.multi_items() if pair[0] not in {"at", "part"}]
    return Frame(
        base=request.scope.get("root_path", ""),
        page=page,
        title=reading.title,
        source=reading.source,
        tabs=_tabs(len(active(suspects)), len(recent(reading.briefs(), now))),
        now=now,
        span=span if span in RANGES else DEFAULT_RANGE,
        at=moment_of(request, now),
        live="?" + urlencode(others, errors="backslashreplace"),
    )


def bare_frame(request: Request) -> Frame:
    """The frame of an error page, which must not depend on what may have failed."""
    return Frame(
        base=request.scope.get("root_path", ""),
        page="error",
        title="Pools",
        source=None,
        tabs=_tabs(0, 0),
        now=datetime.now(UTC).astimezone(),
    )


def _query(query: Mapping[str, str]) -> str:
    """A colon may stand in it as it is."""
    return "?" + urlencode(query, safe=":")


def element_id(name: str) -> str:
    """An id for a pool of any name, the same on every page and after every swap."""
    return f"p{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def _tabs(suspects: int, incidents: int) -> tuple[Tab, ...]:
    return (
        Tab("pools", "Pools", "/", "p"),
        Tab("leaks", "Leaks", "/leaks", "l", suspects),
        Tab("advice", "Advice", "/advice", "a"),
        Tab("incidents", "Incidents", "/incidents", "i", incidents),
        Tab("events", "Events", "/events", "e"),
    )
