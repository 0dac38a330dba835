# ruff: noqa: D102 -- the name of a step is what happens
"""A pool in which owners hold, wait and fail, and what is nested in it."""

from dashboard.model.claim import Claim, LiveOwner
from dashboard.probes.frames import Site
from dashboard.recorder.pool import PoolRecord
from dashboard.recorder.sights import look_for_nestings

from .given import SITES, Clock, ask, record

OUTER, INNER, THIRD, _ = SITES


class Pool:
    """A record in which time passes with each step."""

    def __init__(self, step: float = 0.005) -> None:
        self.clock = Clock()
        self.step = step
        self.record: PoolRecord = record(self.clock)
        self.leases = 0

    def tick(self) -> None:
        self.clock.now += self.step

    def take(self, owner: LiveOwner, site: Site = OUTER) -> int:
        """The lease."""
        claim = self.ask(owner, site)
        return self.get(claim)

    def ask(self, owner: LiveOwner, site: Site = OUTER) -> Claim:
        self.tick()
        return ask(self.record, site, owner)

    def get(self, claim: Claim) -> int:
        self.tick()
        self.leases += 1
        self.record.ledger.got(claim, self.leases, self.leases)
        return self.leases

    def fail(self, claim: Claim) -> None:
        self.tick()
        self.record.ledger.failed(claim, "timeout", "TimeoutError")

    def use(self, lease: int, user: LiveOwner) -> None:
        self.record.ledger.using(lease, user)
        self.record.ledger.used(lease)

    def give(self, *leases: int) -> None:
        for lease in leases:
            self.tick()
            self.record.ledger.returned(lease)

    def look(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Count, depth and owners by the functions that held and asked."""
        assert self.record.fold()
        ledger = self.record.ledger
        waiting = list(ledger.pending.values())
        out = (*ledger.open.values(), *ledger.retired.values())
        look_for_nestings(self.record, out, waiting, self.clock.now)
        assert (ledger.errors, ledger.last_error) == (0, None)
        names = {site.index: site.function for site in SITES}
        return {
            (names[outer], names[inner]): (tally.count, tally.depth, tally.owners)
            for (outer, inner), tally in self.record.nestings.tallies.items()
        }
