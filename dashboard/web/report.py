"""`/report.md`: the state of the pools for someone else, ready to paste into an issue."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..analysis.status import headline, status_of
from ..model.distribution import Distribution
from ..model.findings import Advice, Brief, Suspect
from ..model.ports import Reading
from ..model.snapshot import CallSiteStats, Checkout, PoolSnapshot, Snapshot, Waiter
from . import comparing, suspect_text
from .aside import aside
from .format import count, duration, percent, rate
from .markdown import code, table
from .shapes import settings

_MOST_ROWS: Final = 30
_MOST_INCIDENTS: Final = 10
_OURSELVES: Final = "pool-dashboard"


def routes(reading: Reading) -> list[Route]:
    """`/report.md`, relative to the mount."""

    async def report(_: Request) -> Response:
        return Response(await aside(_render, reading), media_type="text/markdown")

    return [Route("/report.md", report, name="report")]


def _render(reading: Reading) -> str:
    snapshot = reading.snapshot()
    libraries = sorted({pool.library for pool in snapshot.pools.values()})
    used = versions(libraries)
    found = reading.suspects()
    told = [*comparing.lines(reading.comparisons())]
    return render(snapshot, found, used, reading.title, reading.briefs(), reading.advice(), told)


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Our own version, Python's, and that of each pool library that is installed."""
    found = {"Python": platform.python_version(), "system": platform.system()}
    for name in (_OURSELVES, *libraries):
        try:
            found[name] = metadata.version(name)
        except (metadata.PackageNotFoundError, ValueError):
            found[name] = "unknown"
    return found


def render(
    snapshot: Snapshot,
    suspects: Sequence[Suspect],
    used: Mapping[str, str],
    title: str,
    incidents: Sequence[Brief] = (),
    advice: Sequence[Advice] = (),
    compared: Sequence[str] = (),
) -> str:
    """Markdown. Every name, call site and setting stands in a code span of its own."""
    source = snapshot.source
    lines = [
        "# Pool report",
        "",
        code(headline(snapshot, suspects)),
        "",
        f"- dashboard: {code(title)}",
        f"- taken: {code(snapshot.at.isoformat(timespec='seconds'))}",
        f"- process: {code(source.service)}, pid {source.pid} on {code(source.host)}",
        f"- versions: {', '.join(f'{name} {code(version)}' for name, version in used.items())}",
        "",
        *_overview(snapshot, suspects),
        *_incidents(incidents),
        *_advice(advice),
        *compared,
    ]
    for pool in snapshot.pools.values():
        lines += _pool(pool, [suspect for suspect in suspects if suspect.pool == pool.name])
    lines += _overhead(snapshot)
    return "\n".join(lines).rstrip() + "\n"


def _overview(snapshot: Snapshot, suspects: Sequence[Suspect]) -> list[str]:
    columns = ("pool", "library", "status", "in use", "capacity", "waiting", "wait p99", "hold p95")
    rows = [
        (
            code(pool.name),
            code(pool.library),
            status_of(pool, suspects).word,
            count(pool.used),
            count(pool.max) if pool.max is not None else "no bound",
            count(pool.pending_requests),
            _time(pool.wait_time.percentile(99)),
            _time(pool.use_time.percentile(95)),
        )
        for pool in snapshot.pools.values()
    ]
    return ["## Pools", "", *table(columns, rows)] if rows else ["No pool is being watched.", ""]


def _incidents(incidents: Sequence[Brief]) -> Iterator[str]:
    if not incidents:
        return
    yield from (f"## Incidents ({len(incidents):,})", "")
    for each in incidents[:_MOST_INCIDENTS]:
        ended = each.ended_at
        end = f"ended {code(ended.isoformat(timespec='seconds'))}" if ended else "goes on"
        yield f"- {code(each.at.isoformat(timespec='seconds'))}, {end}: {code(each.sentence)}"
        yield f"  - held by {code(each.holders)}; in full at {code(f'incidents/{each.id}')}"
    if len(incidents) > _MOST_INCIDENTS:
        yield f"- and {len(incidents) - _MOST_INCIDENTS:,} more"
    yield ""


def _advice(advice: Sequence[Advice]) -> Iterator[str]:
    if not advice:
        return
    yield from (f"## Advice ({len(advice):,})", "")
    for each in advice:
        whose = f"{code(each.pool)}, rule {code(each.rule)}"
        yield f"- **{each.severity}**, {whose}: {code(each.title)}"
        yield from (f"  - {code(sentence)}" for sentence in each.evidence)
        if each.held_back:
            yield f"  - held back: {code(each.held_back)}"
        elif each.effect:
            yield f"  - effect: {code(each.effect)}"
        yield from (f"  - {code(line)}" for line in each.change.splitlines())
    yield ""


