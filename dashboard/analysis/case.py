"""What the rules are told about one pool: its snapshot, and what a snapshot does not hold."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ..model.findings import Suspect
from ..model.history import History
from ..model.limits import ServerLimit
from ..model.seen import Seen
from ..model.snapshot import CallSiteStats, PoolSnapshot
from .lab import Lab
from .servers import looks_pooled

DAY: Final = 86_400.0
_ASYNC: Final = ("AsyncAdaptedQueuePool", "Pool", "TCPConnector")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One pool before the rules. `lab` is None where there is no trace to replay."""

    pool: PoolSnapshot
    server: ServerLimit = ServerLimit()  # noqa: RUF009 -- frozen
    suspects: tuple[Suspect, ...] = ()
    #: Every pool of the process, this one included.
    pools: tuple[PoolSnapshot, ...] = ()
    history: History | None = None
    seen: Seen = Seen()  # noqa: RUF009 -- frozen
    lab: Lab | None = None
    #: The service that the pool belongs to, for the head of a diff.
    service: str = ""
    #: Nothing but settings is known: no traffic was seen.
    is_static: bool = False
    #: Options that somebody set; None when that is not known.
    given: frozenset[str] | None = None

    @cached_property
    def watched_for(self) -> float:
        """Seconds since the watch began."""
        if self.pool.since is None or self.pool.at is None:
            return 0.0
        return max(0.0, (self.pool.at - self.pool.since).total_seconds())

    @cached_property
    def is_queue(self) -> bool:
        """A SQLAlchemy pool that bounds and keeps its connections."""
        return self.pool.library == "sqlalchemy" and self.pool.kind.endswith("QueuePool")

    @cached_property
    def is_async(self) -> bool:
        """Whether its callers await."""
        return self.pool.kind in _ASYNC or self.pool.library in {"asyncpg", "aiohttp"}

    @cached_property
    def is_file(self) -> bool:
        """No server and no network behind it."""
        return self.pool.backend == "SQLite"

    @cached_property
    def place(self) -> str:
        """`host:port`, without the database."""
        return self.pool.address.partition("/")[0]

    @cached_property
    def is_pooled(self) -> bool:
        """Whether the address looks like a pooler's."""
        return looks_pooled(self.pool)

    def number(self, option: str) -> float | None:
        """A setting as a number; None for anything else, or when it is not set."""
        value = self.pool.config.get(option)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value

    def busiest_sites(self) -> tuple[CallSiteStats, ...]:
        """Call sites with a line, by their share of the connection time."""
        return tuple(site for site in self.pool.call_sites if site.call_site.line)
