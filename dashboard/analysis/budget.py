"""The server's connections, shared out: what all pools to one server may open at most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..model.limits import ServerLimit
from ..model.snapshot import PoolSnapshot

#: PostgreSQL's default `max_connections`: nobody said, so it is only compared with.
USUAL: Final = 100


@dataclass(frozen=True, slots=True)
class Share:
    """What one pool may open: `size` and `overflow` of a worker, `total` over all workers.

    None is a pool without a bound.
    """

    pool: str
    size: int | None
    overflow: int | None
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One server's connections and the pools that lead there; None where a limit is unknown."""

    server: str
    limit: ServerLimit
    shares: tuple[Share, ...]

    @property
    def wanted(self) -> int | None:
        """Connections that the pools of all workers may open together; None without a bound."""
        totals = [share.total for share in self.shares]
        return None if None in totals else sum(total or 0 for total in totals)

    @property
    def usable(self) -> int | None:
        """What the server has for them."""
        return self.limit.usable

    @property
    def left(self) -> int | None:
        """What the server has beyond that; negative when it is too little."""
        if self.usable is None or self.wanted is None:
            return None
        return self.usable - self.wanted

    @property
    def is_broken(self) -> bool:
        """Whether the pools may ask for more than there is."""
        if self.usable is None:
            return False
        return self.wanted is None or self.wanted > self.usable

    @property
    def per_worker(self) -> int | None:
        """What the pools of one worker may open together."""
        return None if self.usable is None else self.usable // self.limit.workers

    def room(self, pool: str) -> int | None:
        """The most that one worker's pool may open while the others stay; None if unknown."""
        if self.per_worker is None:
            return None
        others = [each for each in self.shares if each.pool != pool]
        if any(each.total is None for each in others):
            return 0
        taken = sum(each.total or 0 for each in others) // self.limit.workers
        return max(0, self.per_worker - taken)

    def sentence(self) -> str:
        """Such as `2 pools of 4 workers may open 80 connections; the server has 97 for them.`."""
        count, workers = len(self.shares), self.limit.workers
        pools = f"{count} pool{'s' if count > 1 else ''}"
        many = f" of {workers} workers" if workers > 1 else ""
        wanted = "any number of" if self.wanted is None else f"{self.wanted:,}"
        text = f"{pools}{many} may open {wanted} connections"
        if self.usable is None:
            return f"{text}; nobody said how many the server has."
        return f"{text}; the server has {self.usable:,} for them."

    def formula(self) -> str:
        """The sum in figures, such as `(5 + 10) x 4 + 8 x 4 = 92`."""
        workers = self.limit.workers
        terms = [_term(share, workers) for share in self.shares]
        total = "no bound" if self.wanted is None else f"{self.wanted:,}"
        return f"{' + '.join(terms)} = {total}"

    def reserve(self) -> str:
        """How many the server has, in figures."""
        limit = self.limit
        if limit.max_connections is None:
            return (
                "Enter the server's limit: SHOW max_connections, superuser_reserved_connections "
                "and reserved_connections."
            )
        others = f" - {limit.other_clients} of other clients" if limit.other_clients else ""
        return (
            f"max_connections {limit.max_connections:,} - {limit.reserved} reserved{others} = "
            f"{limit.usable:,}"
        )


def _term(share: Share, workers: int) -> str:
    if share.size is None or share.overflow is None:
        return "no bound"
    own = f"({share.size} + {share.overflow})" if share.overflow else f"{share.size}"
    return f"{own} x {workers}" if workers > 1 else own


def of(pools: Iterable[PoolSnapshot], limit: ServerLimit) -> tuple[Budget, ...]:
    """A budget for each server that has connections to give, by its place; `limit` for each."""
    by_place: dict[str, list[PoolSnapshot]] = {}
    for pool in pools:
        if has_server(pool) and pool.state != "closed":
            by_place.setdefault(server_of(pool), []).append(pool)
    return tuple(
        Budget(server=place, limit=limit, shares=_shares(found, limit.workers))
        for place, found in sorted(by_place.items())
    )


def for_pool(
    pool: PoolSnapshot, pools: Sequence[PoolSnapshot], limit: ServerLimit
) -> Budget | None:
    """The budget that a pool takes part in; None for a pool without a database server."""
    if not has_server(pool):
        return None
    names = {each.name for each in pools}
    everyone = pools if pool.name in names else [pool, *pools]
    found = of(everyone, limit)
    return next((each for each in found if each.server == server_of(pool)), None)


def has_server(pool: PoolSnapshot) -> bool:
    """Whether a database server has to have a connection for each slot."""
    return pool.library != "aiohttp" and pool.backend not in {"SQLite", "HTTP"}


def server_of(pool: PoolSnapshot) -> str:
    """`host:port`: databases of one server share its connections."""
    return pool.address.partition("/")[0] or pool.name


def _shares(pools: Sequence[PoolSnapshot], workers: int) -> tuple[Share, ...]:
    shares = []
    for pool in pools:
        overflow = None if pool.max is None or pool.size is None else pool.max - pool.size
        total = None if pool.max is None else pool.max * workers
        shares.append(Share(pool.name, pool.size, overflow, total))
    return tuple(shares)
