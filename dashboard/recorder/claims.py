"""Finds one checkout again by its number: in the ledger, the feed, the trace, in this order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from ..model.claim import (
    ASKED,
    CONNECTION,
    ERROR,
    GOT,
    LOST,
    OWNER,
    PHASES,
    REASON,
    RETURNED,
    SETTING_OF,
    SITE,
    Claim,
    Frame,
    request_of,
)
from ..model.passage import Passage
from .plain import call_site, owner, stack
from .pool import PoolRecord
from .trace import OUTCOMES

Wall = Callable[[float], float]


def number_of(asked: float) -> int:
    """By which the events of one checkout are tied together: microseconds of the clock."""
    return int(asked * 1e6)


def kept(record: PoolRecord) -> dict[int, Claim]:
    """Claims that the feed still has, by number."""
    found: dict[int, Claim] = {}
    for entry in record.feed.since(0):
        if entry.claim is not None and entry.pool == record.name:
            found[number_of(entry.claim[ASKED])] = entry.claim
    return found


def find(
    records: Iterable[PoolRecord], number: int, sites: Mapping[int, Frame], wall: Wall
) -> Passage | None:
    """None when nothing remembers it."""
    records = list(records)
    for record in records:
        claim = next((each for each in _live(record) if number_of(each[ASKED]) == number), None)
        claim = claim or kept(record).get(number)
        if claim is not None:
            return _of_claim(record, claim, wall)
    for record in records:
        found = _of_trace(record, number, sites, wall)
        if found is not None:
            return found
    return None


def _live(record: PoolRecord) -> Iterator[Claim]:
    ledger = record.ledger
    for table in (ledger.open, ledger.pending, ledger.retired):
        yield from list(table.values())
    yield from list(record.lost)


def _when(at: float, wall: Wall) -> datetime:
    return datetime.fromtimestamp(wall(at), UTC)


def _of_claim(record: PoolRecord, claim: Claim, wall: Wall) -> Passage:
    got, ended, connection = claim[GOT], claim[RETURNED], claim[CONNECTION]
    setting = claim[SETTING_OF]
    until = record.now() if ended is None else ended
    return Passage(
        claim=number_of(claim[ASKED]),
        pool=record.name,
        state=_state(claim),
        call_site=call_site(claim[SITE]),
        stack=stack(claim[SITE]),
        asked=_when(claim[ASKED], wall),
        wait_time=max(0.0, (until if got is None else got) - claim[ASKED]),
        got=None if got is None else _when(got, wall),
        use_time=None if got is None else max(0.0, until - got),
        ended=None if ended is None else _when(ended, wall),
        owner=owner(claim[OWNER]),
        request=request_of(claim),
        connection=None if connection is None else connection.number or None,
        backend_pid=None if connection is None else connection.backend_pid,
        host=None if connection is None else connection.host,
        expected_hold=None if setting is None else setting.expected_hold,
        error=claim[ERROR],
        phases=dict(claim[PHASES] or {}),
    )


def _state(claim: Claim) -> str:
    if claim[RETURNED] is None:
        return "waiting" if claim[GOT] is None else "held"
    if claim[GOT] is None:
        return claim[REASON] or "cancelled"
    return "lost" if claim[REASON] == LOST else "returned"


def _of_trace(
    record: PoolRecord, number: int, sites: Mapping[int, Frame], wall: Wall
) -> Passage | None:
    """Times, call site and connection; who it was is forgotten."""
    rows = record.trace.newest(len(record.trace))
    low, high = (number - 1) / 1e6, (number + 2) / 1e6
    near = [at for at, asked in enumerate(rows.asked) if low < asked < high]
    place = next((at for at in near if number_of(rows.asked[at]) == number), None)
    if place is None:
        return None
    site = sites.get(rows.site[place])
    if site is None:
        return None
    asked, wait, hold = rows.asked[place], rows.wait[place], rows.hold[place]
    outcome = OUTCOMES[rows.outcome[place]]
    has_held = outcome == "returned"
    return Passage(
        claim=number,
        pool=record.name,
        state=outcome,
        call_site=call_site(site),
        stack=stack(site),
        asked=_when(asked, wall),
        wait_time=wait,
        got=_when(asked + wait, wall) if has_held else None,
        use_time=hold if has_held else None,
        ended=_when(asked + wait + hold, wall),
        connection=rows.connection[place] if has_held else None,
    )
