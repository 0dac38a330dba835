"""What if something else than the size were different: a leak, a hold, the ping, the workers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..model.snapshot import CallSiteStats
from ..model.whatif import Change, Prediction, Row
from . import budget, gates
from .case import Case
from .explaining import collecting
from .lab import Lab
from .sentences import span
from .words import between, line, long, many

#: What a released and taken connection costs beside its statements.
_ROUND_TRIP: Final = 0.001
_MORE_WORKERS: Final = 2
#: A change, and what it means here; no change where there is nothing to change.
_Answer = tuple[Change | None, tuple[str, ...]]


def ask(
    case: Case, question: str, sizes: Sequence[int] | None = None, site: str = ""
) -> Prediction:
    """The recorded requests, replayed with the change; `answer` says what came of it.

    `question` is one of `QUESTIONS`; `site` the line that releases earlier (`shop/chat.py:88`),
    else the one that holds most without using it. ValueError for anything else.
    """
    find = _CHANGES.get(question)
    if find is None:
        raise ValueError(f"question takes one of {', '.join(QUESTIONS)}, not {question!r}")
    change, words = find(case, site)
    lab = case.lab
    if change is None or lab is None:
        return Prediction(rows=(), grade="D", answer=words)
    prediction = lab.predict(sizes, change)
    if not prediction.rows:
        text = collecting(len(lab), lab.duration, None)
        return replace(prediction, answer=(*words, text), banner=())
    return replace(prediction, answer=(*words, *_compared(lab, change)))


def _compared(lab: Lab, change: Change) -> tuple[str, ...]:
    """The present size with and without the change."""
    size = lab.demand.size
    if size is None:
        return ()
    before, after = lab.predict([size]).rows, lab.predict([size], change).rows
    if not before or not after:
        return ()
    then, parts = after[0], [f"p95 wait {_wait(before[0])} -> {_wait(after[0])}"]
    if lab.timeouts and then.timeouts is not None:
        parts.append(f"{len(lab.timeouts):,} timeouts -> {round(then.timeouts):,}")
    if before[0].idle_share is not None and then.idle_share is not None:
        parts.append(f"idle slots {before[0].idle_share:.0%} -> {then.idle_share:.0%}")
    return (f"At the present size: {', '.join(parts)} (grade {then.grade}).",)


def _wait(row: Row) -> str:
    if row.range is None:
        return "unknown"
    if row.p95 is None:
        return between(*row.range)
    return f"{span(row.p95)} ({between(*row.range)})"


def _leak_fixed(case: Case, _: str) -> _Answer:
    found = [each for each in gates.leaks(case) if each.ended_at is None]
    if not found:
        return None, ("No leak holds a slot at the moment: nothing would change.",)
    lines = ", ".join(sorted({line(each.call_site) for each in found}))
    verb = "is" if len(found) == 1 else "are"
    return Change(are_leaks_fixed=True), (
        (
            f"{many(len(found), 'slot')} {verb} held by what leaks at {lines}; fixed, "
            f"{'it comes' if len(found) == 1 else 'they come'} back."
        ),
    )


def _released(case: Case, wanted: str) -> _Answer:
    if not any(site.statements for site in case.pool.call_sites):
        return None, ("No statement was seen at this pool, so nobody knows what a hold is for.",)
    site = _chosen(case, wanted)
    if site is None:
        return None, (f"No call site of this pool is {wanted!r}.",)
    number = None if case.lab is None else case.lab.sites.get(site.call_site)
    if number is None or not site.checkouts or not site.total_hold:
        return None, (f"{line(site.call_site)} has returned no connection yet.",)
    mean, busy = site.total_hold / site.checkouts, site.busy_time / site.checkouts
    factor = min(1.0, (busy + _ROUND_TRIP) / mean)
    return Change(hold=factor, sites=frozenset({number})), (
        (
            f"{line(site.call_site)} holds for {long(mean)} on average and runs statements for "
            f"{long(busy)} of it. Released before the rest, a hold would be "
            f"{long(factor * mean)}, a round trip included."
        ),
    )


def _chosen(case: Case, wanted: str) -> CallSiteStats | None:
    """The line that was asked for, else the one that holds most without using it."""
    if wanted:
        named = (s for s in case.pool.call_sites if wanted in {line(s.call_site), str(s.call_site)})
        return next(named, None)
    return max(
        (site for site in case.pool.call_sites if site.statements),
        key=lambda site: site.total_hold - site.busy_time,
        default=None,
    )


def _without_ping(case: Case, _: str) -> _Answer:
    pings = case.pool.phases.get("pre_ping")
    if not case.pool.config.get("pool_pre_ping") or pings is None or not pings.count:
        return None, ("Pre-ping is off already: nothing would change.",)
    ping = pings.percentile(50) or 0.0
    failed = case.pool.closed_by.get("error", 0)
    risk = (
        f"{many(failed, 'connection')} failed since the watch began, and ping is what notices."
        if failed
        else f"No connection has failed in {long(case.watched_for)}; a restart would."
    )
    return Change(less=ping), (
        f"A ping takes {long(ping)} (median of {pings.count:,}), and its slot is taken meanwhile.",
        risk,
    )


def _more_workers(case: Case, _: str) -> _Answer:
    workers = case.server.workers
    more = workers + _MORE_WORKERS
    text = (
        f"{more} workers instead of {workers}: each gets {workers} of {more} callers, "
        f"{workers / more:.0%}."
    )
    limit = replace(case.server, workers=more)
    found = budget.for_pool(case.pool, case.pools, limit)
    sums = () if found is None else (found.sentence(),)
    return Change(share=workers / more), (text, *sums)


#: The questions, and what a person reads.
QUESTIONS: Final[Mapping[str, str]] = {
    "leak": "What if the leaks were fixed?",
    "release": "What if this line released before the work that is not the database's?",
    "ping": "What if pre-ping were off?",
    "workers": f"What if there were {_MORE_WORKERS} workers more?",
}
_CHANGES: Final[Mapping[str, Callable[[Case, str], _Answer]]] = {
    "leak": _leak_fixed,
    "release": _released,
    "ping": _without_ping,
    "workers": _more_workers,
}
