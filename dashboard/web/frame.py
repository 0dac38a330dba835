"""What every page shares: where it is mounted, whose process it shows, which tabs exist."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ..analysis.status import active
from ..model.findings import Suspect
from ..model.ports import Reading
from ..model.snapshot import Source

#: Ranges that charts can show, in seconds, in the order of their keys 1 to 4.
RANGES: Final[Mapping[str, tuple[str, float]]] = {
    "5m": ("5 min", 300.0),
    "15m": ("15 min", 900.0),
    "1h": ("1 h", 3600.0),
    "6h": ("6 h", 21600.0),
}
DEFAULT_RANGE: Final = "15m"


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
    """The header's facts; `zone` names the process's own time zone, in which times are shown."""

    base: str
    page: str
    title: str
    source: Source | None
    tabs: tuple[Tab, ...]
    now: datetime
    span: str = DEFAULT_RANGE

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
        return f"{self.base}/pools/{quote(name, safe='', errors='backslashreplace')}"

    def ranges(self) -> tuple[tuple[str, str, str], ...]:
        """Key, label and address of every range."""
        return tuple((key, label, f"?range={key}") for key, (label, _) in RANGES.items())

    def part(self, name: str, **query: str) -> str:
        """The address of a fragment of this page."""
        return "?" + urlencode({"part": name, "range": self.span, **query})


def frame_for(request: Request, reading: Reading, page: str, suspects: Sequence[Suspect]) -> Frame:
    """The frame of a page in answer to `request`."""
    span = request.query_params.get("range", DEFAULT_RANGE)
    return Frame(
        base=request.scope.get("root_path", ""),
        page=page,
        title=reading.title,
        source=reading.source,
        tabs=_tabs(len(active(suspects))),
        now=datetime.now(UTC).astimezone(),
        span=span if span in RANGES else DEFAULT_RANGE,
    )


def bare_frame(request: Request) -> Frame:
    """The frame of an error page, which must not depend on what may have failed."""
    return Frame(
        base=request.scope.get("root_path", ""),
        page="error",
        title="Pools",
        source=None,
        tabs=_tabs(0),
        now=datetime.now(UTC).astimezone(),
    )


def element_id(name: str) -> str:
    """An id for a pool of any name, the same on every page and after every swap."""
    return f"p{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def _tabs(suspects: int) -> tuple[Tab, ...]:
    return (
        Tab("pools", "Pools", "/", "p"),
        Tab("leaks", "Leaks", "/leaks", "l", suspects),
        Tab("events", "Events", "/events", "e"),
    )
