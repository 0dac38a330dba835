"""asyncpg: a slot that nobody releases is never reclaimed."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from .programs import ASYNCPG, leak
from .stages import AsyncStage


@leak(ASYNCPG, "C-7", "lost")
async def drops_a_connection_without_release(stage: AsyncStage) -> None:
    """The variable goes out of scope; the pool alone still knows the connection."""

    async def count(*, forgets: bool = False) -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval("SELECT 1")
        if not forgets:
            await stage.pool.release(connection)

    await stage.warm(count)
    await count(forgets=True)
    stage.gone()


@leak(ASYNCPG, "C-5", "overdue", "orphaned")
async def an_error_keeps_its_connection(stage: AsyncStage) -> None:
    """The statement fails before `release`; the error, with its frames, waits for a reporter."""

    async def insert(value: str = "1") -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval(f"SELECT {value}::int")
        await stage.pool.release(connection)

    await stage.warm(insert)
    try:
        await insert("'x'")
    except ValueError as error:
        stage.keep(error)
    except Exception as error:  # noqa: BLE001 -- asyncpg's errors have a root of their own
        stage.keep(error)


@leak(ASYNCPG, "C-6", "lost")
async def cancelled_while_it_holds(stage: AsyncStage) -> None:
    """A deadline passes in the middle of the work, and there is no `finally`."""

    async def handle(pause: float = 0.0) -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(pause)
        await stage.pool.release(connection)

    await stage.warm(handle)
    task = asyncio.create_task(handle(60))
    await asyncio.wait({task}, timeout=0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    stage.gone()


@leak(ASYNCPG, "C-6", "lost", slots=1)
async def gives_up_an_acquire_that_goes_on(stage: AsyncStage) -> None:
    """The shield saves the acquire from the time-out: the connection comes when nobody waits."""

    async def ask(within: float = 5.0) -> Any:
        return await asyncio.wait_for(asyncio.shield(stage.pool.acquire()), within)  # leak

    async def handle() -> None:
        await stage.pool.release(await ask())

    await stage.warm(handle)
    held = await ask()
    await asyncio.gather(asyncio.create_task(ask(within=0.1)), return_exceptions=True)
    await stage.pool.release(held)
    del held
    await asyncio.sleep(0.2)
    stage.gone()


@leak(ASYNCPG, "C-9", "overdue", "orphaned", slots=3)
async def caches_a_connection_for_each_tenant(stage: AsyncStage) -> None:
    """Tenants come and go, their connections stay."""
    cache: dict[str, Any] = {}

    async def of(tenant: str) -> None:
        cache[tenant] = await stage.pool.acquire()  # leak
        await cache[tenant].fetchval("SELECT 1")

    async def visit() -> None:
        await of("guest")
        await stage.pool.release(cache.pop("guest"))

    await stage.warm(visit)
    await asyncio.create_task(of("blue"))
    await asyncio.create_task(of("green"))
    stage.keep(cache.values())


@leak(ASYNCPG, "C-7", "lost", slots=3)
async def drops_one_connection_in_two_hundred(stage: AsyncStage) -> None:
    """A rare error leaves between acquire and release."""

    async def handle(number: int) -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval("SELECT 1")
        if number % 200 == 199:
            raise LookupError(number)
        await stage.pool.release(connection)

    for number in range(400):
        await asyncio.gather(handle(number), return_exceptions=True)
    stage.planted_at = time.monotonic()
    stage.gone()


@leak(ASYNCPG, "C-5", "overdue", "orphaned")
async def half_read_generator_keeps_its_slot(stage: AsyncStage) -> None:
    """The consumer breaks off and forgets the generator in a list."""

    async def rows() -> AsyncIterator[Any]:
        async with stage.pool.acquire() as connection:  # leak
            for row in await connection.fetch("SELECT generate_series(1, 3)"):
                yield row

    async def read() -> None:
        async for _ in rows():
            pass

    await stage.warm(read)
    async for _ in stage.keep(rows()):
        break


@leak(ASYNCPG, "C-1", "orphaned", "overdue")
async def task_registers_its_connection_and_ends(stage: AsyncStage) -> None:
    """A health check keeps "its" connection in a registry; the next check takes another."""

    async def check(registry: list[Any] | None = None) -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval("SELECT 1")
        if registry is None:
            await stage.pool.release(connection)
        else:
            registry.append(connection)

    await stage.warm(check)
    await asyncio.create_task(check(stage.kept), name="health check")


@leak(ASYNCPG, "C-2", "orphaned", "overdue")
async def stops_listening_but_not_holding(stage: AsyncStage) -> None:
    """The listener is removed, the connection that it listened on is not released."""

    def heard(*_: object) -> None:
        pass

    async def listen(*, releases: bool = True) -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.add_listener("orders", heard)
        await connection.remove_listener("orders", heard)
        if releases:
            await stage.pool.release(connection)
        else:
            stage.keep(connection)

    await stage.warm(listen)
    await asyncio.create_task(listen(releases=False), name="listener")


@leak(ASYNCPG, "C-6", "overdue")
async def wait_for_acquire_is_never_released(stage: AsyncStage) -> None:
    """On Python 3.11 another task acquires it and ends; the one that asked keeps it."""

    async def handle(*, forgets: bool = False) -> None:
        connection = await asyncio.wait_for(stage.pool.acquire(), 5)  # leak
        await connection.fetchval("SELECT 1")
        if forgets:
            stage.keep(connection)
        else:
            await stage.pool.release(connection)

    await stage.warm(handle)
    await handle(forgets=True)


@leak(ASYNCPG, "C-7", "lost")
async def first_call_drops_its_connection(stage: AsyncStage) -> None:
    """A line without a past: nothing refers to the connection, which is proof enough."""

    async def ping() -> None:
        connection = await stage.pool.acquire()  # leak
        await connection.fetchval("SELECT 1")

    await ping()
    stage.planted_at = time.monotonic()
    stage.gone()
