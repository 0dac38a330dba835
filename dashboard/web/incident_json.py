"""Incidents as JSON: figures in the list, everything at their own address."""

from datetime import UTC, datetime
from typing import Final

from ..model.events import PoolEvent
from ..model.findings import Incident
from ..model.ports import Reading
from .shapes import plain, pool_detail, pool_row, text

_BRIEFLY: Final = ("id", "pool", "at", "cause", "sentence", "timeouts", "ended_at", "loop_lag")


def row(incident: Incident, reading: Reading) -> dict[str, object]:
    """What happened, and the figures of the pool at that moment."""
    return {**_brief(incident), "snapshot": pool_row(incident.snapshot, reading.source)}


def detail(incident: Incident, reading: Reading) -> dict[str, object]:
    """With who held, who waited, the settings, the last events, suspects and late loops."""
    return {
        **_brief(incident),
        "snapshot": pool_detail(incident.snapshot, reading.source),
        "suspects": plain(incident.suspects),
        "events": [_event(event, reading) for event in incident.events],
        "loops": plain(incident.loops),
    }


def _brief(incident: Incident) -> dict[str, object]:
    return {name: plain(getattr(incident, name)) for name in _BRIEFLY}


def _event(event: PoolEvent, reading: Reading) -> dict[str, object]:
    """Its time as everywhere outside: ISO 8601."""
    at = datetime.fromtimestamp(reading.wall(event.at), UTC)
    fields = plain(event)
    named = fields if isinstance(fields, dict) else {}
    return {"kind": text(event.kind), **named, "at": at.isoformat()}
