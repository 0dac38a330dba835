"""One keeps a row locked and does something else; another one's statement waits for that row."""

import asyncio
import time
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dashboard import Dashboard

from .advised import Leaping
from .conftest import Dash
from .test_advice_ends import Later
from .test_advice_postgres import opened

if TYPE_CHECKING:
    from dashboard.demo.postgres import Postgres

_UPDATE = "UPDATE stock_of_stalled SET left_over = left_over - 1 WHERE number = 1"


async def charge(engine: AsyncEngine) -> None:
    """As usual: a short transaction."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))


async def take(connection: AsyncConnection) -> None:
    """Locks the row until the transaction ends."""
    await connection.execute(text(_UPDATE))


async def is_locked_out(postgres: "Postgres") -> None:
    """Until somebody waits for a row."""
    connection = await asyncpg.connect(postgres.dsn())
    deadline = time.monotonic() + 10
    while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline, "nobody waits"
    await connection.close()


async def said(dash: Dashboard) -> dict[str, tuple[str, str]]:
    """Certainty and evidence by verdict; of this pool's suspects that go on."""
    found = await asyncio.to_thread(dash.suspects)
    return {each.verdict: (each.certainty, " | ".join(each.evidence)) for each in found}


async def test_row_that_stays_locked_is_stalled(make_dash: Dash, postgres: "Postgres") -> None:
    clock = Leaping()
    dash = make_dash(clock=clock)
    dash._reader._backends = Later(postgres.dsn(), clock)
    async with opened(postgres) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE IF EXISTS stock_of_stalled"))
            await connection.execute(
                text("CREATE TABLE stock_of_stalled AS SELECT 1 AS number, 9 AS left_over")
            )
        dash.watch(engine, name="orders")

        async def sell(*, forgets: bool) -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                if forgets:
                    await take(connection)
                    waiting = asyncio.create_task(take_too())
                    await is_locked_out(postgres)
                    clock.advance(60.0)
                    seen.update(await said(dash))
                    await connection.rollback()
                    await waiting

        async def take_too() -> None:
            async with engine.begin() as connection:
                await take(connection)

        seen: dict[str, tuple[str, str]] = {}
        for _ in range(40):
            await sell(forgets=False)
        await sell(forgets=True)
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE stock_of_stalled"))
    dash._reader._backends.stop()
    assert {verdict: certainty for verdict, (certainty, _) in seen.items()} == {
        "stalled": "probable",
        "long_query": "possible",
    }
    assert "the server has it idle in transaction for 1 min" in seen["stalled"][1]
    assert "waiting for Lock: transactionid" in seen["long_query"][1]
