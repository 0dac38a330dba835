"""R11, R12 and R27: connections that do not come back, or come back late."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ...model.findings import CERTAINTIES, Suspect
from ...model.origin import CallSite
from .. import remedies
from ..case import Case
from ..forecast import is_enough
from ..gates import leaks
from ..words import fitting, line, long, many, number, sentence
from .rule import WATCH, Found, rule

#: Idle in transaction: at several checkouts of a line, and at any.
_STALLED: Final = 5.0
_STALLED_LONG: Final = 30.0
#: Seconds after which a response of an owner that ended is called forgotten.
_LONG: Final = 60.0
_CONFIDENCES: Final = {"proven": "high", "probable": "medium", "possible": "low"}


@rule(
    "R11",
    "Leak",
    needs=WATCH,
    why="""A connection that nobody returns is a slot less for good: the pool seems too small, and
    a larger one only leaks for longer. Where the object that the caller held no longer exists,
    that is proof; where its owner has ended and never used it since, or where it is quiet far
    beyond what its line usually is, it is likely. SQLAlchemy takes a lost slot back when the
    garbage collector runs and throws the connection away, so there a leak shows as churn and as
    waits until then.""",
    silent="""Nothing is lost, orphaned or quiet for too long with at least a probable verdict;
    expect(hold=...) around the block; what came back.""",
)
def leaking(case: Case) -> Found | None:
    """Proven or probable leaks of a database pool."""
    found = leaks(case)
    if not found or case.pool.library == "aiohttp":
        return None
    site, mine = _worst(found)
    is_proven = any(each.certainty == "proven" for each in mine)
    return Found(
        title=f"{line(site)} does not return its connections",
        severity="critical",
        evidence=(
            *_evidence(mine),
            *_elsewhere(found, site),
            *_exhaustion(case, found),
        ),
        code=remedies.with_block(case, site),
        reasons=(f"{many(len(mine), 'connection')} taken here did not come back",),
        effect=_recovered(found),
        confidence="high" if is_proven else "medium",
        benefit=float(len(found)),
    )


def _worst(found: Sequence[Suspect]) -> tuple[CallSite, tuple[Suspect, ...]]:
    """The line with the most, the proven ones first."""
    counts = Counter[CallSite]()
    for each in found:
        counts[each.call_site] += 100 if each.certainty == "proven" else 1
    site = counts.most_common(1)[0][0]
    return site, tuple(each for each in found if each.call_site == site)


def _evidence(mine: Sequence[Suspect]) -> tuple[str, ...]:
    """Who, since when, and why it is believed."""
    worst = mine[0]
    route = f", in {worst.request}" if worst.request is not None else ""
    held, last = ("held", "") if len(mine) == 1 else ("the longest held", ", last")
    return (
        (
            f"{worst.call_site}: {many(len(mine), 'connection')}, {held} for "
            f"{long(max(each.held_for for each in mine))}{last} by {worst.owner}{route}."
        ),
        *(sentence(text) for text in worst.evidence[:3]),
    )


def _elsewhere(found: Sequence[Suspect], site: CallSite) -> tuple[str, ...]:
    rest = Counter(line(each.call_site) for each in found if each.call_site != site)
    if not rest:
        return ()
    listed = ", ".join(f"{count} at {where}" for where, count in rest.most_common(3))
    return (f"{many(rest.total(), 'connection')} more: {listed}.",)


def _exhaustion(case: Case, found: Sequence[Suspect]) -> tuple[str, ...]:
    """Free slots over the leak rate."""
    gone = [each for each in found if each.ended_at is None]
    free = None if case.pool.max is None else case.pool.max - case.pool.used
    is_told = any("exhausted" in text for each in found for text in each.evidence)
    if len(gone) < 2 or free is None or case.watched_for <= 0 or is_told:
        return ()
    if free <= 0:
        return ("Every slot is taken.",)
    if not is_enough(len(gone), case.watched_for):
        return ()
    each = case.watched_for / len(gone)
    return (
        (
            f"One slot is lost every {long(each)}; the {many(free, 'free slot')} "
            f"{fitting(free, 'is', 'are')} gone in about "
            f"{long(free * each)}."
        ),
    )


def _recovered(found: Sequence[Suspect]) -> str:
    slots = sum(1 for each in found if each.ended_at is None)
    if slots:
        return (
            f"{many(slots, 'slot')} {fitting(slots, 'comes back and stays', 'come back and stay')}."
        )
    reopened = many(len(found), "connection")
    return f"{reopened} would not have been thrown away and opened anew."


@rule(
    "R12",
    "Idle in transaction",
    needs=WATCH,
    why="""A transaction that is open while nobody runs a statement keeps its locks and its slot,
    and keeps the server from cleaning up dead rows. The server itself says so ("idle in
    transaction" and since when). Commit before slow work that is not the database's; the server's
    idle_in_transaction_session_timeout is a net for what is forgotten.""",
    silent="""The view of the server is not on (`backends=`); no checkout was idle in transaction
    for 30 s, nor for 5 s at a line where several are, or where 5 % of all checkouts are quiet for
    as long; expect(hold=...).""",
)
def idle_in_transaction(case: Case) -> Found | None:
    """What the server calls idle in transaction."""
    stalled = [each for each in case.suspects if each.verdict == "stalled"]
    if not stalled:
        return None
    site, mine = _worst(stalled)
    longest = max(_idle(each) for each in mine)
    several = sum(_idle(each) >= _STALLED for each in mine)
    is_usual = several >= 1 and _is_usual(case, site)
    if longest < _STALLED_LONG and several < 2 and not is_usual:
        return None
    most = fitting(len(mine), " for", ", the longest for")
    return Found(
        title=f"{line(site)} leaves transactions open while it does something else",
        severity="critical" if longest >= _STALLED_LONG else "warning",
        evidence=(
            f"{many(len(mine), 'transaction')} idle{most} {long(longest)}.",
            *(sentence(text) for text in mine[0].evidence[:3]),
        ),
        code=remedies.earlier(case, site)
        + "# and as a net, in the database:\n"
        + "#     ALTER ROLE app SET idle_in_transaction_session_timeout = '60s';",
        reasons=("commit before the slow part",),
        effect=_shorter(case, site),
    )


def _is_usual(case: Case, site: CallSite) -> bool:
    """Whether 5 % of what the line takes is quiet for that long."""
    stats = next((each for each in case.pool.call_sites if each.call_site == site), None)
    slow = None if stats is None else stats.quiet_time.percentile(95)
    return slow is not None and slow >= _STALLED


def _idle(suspect: Suspect) -> float:
    return suspect.held_for if suspect.quiet_for is None else suspect.quiet_for


def _shorter(case: Case, site: CallSite) -> str:
    stats = next((each for each in case.pool.call_sites if each.call_site == site), None)
    if stats is None or not stats.statements or not stats.total_hold:
        return "Locks and the slot are free while the slow part runs."
    idle = max(0.0, 1 - stats.busy_time / stats.total_hold)
    return f"Its holds shrink by {idle:.0%}; locks and the slot are free meanwhile."


@rule(
    "R27",
    "Response not read or released",
    needs=WATCH,
    why="""aiohttp gives a connection back when the body was read to its end or the response was
    released. A response that is dropped keeps its slot until the garbage collector finds it, and
    the connection cannot be used again. `async with` around the request does it on every path,
    also on errors.""",
    silent="""A stream that is still being read; nothing is quiet for longer than its line usually
    is; WebSockets are in use by definition.""",
)
def unread(case: Case) -> Found | None:
    """A connector's slot whose holder has gone or forgotten it."""
    if case.pool.library != "aiohttp":
        return None
    found = leaks(case) or _left_behind(case)
    if not found:
        return None
    site, mine = _worst(found)
    certainties = {each.certainty for each in mine}
    rate = case.pool.lost * 3600 / case.watched_for if case.watched_for else 0.0
    return Found(
        title=f"{line(site)} does not read or release its responses",
        severity="critical" if _is_urgent(mine) else "warning",
        evidence=(
            *_evidence(mine),
            *_elsewhere(found, site),
            *((f"Lost: {number(rate)} an hour.",) if rate >= 1 else ()),
        ),
        code=remedies.with_block(case, site),
        reasons=(f"{many(len(mine), 'response')} of this line kept the connection",),
        effect="The slot comes back when the block ends, and the connection is used again.",
        confidence=next(_CONFIDENCES[each] for each in CERTAINTIES if each in certainties),
        benefit=float(len(found)),
    )


def _left_behind(case: Case) -> tuple[Suspect, ...]:
    """Owners that ended long ago: nobody can see whether somebody else reads the response."""
    return tuple(
        each
        for each in case.suspects
        if each.verdict == "orphaned" and each.ended_at is None and each.held_for >= _LONG
    )


def _is_urgent(mine: Sequence[Suspect]) -> bool:
    return any(each.ended_at is None and each.certainty != "possible" for each in mine)
