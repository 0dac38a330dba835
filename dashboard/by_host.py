"""What a pool that serves several hosts adds to its demand: where requests go, and connecting."""

from array import array
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from .model.claim import CONNECTION, Claim
from .recorder.pool import PoolRecord
from .recorder.trace import MOST_HOSTS, Rows

#: Further hosts have one number; nobody knows which of them it stands for.
_UNTOLD: Final = bytes([*range(MOST_HOSTS + 1), 0])
_NUMBERS: Final = 0xFFFF
#: A connection's number that comes again after so many requests is another one's.
_AGAIN: Final = 50_000


def hosts_of(rows: Rows) -> Sequence[int]:
    """The host of each request, 0 where it is unknown; empty where no pool told any."""
    return array("B", rows.host.tobytes().translate(_UNTOLD)) if any(rows.host) else array("B")


def number_of(record: PoolRecord, host: str | None) -> int:
    """By which the trace knows a host; 0 for one that it does not tell apart."""
    return record.trace.hosts.get(host, 0)


def of_claim(record: PoolRecord, claim: Claim) -> int:
    """The host of a checkout that is out."""
    return number_of(record, claim[CONNECTION].host)


def of_waiting(record: PoolRecord, probe: Any, waiting: Sequence[Claim]) -> list[int]:
    """The hosts of those who wait; probe and ledger have them in the order in which they asked."""
    wanted: Sequence[str] = probe.wanted() if hasattr(probe, "wanted") else ()
    if len(wanted) != len(waiting):
        return [0] * len(waiting)
    return [number_of(record, each) for each in wanted]


def keep(settings: Mapping[str, object]) -> float:
    """Seconds for which a returned connection may be used again."""
    limit = settings.get("keepalive_timeout")
    if settings.get("force_close"):
        return 0.0
    return float(limit) if isinstance(limit, int | float) else inf


def without_connecting(
    record: PoolRecord, rows: Rows, usual: float | None
) -> tuple[Sequence[float], Sequence[float]]:
    """Waits for a slot and times in it: who opens a connection has its slot meanwhile."""
    if usual is None:
        return rows.wait, rows.hold
    took = {
        each.number & _NUMBERS: each.create_time
        for each in list(record.ledger.connections.values())
        if each.create_time is not None
    }
    wait, hold = array("d", rows.wait), array("d", rows.hold)
    last: dict[int, int] = {}
    for place, number in enumerate(rows.connection):
        if not rows.outcome[place]:
            if place - last.get(number, -_AGAIN) >= _AGAIN:
                connecting = min(wait[place], took.get(number, usual))
                wait[place] -= connecting
                hold[place] += connecting
            last[number] = place
    return wait, hold
