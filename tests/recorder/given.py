"""A pool's record with a clock that the test moves, and claims to put in."""

from dashboard.model.claim import Claim, Connection, LiveOwner, new_claim
from dashboard.model.origin import Setting
from dashboard.probes.frames import NOWHERE, UNKNOWN, Site
from dashboard.probes.owners import NOBODY, ThreadOwner, per_thread
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


def somebody() -> ThreadOwner:
    return ThreadOwner(0, None)


def ask(
    record: PoolRecord,
    site: Site = NOWHERE,
    owner: LiveOwner | None = None,
    expected_hold: float | None = None,
) -> Claim:
    setting = None if expected_hold is None else Setting(expected_hold=expected_hold)
    claim = new_claim(record.now(), site, owner or per_thread.owner, setting)
    record.ledger.asked(claim)
    return claim


def take(
    record: PoolRecord, lease: int, site: Site = NOWHERE, owner: LiveOwner | None = None
) -> Claim:
    claim = ask(record, site, owner)
    record.ledger.got(claim, lease, lease)
    return claim


def hold(record: PoolRecord, clock: Clock, seconds: float, site: Site = NOWHERE) -> None:
    take(record, 1, site)
    clock.now += seconds
    record.ledger.returned(1)


def connections(record: PoolRecord, count: int) -> None:
    for number in range(1, count + 1):
        record.ledger.created(number, Connection(record.now(), create_time=0.01))
