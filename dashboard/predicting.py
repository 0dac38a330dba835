"""What-if: the recorded requests of one pool, answered by another size of it."""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, Final

from . import by_host, options
from .analysis import whatif
from .analysis.littles_law import rules_of_thumb
from .model.claim import ASKED, CONNECTION, GOT, OWNER, SITE, Claim
from .model.distribution import Distribution
from .model.errors import DashboardError
from .model.whatif import Change, Demand, Held, Prediction, Queued
from .probes import Probe
from .recorder.pool import PoolRecord
from .recorder.snapshots import still
from .recorder.trace import MOST, Rows

_MOST: Final = 100_000
_SEMANTICS: Final = {"sqlalchemy": "queuepool", "asyncpg": "asyncpg", "aiohttp": "aiohttp"}


def predict(
    record: PoolRecord,
    probe: Probe,
    sizes: Sequence[int] | None = None,
    *,
    timeout: float | None = None,
    hold: float = 1.0,
    limit_per_host: int | None = None,
) -> Prediction:
    """The waits at other sizes; `timeout` in seconds, `hold` a factor on every hold.

    `limit_per_host` is for aiohttp, 0 for none.

    Runs in the caller's thread for up to half a second: not on the host's event loop.
    """
    if sizes is not None:
        sizes = whole(sizes)
    change = Change(
        timeout=None if timeout is None else options.seconds("timeout", timeout),
        hold=options.factor("hold", hold),
        limit_per_host=_per_host(limit_per_host, probe),
    )
    demand = demand_of(record, probe)
    return replace(whatif.predict(demand, sizes, change), thumbs=rules_of_thumb(demand))


def has_semantics(probe: Probe) -> bool:
    """Whether it is known how a library hands out its slots."""
    return probe.library in _SEMANTICS


@dataclass(frozen=True, slots=True)
class Slots:
    """A pool's slots by its settings, each under the name that `Demand` has for it."""

    size: int | None
    overflow: int = 0
    timeout: float | None = None
    limit_per_host: int | None = None
    keep: float = inf

    @classmethod
    def of(cls, probe: Probe) -> "Slots":
        """As they are now."""
        size, most, _ = probe.limits()
        settings = probe.settings()
        per_host = settings.get("limit_per_host")
        return cls(
            size=size,
            overflow=-1 if most is None else most - (size or 0),
            timeout=_timeout(settings, probe.library),
            limit_per_host=per_host if isinstance(per_host, int) and per_host else None,
            keep=by_host.keep(settings),
        )

    @property
    def fields(self) -> dict[str, Any]:
        """All of them by name: who rebuilds a demand forgets none."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def _timeout(settings: Mapping[str, object], library: str) -> float | None:
    """Seconds that a caller waits for a slot; aiohttp takes 0 for no end."""
    is_http = library == "aiohttp"
    given = settings.get("connect" if is_http else "pool_timeout")
    if not isinstance(given, int | float) or (is_http and given <= 0):
        return None
    return float(given)


def demand_of(
    record: PoolRecord, probe: Probe, count: int = MOST, lost: Collection[int] = ()
) -> Demand:
    """What the pool was asked for, as far as the trace remembers; at most the last `count`.

    `lost`: numbers of connections whose slots are gone for good.
    """
    semantics = _SEMANTICS.get(probe.library)
    if semantics is None:
        raise DashboardError(f"no what-if for {probe.library}; for {', '.join(_SEMANTICS)}")
    with still(record):
        rows = record.trace.newest(count)
        out = [claim for claim in list(record.ledger.open.values()) if claim[SITE].index]
        waiting = list(record.ledger.pending.values())
        now = record.now()
    held = [claim for claim in out if claim[CONNECTION].number not in lost]
    connect_time = _usual_connect(record)
    hosts = by_host.hosts_of(rows)
    wait, hold = (
        by_host.without_connecting(record, rows, connect_time)
        if hosts
        else _slot_times(rows, _before_use(record))
    )
    return Demand(
        asked=rows.asked,
        wait=wait,
        hold=hold,
        outcome=rows.outcome,
        site=rows.site,
        owner=rows.owner,
        duration=now - min(rows.asked) if rows.asked else 0.0,
        semantics=semantics,
        host=hosts,
        open=tuple(_held(record, claim, now) for claim in held),
        waiting=tuple(_queued(record, probe, waiting)),
        lost=len(out) - len(held),
        connect_time=connect_time,
        **Slots.of(probe).fields,
    )


def _held(record: PoolRecord, claim: Claim, now: float) -> Held:
    got = claim[GOT]
    site, owner = claim[SITE].index, claim[OWNER].ident
    asked, host = claim[ASKED], by_host.of_claim(record, claim)
    return Held(asked, got - asked, now - got, site, owner, host)


def _queued(record: PoolRecord, probe: Probe, waiting: Sequence[Claim]) -> Iterator[Queued]:
    hosts = by_host.of_waiting(record, probe, waiting)
    for claim, host in zip(waiting, hosts, strict=True):
        yield Queued(claim[ASKED], claim[SITE].index, claim[OWNER].ident, host)


def _before_use(record: PoolRecord) -> float:
    """Seconds for which a slot is usually taken before its caller has it: ping and `setup`."""
    phases = (Distribution(dict(record.lifetime.get(name, {}))) for name in ("pre_ping", "setup"))
    return sum(each.percentile(50) or 0.0 for each in phases)


def _slot_times(rows: Rows, before: float) -> tuple[Sequence[float], Sequence[float]]:
    """Waits for a slot and times in it: `before` is part of the recorded wait."""
    if not before:
        return rows.wait, rows.hold
    wait = array("d", [max(0.0, each - before) for each in rows.wait])
    hold = [
        each if left else each + min(before, waited)
        for each, waited, left in zip(rows.hold, rows.wait, rows.outcome, strict=True)
    ]
    return wait, array("d", hold)


def _usual_connect(record: PoolRecord) -> float | None:
    return record.past.distribution("create", record.now(), 900.0).percentile(50)


def _per_host(given: object, probe: Probe) -> int | None:
    if given is None:
        return None
    if probe.library != "aiohttp":
        raise DashboardError(f"limit_per_host is for aiohttp, not for {probe.library}")
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _MOST:
        raise DashboardError(f"limit_per_host takes a whole number from 0 on, not {given!r}")
    return given


def whole(sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes as somebody gave them; DashboardError for what cannot be one."""
    if not isinstance(sizes, Iterable):
        raise DashboardError(f"sizes takes several, such as [5, 10], not {sizes!r}")
    return tuple(_size(size) for size in sizes)


def _size(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= _MOST:
        raise DashboardError(f"sizes takes whole numbers from 1 to {_MOST:,}, not {given!r}")
    return given
