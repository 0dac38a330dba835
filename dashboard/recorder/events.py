"""Feed entries as events."""

from typing import Any

from ..model import events
from ..model.claim import (
    ASKED,
    CONNECTION,
    ERROR,
    GOT,
    OWNER,
    PHASES,
    REASON,
    RETURNED,
    SITE,
    Claim,
    request_of,
)
from .feed import Entry
from .plain import call_site, owner


def event_of(entry: Entry) -> events.PoolEvent:
    """The event that an entry stands for."""
    base: dict[str, Any] = {"at": entry.at, "pool": entry.pool}
    claim = entry.claim
    if claim is not None:
        return _of_claim(entry, claim, base)
    if entry.what.startswith("Connection"):
        return _of_connection(entry, base)
    match entry.what:
        case "PoolCleared":
            return events.PoolCleared(**base)
        case "PoolClosed":
            return events.PoolClosed(**base)
        case _:
            return events.PoolOpened(**base, library=entry.reason or "")


def _of_connection(entry: Entry, base: dict[str, Any]) -> events.PoolEvent:
    facts = entry.facts
    base = {**base, "connection": entry.connection}
    match entry.what:
        case "ConnectionClosed":
            return events.ConnectionClosed(
                **base,
                reason=entry.reason or "",
                age=entry.at - facts.born if facts is not None else None,
                uses=facts.uses if facts is not None else 0,
                backend_pid=facts.backend_pid if facts is not None else None,
            )
        case "ConnectionReady":
            return events.ConnectionReady(
                **base,
                create_time=facts.create_time if facts is not None else None,
                backend_pid=facts.backend_pid if facts is not None else None,
                host=facts.host if facts is not None else None,
            )
        case "ConnectionDetached":
            return events.ConnectionDetached(**base)
        case _:
            return events.ConnectionCreated(**base)


def _of_claim(entry: Entry, claim: Claim, base: dict[str, Any]) -> events.PoolEvent:
    origin = {
        **base,
        "claim": _number(claim),
        "call_site": call_site(claim[SITE]),
        "owner": owner(claim[OWNER]),
        "request": request_of(claim),
    }
    match entry.what:
        case "CheckoutStarted":
            return events.CheckoutStarted(**origin)
        case "CheckoutFailed":
            waited = claim[RETURNED] - claim[ASKED]
            return events.CheckoutFailed(
                **origin, reason=claim[REASON], wait_time=waited, error=claim[ERROR]
            )
        case "CheckedOut":
            return events.CheckedOut(
                **origin,
                connection=claim[CONNECTION].number,
                wait_time=claim[GOT] - claim[ASKED],
                backend_pid=claim[CONNECTION].backend_pid,
                phases=dict(claim[PHASES] or {}),
            )
        case _:
            return events.CheckedIn(
                **origin,
                connection=claim[CONNECTION].number,
                use_time=claim[RETURNED] - claim[GOT],
                is_lost=entry.reason is not None,
                phases=dict(claim[PHASES] or {}),
            )


def _number(claim: Claim) -> int:
    """Ties the events of one checkout together: microseconds of the clock when it was asked."""
    return int(claim[ASKED] * 1e6)
