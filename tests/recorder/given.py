"""A pool's record with a clock that the test moves, and claims to put in."""

from dashboard.model.claim import Claim, Connection, new_claim
from dashboard.probes.frames import NOWHERE, UNKNOWN, Site
from dashboard.probes.owners import NOBODY, per_thread
from dashboard.recorder.feed import Feed
from dashboard.recorder.pool import PoolRecord

SITES = [Site(100 + place, None, ("shop.py", place, f"buy_{place}")) for place in range(4)]


class Strangers:
    """Who held before the watch began."""

    site = UNKNOWN
    owner = NOBODY


class Clock:
    """Moved by the test."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


def record(clock: Clock | None = None) -> PoolRecord:
    return PoolRecord("orders", clock or Clock(), Feed(), Strangers())


def ask(record: PoolRecord, site: Site = NOWHERE) -> Claim:
    claim = new_claim(record.now(), site, per_thread.owner, None)
    record.ledger.asked(claim)
    return claim


def take(record: PoolRecord, lease: int, site: Site = NOWHERE) -> Claim:
    claim = ask(record, site)
    record.ledger.got(claim, lease, lease)
    return claim


def hold(record: PoolRecord, clock: Clock, seconds: float, site: Site = NOWHERE) -> None:
    take(record, 1, site)
    clock.now += seconds
    record.ledger.returned(1)


def connections(record: PoolRecord, count: int) -> None:
    for number in range(1, count + 1):
        record.ledger.created(number, Connection(record.now(), create_time=0.01))
