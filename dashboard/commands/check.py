"""`pool-dashboard check`: what the settings alone say, for CI; no connection is opened."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from ..analysis import advice, budget
from ..analysis.budget import Budget
from ..app import Dashboard
from ..importing import find_in, resolve
from ..model.errors import DashboardError
from ..model.findings import Advice
from ..model.limits import ServerLimit
from ..model.snapshot import PoolSnapshot
from ..opening import Origin, called, is_pool
from ..probes._opening import opener_of
from ..settings import read, said
from ..web import shapes
from .report import Checked, text_of

#: Advice of these severities makes the exit status 1.
_SEVERE: Final = frozenset({"warning", "critical"})


def main(target: str, limit: ServerLimit, *, as_json: bool) -> int:
    """Print what there is to change; the exit status: 1 if there is, else 0."""
    if not target.endswith(".toml") and ":" not in target and not Path(target).is_file():
        words = "an object is named module:attribute, as in shop.db:engine"
        raise DashboardError(f"{target!r} is no file; {words}")
    pools = asyncio.run(_pools_of(target))
    checked = [Checked(pool, _advice(pool, limit, pools)) for pool in pools]
    budgets = budget.of(pools, limit) if limit.max_connections is not None else ()
    sys.stdout.write(_json(checked, budgets) if as_json else text_of(checked, budgets))
    is_severe = any(each.severity in _SEVERE for one in checked for each in one.advice)
    return 1 if is_severe or any(each.is_broken for each in budgets) else 0


def _advice(pool: PoolSnapshot, limit: ServerLimit, beside: Sequence[PoolSnapshot]) -> list[Advice]:
    return advice.of_settings(
        pool.name,
        pool.library,
        pool.kind,
        pool.config,
        limit,
        address=pool.address,
        backend=pool.backend,
        beside=beside,
    )


async def _pools_of(target: str) -> list[PoolSnapshot]:
    """Pictures of the pools, in the order in which they were named."""
    dash = Dashboard(token=None)
    try:
        async with _made(target) as pools:
            names = [dash.watch(pool, name).name for name, pool in pools]
            seen = dash.snapshot().pools
            return [seen[name] for name in dict.fromkeys(names)]
    finally:
        dash.stop()


@asynccontextmanager
async def _made(target: str) -> AsyncIterator[list[tuple[str | None, object]]]:
    """Pools with their names; those that were made for this are closed."""
    if target.endswith(".toml") or ":" not in target:
        find_in(Path(), Path(target).parent)
        found = [(each.name, Origin(each)) for each in read(target).pools]
        async with AsyncExitStack() as made:
            yield [(name, _take(origin, made)) for name, origin in found if _is_fit(name, origin)]
    else:
        find_in(Path())
        yield _named(target)


def _is_fit(name: str, origin: Origin) -> bool:
    """A pool whose making connects is left out, and said to be."""
    if origin.is_async:
        words = f"{name} is not checked: {origin.settings.target} is async, it would connect"
        print(f"pool-dashboard: {words}", file=sys.stderr)
    return not origin.is_async


def _take(origin: Origin, made: AsyncExitStack) -> object:
    pool = origin.unconnected()
    made.push_async_callback(_close, pool)
    return pool


async def _close(pool: Any) -> None:
    with contextlib.suppress(Exception):
        await opener_of(pool).close(pool)


def _named(target: str) -> list[tuple[str | None, object]]:
    """One pool, or several in a dict, list or tuple."""
    found = resolve(target)
    try:
        found = called(found, is_async=False)
    except DashboardError as error:
        raise DashboardError(f"{target} {error}") from error
    except Exception as error:
        raise DashboardError(f"{target} failed: {said(error)}") from error
    name, found = target.rpartition(":")[2], _engine_of(found)
    pools: list[tuple[str | None, object]] = [(name, found)]
    if isinstance(found, Mapping):
        pools = [(str(name), pool) for name, pool in found.items()]
    elif isinstance(found, list | tuple):
        pools = [(None, pool) for pool in found]
    strangers = [pool for _, pool in pools if not is_pool(pool)]
    if strangers or not pools:
        kind = type(strangers[0]).__qualname__ if strangers else "nothing"
        raise DashboardError(f"{target} is no pool, and no dict or list of pools: it has {kind}")
    return pools


def _engine_of(found: object) -> object:
    """A session, or what makes one, leads to its engine."""
    bound = getattr(found, "bind", None)
    return bound if is_pool(bound) and not is_pool(found) else found


def _json(checked: Iterable[Checked], budgets: Iterable[Budget]) -> str:
    """One object, in two lists."""
    pools = [
        {
            "name": each.pool.name,
            "library": each.pool.library,
            "kind": each.pool.kind,
            "address": each.pool.address,
            "config": shapes.settings(each.pool.config),
            "advice": shapes.plain(each.advice),
        }
        for each in checked
    ]
    shares = [{**shapes.budget(each), "is_broken": each.is_broken} for each in budgets]
    encoded = msgspec.json.encode({"pools": pools, "budgets": shapes.plain(shares)})
    return msgspec.json.format(encoded, indent=2).decode() + "\n"
