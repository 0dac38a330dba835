# ruff: noqa: D102 -- the name of a rule is what happens
"""Whatever order a library tells things in, the figures add up."""

from collections import Counter
from math import inf
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dashboard.model.claim import ASKED, GOT, RETURNED, Claim, Connection
from dashboard.model.distribution import RELATIVE_ERROR, Distribution
from dashboard.recorder import histories
from dashboard.recorder.history import levels

from .given import SITES, Clock, ask, record

LEASES = st.integers(1, 5)
REASONS = st.sampled_from(["timeout", "pool_closed", "connection_error", "cancelled"])


class AnyOrder(RuleBasedStateMachine):
    """A naive model beside the record: lists of everything that happened."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.record = record(self.clock)
        self.waiting: list[Claim] = []
        self.open: dict[int, Claim] = {}
        self.retired: dict[int, Claim] = {}
        self.ended: list[Claim] = []
        self.failed: list[Claim] = []
        #: From when to when each took a slot; until 0 it still does.
        self.slots: dict[int, tuple[float, float]] = {}
        self.kept: list[Claim] = []
        self.asked = 0
        self.adopted = 0
        self.unmatched = 0

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(site=st.sampled_from(SITES))
    def somebody_asks(self, site: Any) -> None:
        self.waiting.append(ask(self.record, site))
        self.asked += 1

    @rule(lease=LEASES)
    def first_gets(self, lease: int) -> None:
        if self.waiting and lease not in self.open and lease not in self.retired:
            claim = self.waiting.pop(0)
            self.record.ledger.got(claim, lease, lease)
            self.open[lease] = claim
            self.slots[id(claim)] = self.clock.now, 0.0
            self.kept.append(claim)

    @rule(reason=REASONS)
    def first_fails(self, reason: str) -> None:
        if self.waiting:
            claim = self.waiting.pop(0)
            self.record.ledger.failed(claim, reason, "TimeoutError")
            self.failed.append(claim)

    @rule()
    def first_withdraws(self) -> None:
        if self.waiting:
            self.record.ledger.withdrawn(self.waiting.pop(0))
            self.asked -= 1

    @rule(lease=LEASES)
    def lease_returns(self, lease: int) -> None:
        claim = self.open.pop(lease, None) or self.retired.pop(lease, None)
        if claim is None:
            self.unmatched += not self.waiting
        self.record.ledger.returned(lease)
        if claim is not None:
            self.ended.append(list(claim))
            self._frees(claim)

    @rule(lease=LEASES)
    def lease_is_adopted(self, lease: int) -> None:
        if lease not in self.open and lease not in self.retired:
            self.record.ledger.adopted(lease, lease, None)
            claim = self.open[lease] = self.record.ledger.open[lease]
            self.slots[id(claim)] = self.clock.now, 0.0
            self.kept.append(claim)
            self.adopted += 1

    @rule(number=LEASES)
    def connection_opens(self, number: int) -> None:
        self.record.ledger.creating(number)
        self.record.ledger.created(number, Connection(self.clock.now, create_time=0.5))

    @rule(number=LEASES, keeps_slot=st.booleans(), reason=st.sampled_from(["stale", "idle"]))
    def connection_closes(self, number: int, keeps_slot: bool, reason: str) -> None:  # noqa: FBT001
        self.record.ledger.closed(number, reason, keeps_slot=keeps_slot)

    @rule(number=LEASES, keeps_slot=st.booleans())
    def connection_is_detached(self, number: int, keeps_slot: bool) -> None:  # noqa: FBT001
        self.record.ledger.detached(number, keeps_slot=keeps_slot)

    @rule(number=LEASES)
    def slot_is_dropped(self, number: int) -> None:
        self.record.ledger.dropped(number)

    @rule()
    def pool_is_cleared(self) -> None:
        self.record.ledger.cleared()
        for claim in self.open.values():
            self._frees(claim)
        self.retired.update(self.open)
        self.open.clear()

    @rule()
    def pool_closes(self) -> None:
        self.record.ledger.pool_closed()

    @rule()
    def host_folds(self) -> None:
        self.record.take()

    def _frees(self, claim: Claim) -> None:
        """A slot is free when the connection returns, or when the pool gives it up."""
        start, end = self.slots[id(claim)]
        self.slots[id(claim)] = start, end or self.clock.now

    @invariant()
    def live_tables_follow(self) -> None:
        ledger = self.record.ledger
        assert ledger.open == self.open
        assert list(ledger.pending.values()) == self.waiting
        assert (ledger.errors, ledger.last_error) == (0, None)
        assert ledger.unmatched == self.unmatched

    @invariant()
    def figures_add_up(self) -> None:
        assert self.record.fold()
        found = self.record
        out = len(self.open) + len(self.retired)
        own_out = sum(1 for each in (*self.open.values(), *self.retired.values()) if _own(each))
        assert found.checkins == len(self.ended)
        assert found.checkouts + own_out + found.failures.total() + len(self.waiting) == self.asked
        assert found.checkins + out == self.asked + self.adopted - len(self.waiting) - len(
            self.failed
        )
        assert len(found.trace) == len(self.ended) + len(self.failed)

    @invariant()
    def sites_are_counted(self) -> None:
        expected = Counter(each[1].index for each in self.ended)
        assert {
            index: tally.use.total()
            for index, tally in self.record.sites.tallies.items()
            if tally.use
        } == dict(expected)

    def teardown(self) -> None:
        self.record.fold()
        self._distributions_are_near()
        self._slots_follow()
        self._levels_follow()

    def _distributions_are_near(self) -> None:
        uses = sorted(each[RETURNED] - each[GOT] for each in self.ended)
        waits = sorted(each[GOT] - each[ASKED] for each in self.ended if _own(each))
        for name, exact in (("use", uses), ("wait", waits)):
            kept = Distribution(self.record.lifetime.get(name, {}))
            assert kept.count == len(exact)
            for q in (1, 50, 100) if exact else ():
                value = exact[max(0, -(-q * len(exact) // 100) - 1)]
                near = kept.percentile(q)
                assert near is not None
                assert abs(near - value) <= RELATIVE_ERROR * value

    def _slots_follow(self) -> None:
        """How many took a slot at the end of each second, as the history draws it."""
        steps = 60
        past = histories.of(self.record, self.clock.now, lambda at: at, steps, steps)
        spans = [(int(start), int(end) if end else inf) for start, end in self.slots.values()]
        last = int(self.clock.now)
        expected = [
            sum(start <= second < end for start, end in spans)
            for second in range(last - steps + 1, last + 1)
        ]
        assert list(past.used) == expected

    def _levels_follow(self) -> None:
        """What was waiting at the end of each second, from counts alone."""
        now = self.clock.now
        claims = [each for each in (*self.ended, *self.failed) if _own(each)]
        steps = 60
        asks = self.record.past.seconds.last("asked", now, steps)
        answers = self.record.past.seconds.last("answered", now, steps)
        for each in (*self.open.values(), *self.retired.values()):
            if _own(each):
                _add(asks, now, each[ASKED])
                _add(answers, now, each[GOT])
                claims.append(each)
        for each in self.waiting:
            _add(asks, now, each[ASKED])
        ends = [int(now) - steps + 1 + place for place in range(steps)]
        expected = [
            sum(int(each[ASKED]) <= second < int(_answered(each)) for each in claims)
            + sum(int(each[ASKED]) <= second for each in self.waiting)
            for second in ends
        ]
        assert levels(len(self.waiting), asks, answers) == expected


def _own(claim: Claim) -> bool:
    return bool(claim[1].index)


def _answered(claim: Claim) -> float:
    answered: float = claim[RETURNED] if claim[GOT] is None else claim[GOT]
    return answered


def _add(counts: list[int], now: float, at: float) -> None:
    place = len(counts) - 1 - (int(now) - int(at))
    if 0 <= place < len(counts):
        counts[place] += 1


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
test_any_order_adds_up = AnyOrder.TestCase
