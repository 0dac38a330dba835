"""Pool Dashboard shows who holds your connections, why, and what to change."""

from .app import Dashboard
from .model.errors import DashboardError
from .model.findings import Advice, Incident, Suspect
from .model.origin import CallSite
from .model.snapshot import PoolSnapshot, Snapshot
from .watching import watch
from .words import expect, mark

__all__ = [
    "Advice",
    "CallSite",
    "Dashboard",
    "DashboardError",
    "Incident",
    "PoolSnapshot",
    "Snapshot",
    "Suspect",
    "expect",
    "mark",
    "watch",
]
