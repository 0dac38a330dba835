"""One memory budget for all pools of a dashboard."""

from collections.abc import Sequence

from .pool import PoolRecord
from .trace import ROW


def fit(records: Sequence[PoolRecord], budget: int) -> list[str]:
    """Shrink what is largest until everything fits; answer what became coarser."""
    done = []
    while sum(record.memory for record in records) > budget:
        largest = max(records, key=lambda record: len(record.trace))
        if len(largest.trace) * ROW > budget // 64:
            largest.trace.shrink(len(largest.trace) // 2)
            done.append(f"trace of {largest.name}")
            continue
        for record in records:
            record.past.coarsen()
        done.append("histograms")
        break
    return done
