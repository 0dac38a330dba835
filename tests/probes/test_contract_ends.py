"""What a watch leaves: nothing after cancels at random, nothing after the pool."""

import asyncio
import gc
import random
import warnings
import weakref
from typing import Any

from dashboard.demo.postgres import Postgres
from dashboard.probes import Tapped, tap

from .contract import Case, LedgerEyes, until
from .test_contract import ALL, SINKS, WAITING, check, over


@SINKS
@over([case for case in WAITING if case.can_cancel])
async def test_random_cancels_leave_no_trace(
    case: Case, postgres: Postgres, kind: type[Any]
) -> None:
    chance = random.Random(7)
    pool = await case.open(postgres, 2, 0.2)
    eyes = kind()
    tapped = tap(pool, eyes.sink)

    async def use(steps: int) -> None:
        connection = await case.checkout(pool)
        try:
            for _ in range(steps):
                await asyncio.sleep(0)
        finally:
            await case.checkin(pool, connection)

    for _ in range(25):
        tasks = [asyncio.create_task(use(chance.randrange(4))) for _ in range(6)]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for task in chance.sample(tasks, 3):
            task.cancel()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await asyncio.gather(*tasks, return_exceptions=True)
            gc.collect()
    await until(lambda: eyes.used == 0)
    await until(lambda: (case.own(pool) or (0,))[0] == 0)
    check(case, pool, eyes, 0)
    # A cancelled connect of SQLAlchemy keeps its slot until it is collected; others time out.
    assert eyes.failures["cancelled"] > 5
    # Where a whole request may take 0.2 s, its connecting may be what a busy machine cuts short.
    assert set(eyes.failures) <= {"cancelled", "timeout", "connection_error"}
    tapped.remove(eyes.sink)
    await case.close(pool)


@over(ALL)
async def test_watched_pools_are_collected(case: Case, postgres: Postgres) -> None:
    pool = await case.open(postgres, 2, 5.0)
    eyes = LedgerEyes()
    tapped: Tapped = tap(pool, eyes.sink)
    probe = tapped.probe
    await case.checkin(pool, await case.checkout(pool))
    await case.close(pool)
    refs = [weakref.ref(each) for each in case.hooked(pool) if _can_refer(each)]
    del pool
    gc.collect()
    assert [ref() for ref in refs] == [None] * len(refs)
    assert probe.is_gone


def _can_refer(obj: Any) -> bool:
    return getattr(type(obj), "__weakrefoffset__", 0) != 0
