"""The pages, and the fragments of the same templates that keep them current."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..analysis import crossing, deadlock
from ..analysis.status import active
from ..model.findings import Suspect
from ..model.ports import Reading
from . import advice, incidents
from .aside import aside
from .detail import Detail
from .feed import WORDS, Filter, recent
from .frame import Frame, frame_for
from .moment import text_of
from .overview import Overview
from .past import as_of
from .rendering import error_page, render, render_text
from .wanted import Wanted

__all__ = ["error_page", "routes"]

Handler = Callable[[Request, Reading], Response]

_OVERVIEW: Final = {
    "": "overview.html",
    "findings": "overview/findings.html",
    "timeouts": "overview/timeouts.html",
    "table": "overview/table.html",
    "trend": "overview/trend.html",
    "rates": "overview/rates.html",
    "worth": "overview/worth.html",
}
_POOL: Final = {
    "": "pool.html",
    "figures": "pool/figures.html",
    "now": "pool/now.html",
    "aid": "pool/aid.html",
    "incident": "pool/incident.html",
    "lanes": "pool/lanes.html",
    "trend": "pool/trend.html",
    "evidence": "pool/evidence.md",
    "whatif": "pool/whatif.html",
    "advice": "pool/advice.html",
}
#: In place of these, where the address freezes a moment.
_THEN: Final = {
    "overview.html": "then/overview.html",
    "pool.html": "then/pool.html",
    "pool/evidence.md": "then/evidence.md",
}
_LEAKS: Final = {"": "leaks.html", "list": "leaks/list.html"}
_EVENTS: Final = {
    "": "events.html",
    "rows": "events/rows.html",
    "claim": "events/claim.html",
}
_EVENT_ROWS: Final = 200
_DIGITS: Final = 18
_SECOND: Final = timedelta(seconds=1)


def routes(reading: Reading) -> list[Route]:
    """Relative to wherever they are mounted."""
    handlers: tuple[tuple[str, str, Handler], ...] = (
        ("/", "overview", _overview),
        ("/pools/{name:path}", "pool", _pool),
        ("/leaks", "leaks", _leaks),
        ("/events", "events", _events),
    )
    own = [Route(path, _threaded(handler, reading), name=name) for path, name, handler in handlers]
    return [*own, *advice.routes(reading), *incidents.routes(reading)]


def _threaded(handler: Handler, reading: Reading) -> Callable[[Request], Awaitable[Response]]:
    """In a thread, so that rendering does not hold up the host's loop."""

    async def endpoint(request: Request) -> Response:
        return await aside(handler, request, reading)

    return endpoint


def _template(request: Request, templates: dict[str, str]) -> str | None:
    return templates.get(request.query_params.get("part", ""))


def _of(template: str, frame: Frame) -> str:
    return _THEN.get(template, template) if frame.is_frozen else template


def _no_part(request: Request) -> Response:
    part = request.query_params.get("part", "")
    return error_page(request, 404, "No such part", f"This page has no part called {part!r}.")


def _start(request: Request, reading: Reading, page: str) -> tuple[Frame, Sequence[Suspect]]:
    suspects = reading.suspects()
    return frame_for(request, reading, page, suspects), suspects


def _overview(request: Request, reading: Reading) -> Response:
    template = _template(request, _OVERVIEW)
    if template is None:
        return _no_part(request)
    frame, suspects = _start(request, reading, "pools")
    view = Overview(reading, frame, suspects)
    is_part = bool(request.query_params.get("part"))
    return render(_of(template, frame), frame, view=view, is_part=is_part)


def _pool(request: Request, reading: Reading) -> Response:
    template = _template(request, _POOL)
    if template is None:
        return _no_part(request)
    frame, suspects = _start(request, reading, "pool")
    name = request.path_params["name"]
    pool = reading.pool(name)
    if pool is None:
        names = sorted(reading.snapshot().pools)
        if request.query_params.get("part"):
            return error_page(request, 404, "No such pool", f"{name} is not watched any more.")
        return render("missing.html", frame, 404, name=name, names=names)
    pool = as_of(reading, pool, frame.until)
    query = request.query_params
    try:
        wanted = Wanted.read(query)
    except ValueError as error:
        return error_page(request, 400, "That cannot be predicted", f"{error}")
    view = Detail(
        reading,
        frame,
        pool,
        suspects,
        wanted,
        lists_all=query.get("holders") == "all",
        predicts=query.get("part") == "whatif" or "predict" in query,
    )
    template = _of(template, frame)
    if template.endswith(".md"):
        link = request.url.remove_query_params("part")
        at = text_of((frame.now + _SECOND).replace(microsecond=0))
        moment = str(link.include_query_params(at=at)).replace("%3A", ":")
        return render_text(template, frame, view=view, link=str(link), moment=moment)
    return render(template, frame, view=view, is_part=bool(request.query_params.get("part")))


def _leaks(request: Request, reading: Reading) -> Response:
    template = _template(request, _LEAKS)
    if template is None:
        return _no_part(request)
    frame, suspects = _start(request, reading, "leaks")
    snapshot = reading.snapshot()
    held = active(suspects)
    return render(
        template,
        frame,
        held=held,
        notes=[each for each in suspects if each.ended_at is None and each not in held],
        ended=[each for each in suspects if each.ended_at is not None],
        knots=deadlock.find(snapshot.pools),
        crossings=crossing.find(snapshot.pools),
        pools=len(snapshot.pools),
    )


def _events(request: Request, reading: Reading) -> Response:
    template = _template(request, _EVENTS)
    if template is None:
        return _no_part(request)
    frame, _ = _start(request, reading, "events")
    wanted = Filter.read(request.query_params)
    rows, dropped = recent(reading, frame.now.tzinfo, wanted, _EVENT_ROWS, frame.until)
    claim = _claim(request)
    return render(
        template,
        frame,
        wanted=wanted,
        events=rows,
        dropped=dropped,
        names=sorted(reading.snapshot().pools),
        words=WORDS,
        claim=claim,
        passage=None if claim is None else reading.claim(claim),
    )


def _claim(request: Request) -> int | None:
    """The checkout that the address asks for, None for none."""
    given = request.query_params.get("claim", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _DIGITS else None
