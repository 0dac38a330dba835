"""The parts that sentences about a pool are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ..model.findings import Suspect
from ..model.origin import CallSite
from ..model.snapshot import PoolSnapshot

_WORDS: Final = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def ordinal_words(number: int) -> str:
    """`Two`, from ten on `10`: for the beginning of a sentence."""
    return _WORDS[number] if number < len(_WORDS) else f"{number:,}"


def roughly(seconds: float) -> str:
    """A duration rounded down, so that `over` and `ago` stay true."""
    if seconds < 1:
        return f"{max(1, int(seconds * 1000))} ms"
    if seconds < _MINUTE:
        return _plural(int(seconds), "second")
    if seconds < _HOUR:
        return _plural(int(seconds // _MINUTE), "minute")
    if seconds < _DAY:
        return _plural(int(seconds // _HOUR), "hour")
    return _plural(int(seconds // _DAY), "day")


def span(seconds: float) -> str:
    """A duration as evidence spells it: `3 ms`, `1.2 s`, `5 min 20 s`, `5 h 20 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    # Whole seconds that have passed, as beside it in a table.
    minutes, rest = divmod(max(_MINUTE, int(seconds)), _MINUTE)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days {hours % 24} h".removesuffix(" 0 h")
    if hours:
        return f"{hours} h {minutes} min".removesuffix(" 0 min")
    return f"{minutes} min {rest} s".removesuffix(" 0 s")


def place(site: CallSite) -> str:
    """`shop/orders.py:88`, or what stands for a line that nobody knows."""
    return f"{site.file}:{site.line}" if site.line else site.function


def plural(number: int, noun: str) -> str:
    """`1 suspect`, `2 suspects`."""
    return _plural(number, noun)


def capacity(pool: PoolSnapshot) -> str:
    """`28 of 30 connections are out`, without a bound `28 connections are out`."""
    if pool.max is None:
        return are_out(pool.used)
    return f"{pool.used:,} of {_plural(pool.max, 'connection')} {_are(pool.used)} out"


def are_out(used: int, still: str = "") -> str:
    """`3 connections are out`."""
    adverb = f" {still}" if still else ""
    return f"{_plural(used, 'connection')} {_are(used)}{adverb} out"


def callers(pool: PoolSnapshot, before: str = "") -> str:
    """`8 callers are waiting`, empty when there are none."""
    waiting = pool.pending_requests
    if not waiting:
        return ""
    return f"{before}{_plural(waiting, 'caller')} {_are(waiting)} waiting"


def held_by(pool: PoolSnapshot, suspects: Sequence[Suspect]) -> tuple[str, str]:
    """Who holds most, as a sentence and as the call site it names; suspects come first."""
    if suspects:
        sites = Counter[str]()
        for suspect in suspects:
            sites[str(suspect.call_site)] += 1
        site, count = sites.most_common(1)[0]
        least = min(s.held_for for s in suspects if str(s.call_site) == site)
        has = "has" if count == 1 else "have"
        return f"{ordinal_words(count)} {has} been held for over {roughly(least)} by {site}.", site
    if not pool.open:
        return "", ""
    site, count = Counter(str(checkout.call_site) for checkout in pool.open).most_common(1)[0]
    longest = max(c.held_for for c in pool.open if str(c.call_site) == site)
    one = f"One is held by {site}, for {roughly(longest)}."
    many = f"{ordinal_words(count)} are held by {site}, the longest for {roughly(longest)}."
    return (one if count == 1 else many), site


def worst_site(suspects: Iterable[Suspect]) -> str:
    """The call site whose suspects hold the most connection time together."""
    held: dict[str, float] = {}
    for suspect in suspects:
        site = str(suspect.call_site)
        held[site] = held.get(site, 0.0) + suspect.held_for
    return max(held, key=lambda site: held[site])


def suspected(suspects: Iterable[Suspect]) -> str:
    """How many hold for how long, at the line that holds most."""
    suspects = tuple(suspects)
    site = worst_site(suspects)
    there = [suspect for suspect in suspects if str(suspect.call_site) == site]
    least = min(suspect.held_for for suspect in there)
    has = "connection has" if len(there) == 1 else "connections have"
    text = f"{ordinal_words(len(there))} {has} been held for over {roughly(least)} by {site}."
    usual = there[0].usual
    if usual:
        text += f" It usually holds one for {roughly(usual)}."
    if len(suspects) > len(there):
        more = len(suspects) - len(there)
        text += f" {ordinal_words(more)} more elsewhere."
    return text


def sentence_join(*sentences: str) -> str:
    """The sentences that are not empty, one after the other."""
    return " ".join(sentence for sentence in sentences if sentence)


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
