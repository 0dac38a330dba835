"""One checkout+checkin pair in a loop, to be counted by callgrind: `pair.py CASE VARIANT COUNT`."""

import asyncio
import gc
import sys

from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool


class _Connection:
    def rollback(self) -> None: ...
    def close(self) -> None: ...


def _nothing(*_: object) -> None: ...


def prepare(target: object, variant: str) -> object:
    """Watch or listen as the variant says; what is returned must be kept."""
    if variant == "bare":
        return None
    if variant == "listeners":
        sync = getattr(target, "sync_engine", target)
        event.listen(sync, "checkout", _nothing)
        event.listen(sync, "checkin", _nothing)
        return None
    from dashboard.benchlib import watched

    return watched(target)


def run_sync(variant: str, count: int) -> None:
    """QueuePool with a trivial creator, the pool alone."""
    pool = QueuePool(_Connection, pool_size=5)
    keep = prepare(pool, variant)
    gc.collect()
    gc.freeze()
    for _ in range(count):
        connection = pool.connect()
        connection.close()
    del keep


async def run_async(variant: str, count: int) -> None:
    """Async engine on aiosqlite, no statement."""
    engine = create_async_engine("sqlite+aiosqlite:////tmp/bench.db")
    keep = prepare(engine, variant)
    gc.collect()
    gc.freeze()
    for _ in range(count):
        async with engine.connect():
            pass
    del keep
    await engine.dispose()


if __name__ == "__main__":
    case, variant, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if case == "sync":
        run_sync(variant, count)
    else:
        asyncio.run(run_async(variant, count))
