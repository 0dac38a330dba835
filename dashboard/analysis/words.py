"""Figures as evidence spells them."""

from ..model.origin import CallSite
from .explaining import span


def number(value: float) -> str:
    """`41,200`, `3.4`, `0.25`: three digits at most behind what matters."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def many(count: int, noun: str, plural: str = "") -> str:
    """`1 connection`, `2 connections`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def long(seconds: float) -> str:
    """`<0.1 ms`, `48 ms`, `1.2 s`, `4 min`, `3.2 h`, `7 days`."""
    if 0 < seconds < 0.00005:
        return "<0.1 ms"
    if seconds < 90:
        return span(seconds)
    if seconds < 5400:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h" if seconds < 172_800 else f"{seconds / 86_400:.3g} days"


def line(site: CallSite) -> str:
    """`shop/orders.py:88`."""
    return f"{site.file}:{site.line}" if site.line else site.function


def between(low: float, high: float) -> str:
    """A range of seconds: `1..9 ms`."""
    if high < 1:
        return f"{low * 1000:.3g}..{high * 1000:.3g} ms"
    return f"{low:.3g}..{high:.3g} s"


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
