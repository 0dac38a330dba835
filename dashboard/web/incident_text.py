"""One incident as Markdown, ready to paste into an issue."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..analysis.incidents import short
from ..analysis.loops import sentence
from ..model.findings import Incident
from ..model.ports import Reading
from ..model.snapshot import Checkout, PoolSnapshot, StackFrame, Waiter
from . import suspect_text
from .feed import rows as event_rows
from .format import clock
from .markdown import code, table
from .shapes import settings

_MOST_ROWS: Final = 30
_MOST_STACKS: Final = 5
_MOST_FRAMES: Final = 12
_MOST_EVENTS: Final = 20


def render(incident: Incident, reading: Reading, link: str) -> str:
    """Every name, call site and setting stands in a code span of its own."""
    pool, source = incident.snapshot, reading.source
    lines = [
        f"# Incident {code(incident.id)}",
        "",
        code(incident.sentence),
        "",
        f"- pool: {code(pool.name)}, {code(_kind(pool))}",
        f"- began: {code(incident.at.isoformat(timespec='seconds'))}{_end(incident)}",
        f"- frozen: {code(pool.at.isoformat(timespec='seconds') if pool.at else '')}",
        f"- process: {code(source.service)}, pid {source.pid} on {code(source.host)}",
        f"- in use {pool.used:,}{_of(pool)}, idle {pool.idle:,}",
        f"- waiting {pool.pending_requests:,}, timed out {incident.timeouts:,}",
        f"- link: {code(link)}",
        "",
        *_loops(incident),
        *_holders(pool.open, pool.used),
        *_stacks(pool.open),
        *_waiters(pool.waiting, pool.pending_requests),
        *suspect_text.lines(incident.suspects, "##", short),
        *_settings(pool),
        *_events(incident, reading),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _kind(pool: PoolSnapshot) -> str:
    parts = (pool.kind or pool.library, pool.backend, pool.address)
    return " ".join(part for part in parts if part)


def _end(incident: Incident) -> str:
    ended = incident.ended_at
    return f", ended: {code(ended.isoformat(timespec='seconds'))}" if ended else ", going on"


def _of(pool: PoolSnapshot) -> str:
    return f" of {pool.max:,}" if pool.max is not None else " (no bound)"


def _loops(incident: Incident) -> Iterator[str]:
    if incident.loops:
        yield from ("## Event loops", "")
        for loop in incident.loops:
            yield f"- {code(sentence(loop))}"
            yield from _frames(loop.stack)
        yield ""
    elif incident.loop_lag is not None:
        late = f"The first time-out came {short(incident.loop_lag)} late"
        yield from (f"{late}: the event loop was blocked.", "")


def _holders(checkouts: Sequence[Checkout], used: int) -> Iterator[str]:
    if not checkouts:
        return
    columns = ("held for", "call site", "owner", "request", "quiet for", "statements", "backend")
    cells = [
        (
            short(each.held_for),
            code(each.call_site),
            code(each.owner),
            code(each.request or ""),
            short(each.quiet_for),
            f"{each.statements:,}",
            "–" if each.backend_pid is None else f"pid {each.backend_pid}",
        )
        for each in checkouts[:_MOST_ROWS]
    ]
    yield from (f"## Who held a connection ({used:,})", "", *table(columns, cells))
    yield from _more(used, len(cells))


def _stacks(checkouts: Sequence[Checkout]) -> Iterator[str]:
    """One for each call site: where it was taken, and what its owner did then."""
    seen: dict[str, Checkout] = {}
    for each in checkouts:
        known = seen.get(str(each.call_site))
        if known is None or (each.now and not known.now):
            seen[str(each.call_site)] = each
    for site, each in list(seen.items())[:_MOST_STACKS]:
        if each.stack or each.now:
            yield from (f"### {code(site)}", "")
            yield from ("- taken at", *_frames(each.stack)) if each.stack else ()
            yield from (f"- {code(each.owner)} then did", *_frames(each.now)) if each.now else ()
            yield ""


def _frames(stack: Sequence[StackFrame]) -> Iterator[str]:
    own = [frame for frame in stack if not frame.is_library] or list(stack)
    for frame in own[:_MOST_FRAMES]:
        yield f"  - {code(f'{frame.file}:{frame.line} {frame.function}')}"


def _waiters(waiters: Sequence[Waiter], pending: int) -> Iterator[str]:
    if not waiters:
        return
    columns = ("waited for", "call site", "owner", "request")
    cells = [
        (
            short(each.waited_for),
            code(each.call_site),
            code(each.owner),
            code(each.request or ""),
        )
        for each in waiters[:_MOST_ROWS]
    ]
    yield from (f"## Who waited ({pending:,})", "", *table(columns, cells))
    yield from _more(pending, len(cells))


def _settings(pool: PoolSnapshot) -> Iterator[str]:
    cells = [(code(name), code(value)) for name, value in settings(pool.config).items()]
    if cells:
        yield from ("## Settings", "", *table(("option", "value"), cells))


def _events(incident: Incident, reading: Reading) -> Iterator[str]:
    """The last before it, newest first."""
    found = event_rows(incident.events, reading, incident.at.astimezone().tzinfo)
    cells = [
        (
            clock(each.at),
            each.word,
            code(each.call_site or each.note),
            code(each.owner),
            "–" if each.seconds is None else short(each.seconds),
        )
        for each in found[:_MOST_EVENTS]
    ]
    if cells:
        columns = ("time", "event", "call site", "owner", "waited or held")
        yield from ("## Last events before it", "", *table(columns, cells))


def _more(total: int, listed: int) -> Iterator[str]:
    if total > listed:
        yield from (f"and {total - listed:,} more", "")
