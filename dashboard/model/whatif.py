"""What a pool was asked for, and what another size of it would have answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, Final, get_origin

#: How a pool hands out its slots.
SEMANTICS: Final = ("queuepool", "asyncpg", "aiohttp")
#: Outcomes of a request by their number, as the recorder writes them.
RETURNED, TIMEOUT, POOL_CLOSED, CONNECTION_ERROR, CANCELLED = range(5)
#: Best first. A: the trace shows it. B: a wide range, or a fitted correction. C: a direction.
#: D: a range at most.
GRADES: Final = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class Held:
    """A checkout that is out at the end: it asked, waited, and has held for `age` seconds."""

    asked: float
    wait: float
    age: float
    site: int = 0
    owner: int = 0
    host: int = 0


@dataclass(frozen=True, slots=True)
class Queued:
    """A caller that still waits at the end."""

    asked: float
    site: int = 0
    owner: int = 0
    host: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Requests in columns of equal length, in any order, and the pool that answered them.

    Times are seconds of one clock. `hold` is 0 where `outcome` is not `RETURNED`; `host` is empty
    where nobody knows it; host 0 and owner 0 are unknown. `size` None is a pool without a bound,
    `overflow` -1 an overflow without one, `timeout` None a wait without end. `lost` slots are gone
    for good; their checkouts are not in `open`. `connect_time` is the usual time to open a
    connection. `keep` are the seconds for which a returned connection may be used again.
    """

    asked: Sequence[float]
    wait: Sequence[float]
    hold: Sequence[float]
    outcome: Sequence[int]
    site: Sequence[int]
    owner: Sequence[int]
    duration: float
    size: int | None
    overflow: int = 0
    timeout: float | None = None
    semantics: str = "queuepool"
    host: Sequence[int] = ()
    limit_per_host: int | None = None
    keep: float = inf
    open: tuple[Held, ...] = ()
    waiting: tuple[Queued, ...] = ()
    lost: int = 0
    connect_time: float | None = None

    @property
    def capacity(self) -> int | None:
        """Slots that can be given out: size and overflow without the lost ones."""
        if self.size is None or self.overflow < 0:
            return None
        return self.size + self.overflow - self.lost

    def columns(self) -> dict[str, Sequence[Any]]:
        """All of them by name, each as long as `asked`: zeros for what nobody knows."""
        count = len(self.asked)
        return {name: getattr(self, name) or bytes(count) for name in COLUMNS}

    def picked(self, pick: Callable[[Sequence[Any]], Sequence[Any]], **others: Any) -> "Demand":
        """With `pick` of each column that is known, and `others` in place of what is here."""
        known = {name: column for name in COLUMNS if (column := getattr(self, name))}
        picked: dict[str, Any] = {name: pick(column) for name, column in known.items()}
        return replace(self, **picked, **others)


#: Whatever of a demand is a sequence is a column: nobody has to remember a new one.
COLUMNS: Final = tuple(each.name for each in fields(Demand) if get_origin(each.type) is Sequence)

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One size. Waits in seconds, over all requests; one that leaves counts as long as it waited.

    `range` is that of p95; a number without a range is None. `timeouts` and `cancelled` count
    requests of the window. `idle_share` is the share of the slots' time (0..1) in which nobody
    held them. `p95_closed` is the p95 if the callers of today are all there are; it is there when
    the trace cannot tell. `opens` and `closes` are connections an hour. `limit_per_host` is that
    of a pool which serves several hosts, 0 for none. `note` says what is special about this size.
    """

    size: int
    overflow: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    range: Range | None = None
    p50_range: Range | None = None
    p99_range: Range | None = None
    timeouts: float | None = None
    timeouts_range: Range | None = None
    cancelled: int | None = None
    idle_share: float | None = None
    idle_range: Range | None = None
    p95_closed: float | None = None
    opens: float | None = None
    closes: float | None = None
    limit_per_host: int | None = None
    grade: str = "D"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Rows by size, and how they came about.

    `collected` and `bursts` are what there is, `checkouts_needed` and `bursts_needed` what p50
    and p95 take. `mode` says how callers were replayed: `open`, `chained`, `closed`, `unknown`.
    `sentences` are "how this is predicted", `banner` what must be read first. `answer` is there
    when something else than the size was asked for.
    """

    rows: tuple[Row, ...]
    grade: str
    banner: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    collected: int = 0
    bursts: int = 0
    checkouts_needed: int = 10_000
    bursts_needed: int = 10
    offered_load: float | None = None
    imputed_share: float = 0.0
    mode: str = "open"
    #: What rules that people may have read say of this pool.
    thumbs: tuple["Thumb", ...] = ()
    answer: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether advice may rest on it."""
        return self.grade in {"A", "B"} and any(row.p95 is not None for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumb:
    """One rule of thumb: its value for this pool, and why it differs from the replay."""

    name: str
    value: float | None
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What else is changed than the size; the defaults change nothing.

    `hold` times each hold of `sites` (all if None), then `less` seconds of it fall away: pre-ping
    off, released before the HTTP call. `share` of the callers come here: 4 workers become 6 at
    2 / 3. `timeout` None leaves it, infinity takes it away; so does `limit_per_host`, whose 0 is no
    limit. `are_leaks_fixed` gives lost slots back.
    """

    timeout: float | None = None
    overflow: int | None = None
    hold: float = 1.0
    less: float = 0.0
    sites: frozenset[int] | None = None
    share: float = 1.0
    are_leaks_fixed: bool = False
    limit_per_host: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.timeout is not None and not self.timeout >= 0:
            raise ValueError(f"timeout takes seconds from 0 on, not {self.timeout!r}")
        if self.overflow is not None and self.overflow < 0:
            raise ValueError(f"overflow takes a number from 0 on, not {self.overflow!r}")
        if (each := self.limit_per_host) is not None and each < 0:
            raise ValueError(f"limit_per_host takes a number from 0 on, not {each!r}")
        if not 0 <= self.hold < float("inf"):
            raise ValueError(f"hold takes a factor from 0 on, not {self.hold!r}")
        if not 0 <= self.less < float("inf"):
            raise ValueError(f"less takes seconds from 0 on, not {self.less!r}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share lies above 0 and up to 1, not {self.share!r}")


NO_CHANGE: Final = Change()
