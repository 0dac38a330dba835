"""The rules: each a function of a case with a paragraph of its own; here in order."""

from typing import Final

from . import (
    holding,
    http,
    leaks,
    lifetimes,
    overflow,
    pinging,
    pooler,
    server,
    size,
    stale,
    starting,
    timing,
)
from .rule import SETTINGS, TRACE, WATCH, Found, Rule

RULES: Final[tuple[Rule, ...]] = (
    size.too_small,
    size.exhausted,
    size.oversized,
    overflow.churn,
    overflow.unlimited,
    server.too_many,
    server.saturated,
    timing.too_patient,
    starting.storm,
    starting.recycle_storm,
    leaks.leaking,
    leaks.idle_in_transaction,
    holding.held_unused,
    holding.nested,
    holding.more_threads,
    lifetimes.per_request,
    lifetimes.session_per_request,
    lifetimes.never_closed,
    lifetimes.elsewhere,
    stale.stale,
    stale.kept_too_long,
    pinging.dear_ping,
    pooler.prepared,
    pooler.double,
    http.starving,
    http.mismatch,
    leaks.unread,
    http.lookups,
    timing.endless,
    timing.short_release,
)

__all__ = ["RULES", "SETTINGS", "TRACE", "WATCH", "Found", "Rule"]
