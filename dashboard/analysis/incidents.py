"""What an incident says in a sentence; plain data in, words out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from ..model.findings import Brief
from ..model.snapshot import LoopLag, PoolSnapshot
from .loops import blamed, longest
from .sentences import plural

#: Incidents that ended within so many seconds are still news.
RECENT: Final = 3600.0
_MINUTE: Final = 60
_HOUR: Final = 3600
#: Call sites that are named before the rest is `elsewhere`.
_NAMED: Final = 2


def opening(pool: PoolSnapshot, at: datetime, loops: Sequence[LoopLag], lag: float | None) -> str:
    """What was wrong, when, and who held: the sentence up to what came of it.

    `at` in the zone in which it is to be read; `lag` is how late a time-out came by itself, where
    nobody measured the loop.
    """
    when = f"{at:%H:%M:%S}"
    out = held(pool)
    worst = longest(loops)
    if worst is not None:
        by = blamed(worst)
        whom = f" by {by}" if by else ""
        return (
            f"The event loop was blocked for {short(worst.lag)}{whom} when callers of {pool.name} "
            f"waited at {when}: {out}"
        )
    if lag is not None:
        return (
            f"The event loop was blocked for {short(lag)} when callers of {pool.name} waited at "
            f"{when}: {out}"
        )
    if pool.max is not None and pool.used >= pool.max:
        return f"{pool.name} ran out at {when}: {out}"
    return f"{pool.name} kept callers waiting at {when}: {out}"


def outcome(
    waiting: int, oldest: float | None, timeouts: int, seconds: float, *, is_over: bool
) -> str:
    """What came of it: who waited when it was frozen, the oldest for how long, who timed out.

    `seconds` from the begin to the last caller that gave up.
    """
    if timeouts:
        return f"{plural(timeouts, 'caller')} timed out{_within(timeouts, seconds)}"
    waited = f", the longest for {short(oldest)}" if oldest else ""
    seen = f"{plural(waiting, 'caller')} {'was' if waiting == 1 else 'were'} waiting{waited}"
    return f"{seen}, and nobody timed out" if is_over else seen


def holders(pool: PoolSnapshot) -> str:
    """Who held, by call site: `9 at a.py:5 charge for up to 12 s, 2 elsewhere`."""
    sites = _by_site(pool)
    if not sites:
        return "nobody held a connection"
    named = [f"{count:,} at {site} for up to {short(most)}" for site, count, _, most in sites]
    rest = sum(count for _, count, _, _ in sites[_NAMED:]) + _unknown(pool)
    return ", ".join((*named[:_NAMED], *([f"{rest:,} elsewhere"] if rest else [])))


def recent(briefs: Iterable[Brief], now: datetime) -> list[Brief]:
    """Those that go on, or ended within the last hour."""
    since = now - timedelta(seconds=RECENT)
    return [each for each in briefs if each.ended_at is None or each.ended_at > since]


def short(seconds: float) -> str:
    """`412 ms`, `3.2 s`, `40 s`, `4 min 12 s`, `3 h 5 min`."""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s".removesuffix(" 0 s")
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE} min".removesuffix(" 0 min")


def held(pool: PoolSnapshot) -> str:
    """`15 of 15 connections were out, 9 of them at a.py:5 charge, held for 8 to 12 s`."""
    of = "" if pool.max is None else f" of {pool.max:,}"
    number = pool.used if pool.max is None else pool.max
    noun = "connection" if number == 1 else "connections"
    out = f"{pool.used:,}{of} {noun} {'was' if pool.used == 1 else 'were'} out"
    sites = _by_site(pool)
    if not sites:
        return out
    site, count, least, most = sites[0]
    part = f"{count:,} of them "
    if count == pool.used:
        part = {1: "", 2: "both "}.get(count, "all of them ")
    return f"{out}, {part}at {site}, held for {_range(least, most)}"


def _by_site(pool: PoolSnapshot) -> list[tuple[str, int, float, float]]:
    """Call site, holders, shortest and longest hold; the site with most of them first."""
    times: dict[str, list[float]] = {}
    for checkout in pool.open:
        if not checkout.is_retired:
            times.setdefault(str(checkout.call_site), []).append(checkout.held_for)
    counts = Counter({site: len(held) for site, held in times.items()})
    return [
        (site, count, min(times[site]), max(times[site])) for site, count in counts.most_common()
    ]


def _unknown(pool: PoolSnapshot) -> int:
    """Holders beyond those that were noted."""
    return max(0, pool.used - sum(not checkout.is_retired for checkout in pool.open))


def _range(least: float, most: float) -> str:
    low, high = short(least), short(most)
    if low == high:
        return high
    number, _, unit = low.partition(" ")
    return f"{number if unit == high.partition(' ')[2] else low} to {high}"


def _within(timeouts: int, seconds: float) -> str:
    if timeouts == 1:
        return ""
    return f" in {short(seconds)}" if seconds >= 1 else " within a second"
