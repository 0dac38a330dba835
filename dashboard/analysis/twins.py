"""Pools of one process that lead to the same database."""

from collections.abc import Mapping
from typing import Final

from ..model.snapshot import PoolSnapshot

#: Names of this machine; what stands behind them is the same server.
_HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def of(pool: PoolSnapshot, pools: Mapping[str, PoolSnapshot]) -> tuple[str, ...]:
    """Pools with connections, of the same library and kind, to the same place; itself included."""
    if not pool.address or pool.address == ":memory:":
        return ()
    mine = _key(pool)
    return tuple(
        name
        for name, each in pools.items()
        if each.state == "open" and each.count and _key(each) == mine
    )


def _key(pool: PoolSnapshot) -> tuple[str, str, str]:
    place, slash, database = pool.address.partition("/")
    host, colon, port = place.rpartition(":")
    if (host or place) in _HERE:
        place = f"localhost{colon}{port}" if host else "localhost"
    return pool.library, pool.kind, f"{place}{slash}{database}"
