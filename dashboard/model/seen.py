"""What somebody saw of a pool that its snapshot does not hold: births, ends, hosts, threads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .distribution import EMPTY, Distribution
from .origin import CallSite


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Pools that one line made for one place. Times are seconds.

    `kind` is `engine`, `pool` or `session`; `times` of the last ones, as seconds ago, ascending.
    `ended` of them were closed or collected; `unclosed` were collected while open. `checkouts` of
    all of them.
    """

    call_site: CallSite
    library: str
    kind: str
    address: str = ""
    count: int = 0
    alive: int = 0
    ended: int = 0
    unclosed: int = 0
    checkouts: int = 0
    times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A connection that the pool closed `ago` seconds ago, for a reason, at an age.

    `idle_before` is how long it had lain idle before its last checkout, `used_for` how long it
    was out then; None where that is not known. `error` names the exception that ended it, or is
    `release` where the reset at its return did; `statements` counts those of that checkout.
    """

    reason: str
    ago: float
    age: float | None = None
    idle_before: float | None = None
    used_for: float | None = None
    error: str = ""
    statements: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """Slots of one host of a pool that serves several: the most that were seen together."""

    host: str
    used: int
    waiting: int
    total_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first minute of a pool beside what came after. Seconds; None where nothing happened."""

    opened_at_once: int
    connect_first: float | None
    connect_later: float | None
    wait_first: float | None
    wait_later: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a pool was made and where it is used, as far as these differ."""

    made_in_pid: int | None = None
    used_in_pid: int | None = None
    is_other_loop: bool = False
    is_loop_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody saw of a pool beside its snapshot; the defaults are nothing."""

    births: tuple[Birth, ...] = ()
    #: Pools of this process to the same place with the same options, itself included.
    twins: tuple[str, ...] = ()
    closings: tuple[Closing, ...] = ()
    hosts: tuple[HostUse, ...] = ()
    start: Start | None = None
    home: Home = Home()
    #: Idle time before each checkout, over the trace.
    idle_before: Distribution = EMPTY
    #: Threads of the web framework's thread pool that hold or wait, at most so many at once.
    threads: int = 0
    #: Seconds for which so many connections were out, as far as somebody looked.
    levels: Mapping[int, float] = field(default_factory=dict)
    #: Statements that failed because another connection had prepared them.
    unprepared: int = 0
    #: The shortest time-out given to asyncpg's `acquire()`.
    acquire_timeout: float | None = None
