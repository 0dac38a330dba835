"""The pages of incidents: what there was, and each frozen as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..analysis.loops import sentence
from ..analysis.status import active
from ..model.findings import Brief, Incident, Suspect
from ..model.ports import Reading
from ..model.snapshot import Checkout, LoopLag, StackFrame
from . import incident_text
from .aside import aside
from .drawing import Meter, meter, narrow_layout, wide_layout
from .feed import EventRow, rows
from .format import setting
from .frame import Frame, frame_for
from .overview import place_of
from .rendering import error_page, render
from .shapes import settings, text

#: What a cause is called on screen.
CAUSES: Final[Mapping[str, str]] = {
    "timeout": "Timed out",
    "long_wait": "Long wait",
    "exhausted": "Exhausted",
}
#: Holders that are listed unless all are asked for.
MOST_HOLDERS: Final = 12
Handler = Callable[[Request, Reading], Response]


def routes(reading: Reading) -> list[Route]:
    """Relative to wherever they are mounted."""
    handlers: tuple[tuple[str, str, Handler], ...] = (
        ("/incidents", "incidents", _list),
        ("/incidents/{number}", "incident", _one),
    )
    return [Route(path, _threaded(handler, reading), name=name) for path, name, handler in handlers]


def _threaded(handler: Handler, reading: Reading) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await aside(handler, request, reading)

    return endpoint


@dataclass(frozen=True, slots=True)
class Line:
    """One incident of the list."""

    brief: Brief
    when: str
    word: str
    lasted: float | None

    @property
    def others(self) -> str:
        """Who held, where the sentence names only one of several call sites."""
        return self.brief.holders if self.brief.holders.count(" at ") > 1 else ""


def _line(brief: Brief, now: datetime) -> Line:
    return Line(
        brief=brief,
        when=when(brief.at, now),
        word=CAUSES.get(brief.cause, brief.cause),
        lasted=None if brief.ended_at is None else (brief.ended_at - brief.at).total_seconds(),
    )


def when(at: datetime, now: datetime) -> str:
    """`13:45:01`, on another day `21 Nov 13:45:01`; in the zone of `now`."""
    local = at.astimezone(now.tzinfo)
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b %H:%M:%S}"


def _list(request: Request, reading: Reading) -> Response:
    part = request.query_params.get("part", "")
    if part not in {"", "list"}:
        return _no_part(request, part)
    frame = frame_for(request, reading, "incidents", reading.suspects())
    lines = [_line(brief, frame.now) for brief in reading.briefs()]
    going_on = sum(line.lasted is None for line in lines)
    pools = len(reading.snapshot().pools)
    template = "incidents/list.html" if part else "incidents.html"
    return render(template, frame, lines=lines, going_on=going_on, pools=pools)


def _one(request: Request, reading: Reading) -> Response:
    part = request.query_params.get("part", "")
    if part not in {"", "head", "evidence"}:
        return _no_part(request, part)
    incident = reading.incident(request.path_params["number"])
    if incident is None:
        return _gone(request, reading, part)
    if part == "evidence":
        link = str(request.url.remove_query_params(("part", "range")))
        return PlainTextResponse(text(incident_text.render(incident, reading, link)))
    frame = frame_for(request, reading, "incident", reading.suspects())
    view = Moment(incident, reading, frame)
    view.lists_all = request.query_params.get("holders") == "all"
    return render("incidents/head.html" if part else "incident.html", frame, view=view)


def _gone(request: Request, reading: Reading, part: str) -> Response:
    number = request.path_params["number"]
    if part:
        return error_page(request, 404, "No such incident", f"{number[:100]} is no longer kept.")
    frame = frame_for(request, reading, "incident", reading.suspects())
    lines = [_line(brief, frame.now) for brief in reading.briefs()]
    return render("incidents/gone.html", frame, 404, number=number[:200], lines=lines[:10])


def _no_part(request: Request, part: str) -> Response:
    return error_page(request, 404, "No such part", f"This page has no part called {part!r}.")


@dataclass(frozen=True, slots=True)
class Holder:
    """A checkout, and the suspicion about it at that moment."""

    checkout: Checkout
    suspect: Suspect | None


@dataclass(frozen=True, slots=True)
class Late:
    """A loop that was late, in a sentence."""

    sentence: str
    stack: tuple[StackFrame, ...]


class Moment:
    """One incident, as its page shows it."""

    def __init__(self, incident: Incident, reading: Reading, frame: Frame) -> None:
        """`frame` says in which zone times are shown."""
        self.incident = incident
        self.pool = incident.snapshot
        self.lists_all = False
        self._reading = reading
        self._frame = frame

    @property
    def headline(self) -> str:
        """The first part of the sentence: what ran out, and when."""
        return self._parts[0] or f"Incident of {self.pool.name}"

    @property
    def answer(self) -> str:
        """The rest of it."""
        rest = self._parts[2]
        return rest[:1].upper() + rest[1:]

    @property
    def site(self) -> str:
        """The call site that held most, as it stands in the answer."""
        counts = Counter(str(each.call_site) for each in self.pool.open)
        return counts.most_common(1)[0][0] if counts else ""

    @property
    def _parts(self) -> tuple[str, str, str]:
        """Before and after the first colon that is not in the pool's name."""
        said, name = self.incident.sentence, self.pool.name
        end = said.find(name) + len(name)
        head, colon, rest = said[end:].partition(": ")
        return said[:end] + head, colon, rest

    @property
    def word(self) -> str:
        """The cause."""
        return CAUSES.get(self.incident.cause, self.incident.cause)

    @property
    def when(self) -> str:
        """When it began."""
        return when(self.incident.at, self._frame.now)

    @property
    def frozen(self) -> str:
        """When the picture was taken."""
        return when(self.pool.at or self.incident.at, self._frame.now)

    @property
    def ended(self) -> str:
        """When it ended; empty while it goes on."""
        return when(self.incident.ended_at, self._frame.now) if self.incident.ended_at else ""

    @property
    def lasted(self) -> float | None:
        """Seconds; None while it goes on."""
        return _line(_brief(self.incident), self._frame.now).lasted

    @property
    def where(self) -> str:
        """Database and address."""
        return place_of(self.pool)

    @cached_property
    def meters(self) -> tuple[Meter, Meter]:
        """For a wide and for a narrow screen."""
        leaks = len(active(self.incident.suspects))
        pool = self.pool
        return (
            meter(wide_layout(pool), pool, leaks),
            meter(narrow_layout(pool), pool, leaks),
        )

    @cached_property
    def holders(self) -> list[Holder]:
        """Longest held first."""
        suspects = {(each.connection, each.since): each for each in active(self.incident.suspects)}
        longest = sorted(self.pool.open, key=lambda checkout: -checkout.held_for)
        return [
            Holder(each, suspects.get((each.connection, each.since)))
            for each in (longest if self.lists_all else longest[:MOST_HOLDERS])
        ]

    @property
    def unlisted(self) -> tuple[int, int]:
        """Holders and waiters beyond those that are listed."""
        pool = self.pool
        return (
            max(0, max(pool.used, len(pool.open)) - len(self.holders)),
            max(0, pool.pending_requests - len(pool.waiting)),
        )

    @cached_property
    def events(self) -> Sequence[EventRow]:
        """The last before it, newest first."""
        return rows(self.incident.events, self._reading, self._frame.now.tzinfo)

    @cached_property
    def options(self) -> list[tuple[str, str]]:
        """All settings as they were in force."""
        return [(name, setting(value)) for name, value in settings(self.pool.config).items()]

    @cached_property
    def loops(self) -> list[Late]:
        """Loops that were late."""
        return [Late(self._late(loop), loop.stack) for loop in self.incident.loops]

    def _late(self, loop: LoopLag) -> str:
        ended = when(loop.since + timedelta(seconds=loop.lag), self._frame.now)
        return sentence(loop, "" if loop.is_blocked else ended)


def _brief(incident: Incident) -> Brief:
    return Brief(
        id=incident.id,
        pool=incident.pool,
        at=incident.at,
        cause=incident.cause,
        sentence=incident.sentence,
        ended_at=incident.ended_at,
    )
