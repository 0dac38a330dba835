"""What a pool's state at a moment of the past was called: from what history and trace still know.

The words are those of `status`; deadlocks, blocked loops and failures to connect are not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..model.findings import Suspect
from .sentences import ordinal_words, roughly, sentence_join
from .status import BUSY, NO_LEAKS, Finding, Status

#: Seconds before the moment in which a time-out decides the status, as it does live.
BEFORE: Final = 60.0
UNKNOWN: Final = Status("Not kept", "mute", "Nothing is kept of this moment.")
_CLAIMS: Final = {
    "Timing out": "was timing out.",
    "Saturated": "was saturated.",
    "Leaking": "was leaking connections.",
    "Waiting": "made callers wait.",
}


@dataclass(frozen=True, slots=True)
class Held:
    """One checkout that was out: where, for how long by then, and whether it is a suspect."""

    call_site: str
    held_for: float
    is_suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A pool at a moment. `timeouts` are those of the minute before, `ago` the last one's seconds.

    `max` is the one of then, as it was seen. `held` is what the trace still knows.
    """

    name: str
    max: int | None
    used: int
    waiting: int
    timeouts: int = 0
    ago: float | None = None
    checkouts: int = 0
    held: Sequence[Held] = ()


def suspects_at(
    suspects: Iterable[Suspect], at: datetime, pool: str | None = None
) -> tuple[Suspect, ...]:
    """Those of today's suspects that held their connection then; not what is no leak."""
    return tuple(
        each
        for each in suspects
        if each.since <= at
        and (each.ended_at is None or each.ended_at > at)
        and each.verdict not in NO_LEAKS
        and (pool is None or each.pool == pool)
    )


def status_at(former: Former) -> Status:
    """The word for a pool then, by the worst thing that is known of it."""
    suspects = [each for each in former.held if each.is_suspect]
    is_full = former.max is not None and former.used >= former.max
    if former.timeouts:
        return Status("Timing out", "bad", sentence_join(_gave_up(former), _pressure(former)))
    if former.waiting and is_full:
        return Status("Saturated", "bad", _pressure(former))
    if suspects:
        return Status("Leaking", "bad", _suspected(suspects))
    if former.waiting:
        return Status("Waiting", "wait", _pressure(former))
    return _calm(former)


def _calm(former: Former) -> Status:
    if not former.used:
        if not former.checkouts:
            sentence = "No connection was out, and nobody had asked for a minute."
            return Status("Idle", "mute", sentence)
        return Status("Healthy", "ok", "No connection was out, nobody was waiting.")
    is_busy = former.max is not None and former.max > 1 and former.used >= BUSY * former.max
    return Status("Busy" if is_busy else "Healthy", "ok", f"{_out(former)}, nobody was waiting.")


def finding_at(former: Former, status: Status) -> Finding:
    """What to look at first; `evidence` names the line as it stands in `call_site`."""
    claim = f"{former.name} {_CLAIMS[status.word]}"
    site = worst(former.held)
    named = site if site in status.sentence else ""
    return Finding(
        former.name, status.level, claim, status.sentence, named, "holders", "See who held them"
    )


def headline_at(statuses: Sequence[Status], moment: str) -> str:
    """The sentence at the top of a frozen overview."""
    known = [each for each in statuses if each is not UNKNOWN]
    total = len(known)
    if not total:
        return f"Nothing is kept of {moment}"
    attention = sum(each.level in {"bad", "wait"} for each in known)
    if attention == 1 == total:
        return f"The pool needed attention at {moment}"
    if attention:
        return f"{attention} of {total} pools needed attention at {moment}"
    return f"No pool needed attention at {moment}"


def worst(held: Sequence[Held]) -> str:
    """The line that held most; suspects come first. Empty where nobody knows."""
    sites = Counter(each.call_site for each in held if each.is_suspect)
    sites = sites or Counter(each.call_site for each in held)
    return sites.most_common(1)[0][0] if sites else ""


def _gave_up(former: Former) -> str:
    last = ""
    if former.ago is not None:
        last = "just then" if former.ago < 1 else f"{roughly(former.ago)} before"
    if former.timeouts == 1:
        return f"A checkout gave up waiting, {last or 'in the minute before'}."
    many = f"{former.timeouts:,} checkouts gave up waiting in the minute before"
    return f"{many}, the last one {last}." if last else f"{many}."


def _pressure(former: Former) -> str:
    waiting = ""
    if former.waiting:
        verb = "caller was" if former.waiting == 1 else "callers were"
        waiting = f" and {former.waiting:,} {verb} waiting"
    return sentence_join(f"{_out(former)}{waiting}.", _by(former.held))


def _out(former: Former) -> str:
    verb = "was" if former.used == 1 else "were"
    if former.max is None:
        return f"{former.used:,} connection{'' if former.used == 1 else 's'} {verb} out"
    noun = "connection" if former.max == 1 else "connections"
    return f"{former.used:,} of {former.max:,} {noun} {verb} out"


def _by(held: Sequence[Held]) -> str:
    site = worst(held)
    if not site:
        return ""
    there = [each.held_for for each in held if each.call_site == site]
    longest = roughly(max(there))
    if len(there) == 1:
        return f"One was held by {site}, for {longest}."
    return f"{ordinal_words(len(there))} were held by {site}, the longest for {longest}."


def _suspected(suspects: Sequence[Held]) -> str:
    site = worst(suspects)
    there = [each.held_for for each in suspects if each.call_site == site]
    had = "connection had" if len(there) == 1 else "connections had"
    least = roughly(min(there))
    text = f"{ordinal_words(len(there))} {had} been held for over {least} by {site}"
    more = len(suspects) - len(there)
    elsewhere = f" {ordinal_words(more)} more elsewhere." if more else ""
    return f"{text}; suspected of leaking by what is known today.{elsewhere}"
