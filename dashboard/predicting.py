"""What-if: the recorded requests of one pool, answered by another size of it."""

from collections.abc import Sequence
from typing import Final

from . import options
from .analysis import whatif
from .model.claim import ASKED, GOT, OWNER, SITE
from .model.errors import DashboardError
from .model.whatif import Change, Demand, Held, Prediction, Queued
from .probes import Probe
from .recorder.pool import PoolRecord
from .recorder.snapshots import still
from .recorder.trace import MOST

_SEMANTICS: Final = {"sqlalchemy": "queuepool", "asyncpg": "asyncpg", "aiohttp": "aiohttp"}


def predict(
    record: PoolRecord,
    probe: Probe,
    sizes: Sequence[int] | None = None,
    *,
    timeout: float | None = None,
    hold: float = 1.0,
) -> Prediction:
    """The waits at other sizes; `timeout` in seconds, `hold` a factor on every hold.

    Runs in the caller's thread for up to half a second: not on the host's event loop.
    """
    if sizes is not None:
        sizes = tuple(_size(size) for size in sizes)
    change = Change(
        timeout=None if timeout is None else options.seconds("timeout", timeout),
        hold=options.seconds("hold", hold),
    )
    return whatif.predict(demand_of(record, probe), sizes, change)


def demand_of(record: PoolRecord, probe: Probe) -> Demand:
    """What the pool was asked for, as far as the trace remembers."""
    semantics = _SEMANTICS.get(probe.library)
    if semantics is None:
        raise DashboardError(f"no what-if for {probe.library}; for {', '.join(_SEMANTICS)}")
    with still(record):
        rows = record.trace.newest(MOST)
        held = [claim for claim in list(record.ledger.open.values()) if claim[SITE].index]
        waiting = list(record.ledger.pending.values())
        now = record.now()
    size, most, _ = probe.limits()
    settings = probe.settings()
    timeout = settings.get("pool_timeout")
    return Demand(
        asked=rows.asked,
        wait=rows.wait,
        hold=rows.hold,
        outcome=rows.outcome,
        site=rows.site,
        owner=rows.owner,
        duration=now - min(rows.asked) if rows.asked else 0.0,
        size=size,
        overflow=-1 if most is None else most - (size or 0),
        timeout=float(timeout) if isinstance(timeout, int | float) else None,
        semantics=semantics,
        open=tuple(
            Held(
                claim[ASKED],
                claim[GOT] - claim[ASKED],
                now - claim[GOT],
                claim[SITE].index,
                claim[OWNER].ident,
            )
            for claim in held
        ),
        waiting=tuple(
            Queued(claim[ASKED], claim[SITE].index, claim[OWNER].ident) for claim in waiting
        ),
        connect_time=_usual_connect(record),
    )


def _usual_connect(record: PoolRecord) -> float | None:
    return record.past.distribution("create", record.now(), 900.0).percentile(50)


def _size(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 100_000:
        raise DashboardError(f"sizes takes whole numbers from 1 on, not {given!r}")
    return given
