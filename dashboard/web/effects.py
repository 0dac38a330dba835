"""What a setting does at the moment: the live figure beside each option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..model.snapshot import PoolSnapshot
from .explain import ALIASES
from .format import count, duration, plural


def effect_of(option: str, pool: PoolSnapshot) -> str:
    """Empty where no figure belongs to the option."""
    name = ALIASES.get(option, option)
    if name == "timeout" and pool.library == "sqlalchemy":
        name = "pool_timeout"
    effect = _EFFECTS.get(name)
    return effect(pool) if effect else ""


def _base(pool: PoolSnapshot) -> str:
    size = pool.size or pool.max
    if not size:
        return f"{plural(pool.count, 'connection')} open."
    base = min(pool.used, size)
    full = "All" if base == size else count(base)
    return f"{full} of {count(size)} in use, {count(min(pool.count, size))} open."


def _overflow(pool: PoolSnapshot) -> str:
    if pool.max is None or pool.size is None or pool.max <= pool.size:
        return "No overflow is allowed." if pool.overflow == 0 else f"{count(pool.overflow)} open."
    room = pool.max - pool.size
    beyond = max(0, pool.peak - pool.size)
    most = f"the most was {count(beyond)}" if beyond else "none was needed so far"
    return f"{count(pool.overflow)} of {count(room)} open, {most}."


def _peak(pool: PoolSnapshot) -> str:
    return f"{count(pool.used)} in use, the most was {count(pool.peak)}."


def _gave_up(pool: PoolSnapshot) -> str:
    text = f"{plural(pool.timeouts, 'caller')} gave up since the watch began"
    if pool.oldest_wait is not None and pool.pending_requests:
        return f"{text}; the oldest waits {duration(pool.oldest_wait)}."
    return f"{text}."


def _closed(reason: str, words: str) -> Callable[[PoolSnapshot], str]:
    def effect(pool: PoolSnapshot) -> str:
        closed = pool.closed_by.get(reason, 0)
        ages = [checkout.age for checkout in pool.open if checkout.age is not None]
        oldest = f" The oldest one in use is {duration(max(ages))} old." if ages else ""
        return f"{plural(closed, 'connection')} closed {words}.{oldest}"

    return effect


def _phase(phase: str, word: str) -> Callable[[PoolSnapshot], str]:
    def effect(pool: PoolSnapshot) -> str:
        seen = pool.phases.get(phase)
        if seen is None or not seen.count:
            return ""
        return f"{word} p95 {duration(seen.percentile(95))}, {plural(seen.count, 'sample')}."

    return effect


def _connect(pool: PoolSnapshot) -> str:
    if not pool.create_time.count:
        return f"{plural(pool.created, 'connection')} opened."
    p95 = duration(pool.create_time.percentile(95))
    return f"Connect p95 {p95}, {plural(pool.created, 'connection')} opened."


def _hosts(pool: PoolSnapshot) -> str:
    busy: dict[str, int] = {}
    for checkout in pool.open:
        if checkout.host:
            busy[checkout.host] = busy.get(checkout.host, 0) + 1
    if not busy:
        return "No connection is out."
    host = max(busy, key=lambda name: busy[name])
    return f"{host} has most, {count(busy[host])}."


def _hold(pool: PoolSnapshot) -> str:
    if not pool.use_time.count:
        return ""
    return f"The longest hold took {duration(pool.use_time.longest)}."


def _churn(pool: PoolSnapshot) -> str:
    return f"{plural(pool.created, 'connection')} opened for {plural(pool.checkouts, 'checkout')}."


_EFFECTS: Final[dict[str, Callable[[PoolSnapshot], str]]] = {
    "pool_size": _base,
    "max_overflow": _overflow,
    "pool_timeout": _gave_up,
    "pool_recycle": _closed("stale", "because of age"),
    "pool_pre_ping": _phase("pre_ping", "Ping"),
    "pool_reset_on_return": _phase("reset", "Reset"),
    "min_size": lambda pool: f"{plural(pool.count, 'connection')} open.",
    "max_size": _peak,
    "limit": _peak,
    "limit_per_host": _hosts,
    "max_queries": _closed("stale", "because of age or use"),
    "max_inactive_connection_lifetime": _closed("idle", "because idle"),
    "keepalive_timeout": _closed("idle", "because idle"),
    "command_timeout": _hold,
    "total": _hold,
    "timeout": _connect,
    "connect": _gave_up,
    "sock_connect": _connect,
    "ttl_dns_cache": _phase("dns", "Name look-up"),
    "use_dns_cache": _phase("dns", "Name look-up"),
    "force_close": _churn,
    "pool_class": _churn,
}
