"""Checkout and checkin in a loop: what callgrind counts and what the CPU clock times.

`python -m benchmarks.pairs CASE VARIANT COUNT` runs some pairs. `CASE VARIANT ROUNDS interleave`
answers the CPU seconds of each round on one line each, for all variants in turn.
"""

import asyncio
import gc
import importlib.util
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from .instructions import mark

CASES: Final = ("sync", "async")
VARIANTS: Final = ("bare", "listeners", "watched")
OTEL: Final = "opentelemetry.instrumentation.sqlalchemy"
#: Pairs before the first that counts: caches are warm, the interpreter has specialised its code,
#: and what the recorder puts off for some batches is due.
_WARM: Final = 5120
_ROUND: Final = 300


class _Connection:
    """As little of a driver as a pool takes."""

    def rollback(self) -> None:
        """Nothing to roll back."""

    def close(self) -> None:
        """Nothing to close."""


def _nothing(*_: object) -> None: ...


def variants() -> list[str]:
    """The variants that can run here."""
    try:
        has_otel = importlib.util.find_spec(OTEL) is not None
    except ModuleNotFoundError:
        has_otel = False
    return [*VARIANTS, *(["opentelemetry"] if has_otel else [])]


def _prepare(target: Any, variant: str) -> object:
    """Watch or listen as the variant says; the answer must be kept."""
    if variant == "listeners":
        sync = getattr(target, "sync_engine", target)
        event.listen(sync, "checkout", _nothing)
        event.listen(sync, "checkin", _nothing)
    elif variant == "watched":
        from dashboard import Dashboard

        dash = Dashboard()
        dash.watch(target, name="bench")
        return dash
    elif variant == "opentelemetry":
        module: Any = importlib.import_module(OTEL)
        module.SQLAlchemyInstrumentor().instrument(engine=getattr(target, "sync_engine", target))
    return None


def _verify(kept: Any, count: int) -> None:
    """Nothing that happened is missing in the record."""
    if hasattr(kept, "snapshot"):
        pool = kept.snapshot().pools["bench"]
        found = (pool.checkouts, pool.checkins, pool.probe_errors, pool.unmatched)
        assert found == (count, count, 0, 0), found


def _sync_pairs(variant: str) -> tuple[object, Callable[[int], None]]:
    pool = QueuePool(_Connection, pool_size=5)  # type: ignore[arg-type]
    kept = _prepare(pool, variant)

    def run(count: int) -> None:
        for _ in range(count):
            pool.connect().close()

    return kept, run


def _async_pairs(variant: str, file: str) -> tuple[object, Callable[[int], Awaitable[None]]]:
    engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    kept = _prepare(engine, variant)

    async def run(count: int) -> None:
        for _ in range(count):
            async with engine.connect():
                pass

    return kept, run


def _settle() -> None:
    gc.collect()
    gc.freeze()


def count_sync(variant: str, count: int) -> None:
    """Warm up, then `count` pairs on a bare pool."""
    kept, run = _sync_pairs(variant)
    run(_WARM)
    _settle()
    mark()
    run(count)
    mark()
    _verify(kept, _WARM + count)


async def count_async(variant: str, count: int, file: str) -> None:
    """Warm up, then `count` pairs on an engine."""
    kept, run = _async_pairs(variant, file)
    await run(_WARM)
    _settle()
    mark()
    await run(count)
    mark()
    _verify(kept, _WARM + count)


def time_sync(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each round, all variants in turn."""
    runs = {variant: _sync_pairs(variant) for variant in variants()}
    for _, run in runs.values():
        run(_WARM)
    _settle()
    times: dict[str, list[float]] = {variant: [] for variant in runs}
    for _ in range(rounds):
        for variant, (_, run) in runs.items():
            began = time.process_time()
            run(_ROUND)
            times[variant].append((time.process_time() - began) / _ROUND)
    return times


async def time_async(rounds: int, file: str) -> dict[str, list[float]]:
    """CPU seconds of each round, all variants in turn."""
    runs = {variant: _async_pairs(variant, file) for variant in variants()}
    for _, run in runs.values():
        await run(_ROUND)
    _settle()
    times: dict[str, list[float]] = {variant: [] for variant in runs}
    for _ in range(rounds):
        for variant, (_, run) in runs.items():
            began = time.process_time()
            await run(_ROUND)
            times[variant].append((time.process_time() - began) / _ROUND)
    return times


def main() -> None:
    """Run pairs of one variant, to be counted from outside."""
    case, variant, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if case == "sync":
        count_sync(variant, count)
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(count_async(variant, count, str(Path(folder, "bench.db"))))


if __name__ == "__main__":
    main()
