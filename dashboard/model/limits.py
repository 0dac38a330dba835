"""What server and callers allow: known to people, or asked of the server with `backends=`."""

from dataclasses import dataclass, replace
from math import inf

from .backends import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimit:
    """Limits around a pool; None where nobody said. Times are seconds.

    `reserved` is `superuser_reserved_connections` and `reserved_connections`; `workers` are the
    processes that each have these pools; `other_clients` connections that are not ours. `pooler`
    is PgBouncer's `default_pool_size`. The server or a proxy ends connections older than
    `longest_life`, a firewall or load balancer those idle for `longest_idle`. `deadline` is how
    long whoever called us waits for an answer.
    """

    max_connections: int | None = None
    reserved: int = 3
    workers: int = 1
    other_clients: int = 0
    pooler: int | None = None
    longest_life: float | None = None
    longest_idle: float | None = None
    deadline: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.max_connections is not None and self.max_connections < 1:
            raise ValueError(f"max_connections begins at 1, not {self.max_connections!r}")
        if self.workers < 1:
            raise ValueError(f"workers begin at 1, not {self.workers!r}")
        if self.pooler is not None and self.pooler < 1:
            raise ValueError(f"pooler begins at 1, not {self.pooler!r}")
        if self.reserved < 0 or self.other_clients < 0:
            raise ValueError("reserved and other_clients begin at 0")
        for name in ("longest_life", "longest_idle", "deadline"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < inf:
                raise ValueError(f"{name} takes seconds above 0, not {seconds!r}")

    @property
    def usable(self) -> int | None:
        """Connections that all pools together may open; None when the limit is unknown."""
        if self.max_connections is None:
            return None
        return max(0, self.max_connections - self.reserved - self.other_clients)

    def told_by(self, activity: Activity, ours: int) -> "ServerLimit":
        """With what the server said, where nobody entered anything else.

        `ours` connections of those that the server has belong to the pools that are counted.
        """
        if self.max_connections is not None or activity.max_connections is None:
            return self
        others = max(self.other_clients, activity.used - ours * self.workers)
        return replace(
            self,
            max_connections=activity.max_connections,
            reserved=activity.reserved,
            other_clients=others,
        )
