"""Events as rows, and the filter that picks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import urlencode

from ..model import events as ev
from ..model.ports import Reading

#: What a kind of event is called on screen, in the order of the filter.
WORDS: Final[Mapping[str, str]] = {
    "CheckedOut": "checkout",
    "CheckedIn": "checkin",
    "CheckoutFailed": "failed",
    "ConnectionReady": "opened",
    "ConnectionClosed": "closed",
    "ConnectionDetached": "detached",
    "PoolOpened": "watched",
    "PoolCleared": "cleared",
    "PoolClosed": "pool closed",
}
REASONS: Final[Mapping[str, str]] = {
    "timeout": "timeout",
    "pool_closed": "refused",
    "connection_error": "no connection",
    "cancelled": "cancelled",
}
#: From this wait on a checkout is set apart.
SLOW_WAIT: Final = 1.0
_READ: Final = 2000


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line; `level` is `bad`, `wait` or empty, `seconds` a wait or a hold."""

    at: datetime
    kind: str
    word: str
    level: str
    pool: str
    call_site: str
    owner: str
    request: str
    seconds: float | None
    note: str
    claim: int | None

    @property
    def key(self) -> str:
        """By which the script knows an event that it has already seen."""
        return f"{self.at.timestamp():.3f} {self.kind} {self.pool} {self.claim or 0}"

    @property
    def about(self) -> str:
        """All that is known of it, for the tool tip."""
        parts = (self.call_site, self.owner, self.request, self.note)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address of the events page asks for; empty means all."""

    pool: str = ""
    kind: str = ""
    text: str = ""
    min_wait: float = 0.0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filter:
        """Nonsense in the address is treated as not given."""
        kind = query.get("kind", "")
        try:
            min_wait = max(0.0, float(query.get("min_wait", "") or 0))
        except ValueError:
            min_wait = 0.0
        return cls(
            pool=query.get("pool", ""),
            kind=kind if kind in WORDS else "",
            text=query.get("q", "").strip(),
            min_wait=min_wait if min_wait < 1e6 else 0.0,
        )

    @property
    def is_on(self) -> bool:
        """Whether anything is filtered out."""
        return self != Filter()

    @property
    def query(self) -> dict[str, str]:
        """Only what differs from the default, for addresses."""
        given = {"pool": self.pool, "kind": self.kind, "q": self.text}
        query = {name: value for name, value in given.items() if value}
        return {**query, "min_wait": f"{self.min_wait:g}"} if self.min_wait else query

    @property
    def address(self) -> str:
        """The query string, empty without a filter."""
        return "?" + urlencode(self.query) if self.query else ""

    def accepts(self, row: EventRow) -> bool:
        """Whether a row passes."""
        if self.pool and row.pool != self.pool:
            return False
        if self.kind and row.kind != self.kind:
            return False
        if self.min_wait and (row.seconds is None or row.seconds < self.min_wait):
            return False
        text = self.text.lower()
        return not text or text in f"{row.call_site} {row.owner} {row.request}".lower()


def rows(events: Iterable[ev.PoolEvent], reading: Reading, zone: tzinfo | None) -> list[EventRow]:
    """Newest first; what only announces another event is left out."""
    made = (_row(event, datetime.fromtimestamp(reading.wall(event.at), zone)) for event in events)
    found = [row for row in made if row is not None]
    found.sort(key=lambda row: row.at, reverse=True)
    return found


def recent(
    reading: Reading,
    zone: tzinfo | None,
    wanted: Filter,
    limit: int,
    until: float | None = None,
) -> tuple[Sequence[EventRow], int]:
    """The newest rows that pass, and how many events were not kept as samples.

    Of a moment in the past, `until` (UNIX time), those before it are wanted.
    """
    events, _, dropped = reading.events(0, _READ)
    found = rows(events, reading, zone)
    if until is not None:
        found = [row for row in found if row.at.timestamp() <= until]
    return [row for row in found if wanted.accepts(row)][:limit], dropped


def _row(event: ev.PoolEvent, at: datetime) -> EventRow | None:
    word = WORDS.get(event.kind)
    if word is None:
        return None
    level, seconds, note = "", None, ""
    match event:
        case ev.CheckoutFailed():
            word = REASONS.get(event.reason, event.reason)
            level = "wait" if event.reason == "cancelled" else "bad"
            seconds, note = event.wait_time, event.error or ""
        case ev.CheckedOut():
            seconds = event.wait_time
            level = "wait" if event.wait_time >= SLOW_WAIT else ""
        case ev.CheckedIn():
            seconds = event.use_time
            level, note = ("bad", "never returned") if event.is_lost else ("", "")
        case ev.ConnectionReady():
            seconds, note = event.create_time, f"connection {event.connection}"
        case ev.ConnectionClosed():
            level = "wait" if event.reason == "error" else ""
            note = f"connection {event.connection}, {event.reason.replace('_', ' ')}"
        case ev.ConnectionDetached():
            note = f"connection {event.connection}"
    claim = event if isinstance(event, ev.ClaimEvent) else None
    return EventRow(
        at=at,
        kind=event.kind,
        word=word,
        level=level,
        pool=event.pool,
        call_site=str(claim.call_site) if claim else "",
        owner=str(claim.owner) if claim else "",
        request=str(claim.request) if claim and claim.request else "",
        seconds=seconds,
        note=note,
        claim=claim.claim if claim else None,
    )
