"""The server's connections, shared out: what all pools to one server may open at most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..model.backends import NO_ACTIVITY, Activity
from ..model.limits import ServerLimit
from ..model.snapshot import PoolSnapshot
from .servers import looks_pooled, server_of

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
    #: A pooler listens there: it opens connections of its own, fewer than it takes.
    is_pooled: bool = False

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
        text = f"{pools}{many} may open {wanted} connection{'' if self.wanted == 1 else 's'}"
        if self.is_pooled and self.usable is None:
            return f"{text} to a pooler, which has its own to the server."
        if self.usable is None:
            return f"{text}; nobody said how many the server has."
        return f"{text}; the server has {self.usable:,} for them."

    def formula(self) -> str:
        """The sum in figures, such as `(5 + 10) x 4 + 8 x 4 = 92`."""
        workers = self.limit.workers
        terms = [_term(share, workers) for share in self.shares]
        if len(terms) == 1 and not any(sign in terms[0] for sign in "+x"):
            return terms[0]
        total = "no bound" if self.wanted is None else f"{self.wanted:,}"
        return f"{' + '.join(terms)} = {total}"

    def reserve(self) -> str:
        """How many the server has, in figures."""
        limit = self.limit
        if self.is_pooled and limit.max_connections is None:
            return "the port is a pooler's: its max_client_conn counts"
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


def of(
    pools: Iterable[PoolSnapshot], limit: ServerLimit, activity: Activity | None = None
) -> tuple[Budget, ...]:
    """A budget for each server that has connections to give, by its place.

    `limit` is what somebody entered, for each; `activity` is what one of them says of itself.
    """
    by_place: dict[str, list[PoolSnapshot]] = {}
    for pool in pools:
        if has_server(pool) and pool.state != "closed":
            by_place.setdefault(server_of(pool), []).append(pool)
    return tuple(
        _budget(place, found, limit, activity or NO_ACTIVITY)
        for place, found in sorted(by_place.items())
    )


def _budget(
    place: str, pools: Sequence[PoolSnapshot], entered: ServerLimit, activity: Activity
) -> Budget:
    limit = limit_at(place, pools, entered, activity)
    is_pooled = all(looks_pooled(pool) for pool in pools)
    if is_pooled and limit == entered:
        # What was entered is the server's behind it.
        limit = replace(entered, max_connections=None)
    return Budget(
        server=place, limit=limit, shares=_shares(pools, limit.workers), is_pooled=is_pooled
    )


def limit_at(
    place: str, pools: Iterable[PoolSnapshot], entered: ServerLimit, activity: Activity
) -> ServerLimit:
    """What was entered, else what the server said, if `place` is this server's."""
    there = {pool.name for pool in pools if server_of(pool) == place}
    if place == activity.server or there & activity.pools:
        return entered.told_by(activity, activity.ours)
    return entered


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


def _shares(pools: Sequence[PoolSnapshot], workers: int) -> tuple[Share, ...]:
    shares = []
    for pool in pools:
        overflow = None if pool.max is None or pool.size is None else pool.max - pool.size
        total = None if pool.max is None else pool.max * workers
        shares.append(Share(pool.name, pool.size, overflow, total))
    return tuple(shares)
