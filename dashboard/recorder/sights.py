"""The claims of a pool that wait and hold at one instant, and what is known around them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ..model.claim import ASKED, CONNECTION, SITE, Claim, quiet_for
from ..model.ports import Facts
from .endings import Endings
from .flows import NO_ROWS, Scene, holder
from .ledger import Ledger
from .nestings import beside
from .pool import PoolRecord

#: Rows that have ended since the last look and are looked at, the newest: 50 ms if all nest.
_MOST_ROWS: Final = 20_000
_NOBODY: Final[tuple[int, ...]] = ()


class Sight:
    """One look at the live tables of a record; a frozen one is looked at without a trace."""

    def __init__(self, record: PoolRecord, facts: Facts, now: float) -> None:
        """`now` by the record's clock. What has ended must have been folded."""
        ledger = record.ledger
        self._ledger: Any = ledger
        self._facts = facts
        #: By lease.
        self.held = dict(ledger.open)
        self.retired = dict(ledger.retired)
        #: In the order of asking.
        self.waiting = sorted(ledger.pending.values(), key=_asked)
        # Of a picture that is made later nobody can be asked any more.
        self.is_live = isinstance(ledger, Ledger)
        self.endings = record.endings if self.is_live else Endings(record.now)
        self.endings.look(self.out, now)
        self._beside = beside(self.held.values())
        if self.is_live:
            look_for_nestings(record, self.out, self.waiting, now)

    @property
    def out(self) -> Iterator[Claim]:
        """What holds a connection, whether it takes a slot or not."""
        yield from self.held.values()
        yield from self.retired.values()

    def beside(self, claim: Claim) -> tuple[int, ...]:
        """Numbers of the other connections that the one who holds this has of the same pool."""
        own = claim[CONNECTION].number
        return tuple(each for each in self._beside.get(holder(claim), _NOBODY) if each != own)

    def in_use_by(self, lease: int) -> str:
        """What keeps a connection in use without statements; a probe that fails says nothing."""
        if not self.is_live:  # It was asked when the picture was frozen.
            return str(self._ledger.in_use.get(lease, ""))
        try:
            return self._facts.in_use_by(lease)
        except Exception as error:
            self._ledger.broke("in use", error)
            return ""


def look_for_nestings(
    record: PoolRecord, out: Iterable[Claim], waiting: Sequence[Claim], now: float
) -> None:
    """Count in `record.nestings` what is nested since the last look."""
    nestings, written = record.nestings, record.checkins + record.failures.total()
    fresh = min(written - nestings.seen, _MOST_ROWS)
    nestings.seen = written
    rows = record.trace.newest(fresh) if fresh else NO_ROWS
    asking = {holder(claim) for claim in waiting}
    held = [
        claim for claim in out if holder(claim) in asking or not _is_suspect(record, claim, now)
    ]
    nestings.look(Scene(rows, held, waiting, nestings.moved))


def _is_suspect(record: PoolRecord, claim: Claim, now: float) -> bool:
    """Whether it looks forgotten: within a leak whatever its owner does looks nested."""
    bound = record.bounds.get(claim[SITE].index)
    return bound is not None and quiet_for(claim, now) > bound


def _asked(claim: Claim) -> float:
    asked: float = claim[ASKED]
    return asked