def _pool(pool: PoolSnapshot, suspects: Sequence[Suspect]) -> Iterator[str]:
    yield from (f"## Pool {code(pool.name)}", "")
    yield from (code(status_of(pool, suspects).sentence), "")
    yield from _figures(pool)
    yield from _settings(pool)
    yield from suspect_text.lines(suspects, "###", _time, has_stacks=True)
    yield from _holders(pool.open)
    yield from _waiters(pool.waiting)
    yield from _sites(pool.call_sites)


def _figures(pool: PoolSnapshot) -> Iterator[str]:
    kind = " ".join(part for part in (pool.kind, pool.backend, pool.address) if part)
    failures = ", ".join(f"{code(why)} {number:,}" for why, number in pool.failures.items())
    closed = ", ".join(f"{code(why)} {number:,}" for why, number in pool.closed_by.items())
    yield f"- kind: {code(kind)}, {code(pool.state)}"
    yield (
        f"- connections: {pool.used:,} in use, {pool.idle:,} idle, {pool.overflow:,} overflow, "
        f"{count(pool.max) if pool.max is not None else 'no'} capacity, peak {pool.peak:,}"
    )
    yield f"- waiting: {pool.pending_requests:,}, the oldest for {_time(pool.oldest_wait)}"
    yield (
        f"- checkouts: {pool.checkouts:,} ({rate(pool.checkout_rate)}/s), checkins "
        f"{pool.checkins:,}, timeouts {pool.timeouts:,}, lost {pool.lost:,}"
    )
    yield f"- failures: {failures or 'none'}"
    yield f"- opened {pool.created:,}, closed {pool.closed:,}{f' ({closed})' if closed else ''}"
    yield f"- last {_time(pool.window)}: wait {_spread(pool.wait_time)}"
    yield f"- last {_time(pool.window)}: hold {_spread(pool.use_time)}"
    if pool.limited:
        yield f"- not visible here: {', '.join(code(what) for what in pool.limited)}"
    yield ""


def _settings(pool: PoolSnapshot) -> Iterator[str]:
    rows = [(code(name), code(value)) for name, value in settings(pool.config).items()]
    if rows:
        yield from ("### Settings", "", *table(("option", "value"), rows))


def _holders(checkouts: Sequence[Checkout]) -> Iterator[str]:
    if not checkouts:
        return
    columns = ("held for", "call site", "owner", "request", "waited", "connection age")
    oldest = sorted(checkouts, key=lambda checkout: -checkout.held_for)[:_MOST_ROWS]
    rows = [
        (
            _time(checkout.held_for),
            code(checkout.call_site),
            code(checkout.owner),
            code(checkout.request or ""),
            _time(checkout.wait_time),
            _time(checkout.age),
        )
        for checkout in oldest
    ]
    yield from (f"### Who holds a connection ({len(checkouts):,})", "", *table(columns, rows))
    yield from _more(checkouts)


def _waiters(waiters: Sequence[Waiter]) -> Iterator[str]:
    if not waiters:
        return
    oldest = sorted(waiters, key=lambda waiter: -waiter.waited_for)[:_MOST_ROWS]
    rows = [
        (_time(waiter.waited_for), code(waiter.call_site), code(waiter.owner)) for waiter in oldest
    ]
    columns = ("waiting for", "call site", "owner")
    yield from (f"### Who waits ({len(waiters):,})", "", *table(columns, rows))
    yield from _more(waiters)


def _sites(sites: Sequence[CallSiteStats]) -> Iterator[str]:
    if not sites:
        return
    rows = [
        (
            code(site.call_site),
            percent(site.share),
            f"{site.checkouts:,}",
            f"{site.open:,}",
            f"{site.failures:,}",
            f"{site.lost:,}",
            _time(site.use_time.percentile(95)),
            _time(site.wait_time.percentile(99)),
        )
        for site in sites[:_MOST_ROWS]
    ]
    columns = ("call site", "share", "calls", "open", "failed", "lost", "hold p95", "wait p99")
    yield from ("### Who uses this pool", "", *table(columns, rows))
    yield from _more(sites)


def _overhead(snapshot: Snapshot) -> Iterator[str]:
    errors = sum(pool.probe_errors for pool in snapshot.pools.values())
    unmatched = sum(pool.unmatched for pool in snapshot.pools.values())
    cost = snapshot.overhead
    yield from ("## Watching itself", "")
    yield f"- memory: {cost.memory:,} of {cost.budget:,} bytes"
    yield f"- events sampled out: {cost.sampled_out:,}; unmatched returns: {unmatched:,}"
    yield f"- probe errors: {errors:,}"


def _more(rows: Sequence[object]) -> Iterator[str]:
    if len(rows) > _MOST_ROWS:
        yield from (f"and {len(rows) - _MOST_ROWS:,} more", "")


def _spread(values: Distribution) -> str:
    p50, p95, p99 = (_time(values.percentile(q)) for q in (50, 95, 99))
    return f"p50 {p50}, p95 {p95}, p99 {p99} of {values.count:,}"


def _time(seconds: float | None) -> str:
    return str(duration(seconds))
