"""Figures as evidence spells them."""

from ..model.origin import CallSite
from .sentences import span


def number(value: float) -> str:
    """`41,200`, `3.4`, `0.25`: three digits at most behind what matters."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def many(count: int, noun: str, plural: str = "") -> str:
    """`1 connection`, `2 connections`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def fitting(count: float, one: str, more: str) -> str:
    """The verb, or the noun, that goes with a number: `is` or `are`."""
    return one if count == 1 else more


def long(seconds: float) -> str:
    """As `span`; what is hardly anything is `<0.1 ms`."""
    return "<0.1 ms" if 0 < seconds < 0.00005 else span(seconds)


def line(site: CallSite) -> str:
    """`shop/orders.py:88`."""
    return f"{site.file}:{site.line}" if site.line else site.function


def between(low: float, high: float) -> str:
    """A range of durations: `1..9 ms`, `40 s..1 min 5 s`."""
    first, last = span(low), span(high)
    number, _, unit = first.partition(" ")
    return f"{number if last.partition(' ')[2] == unit else first}..{last}"


def sentence(text: str) -> str:
    """With a capital and a full stop; names of libraries stay small."""
    first = text if text.startswith(("sqlalchemy", "asyncpg", "aiohttp")) else _capital(text)
    return first if first.endswith((".", "!", "?")) else f"{first}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def spread(low: float, high: float) -> str:
    """`0.5 s to 4 min`, or one of them where they are the same."""
    first, last = long(low), long(high)
    return first if first == last else f"{first} to {last}"
