"""One caller's claim on a connection: the record that a probe opens and the recorder closes.

A claim is a plain list, read by the names below. One is made for every checkout, and making,
filling and freeing an object of a class costs more than all that is written into it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from .origin import HttpRequest, Setting

Claim = list[Any]

#: When it was asked, in seconds of the recorder's clock (float).
ASKED: Final = 0
#: The call site (`Frame`).
SITE: Final = 1
#: The task or thread (`LiveOwner`).
OWNER: Final = 2
#: What surrounds it (`Setting`), None for nothing.
SETTING_OF: Final = 3
#: When the connection came; None while it waits.
GOT: Final = 4
#: Its `Connection`; None while it waits. Of a failed one that of no number, which tells the host
#: that it was meant for; None where a pool serves but one.
CONNECTION: Final = 5
#: Called, answers None once nothing refers to the connection any more; None if that is not told.
REF: Final = 6
#: Seconds by name (`connect`, `pre_ping`, `setup`, `dns`, `reset`), None for none.
PHASES: Final = 7
#: When it was returned or failed.
RETURNED: Final = 8
#: Of a failure: the reason and the exception's class. Of a return: None, or `LOST`.
REASON: Final = 9
ERROR: Final = 10
#: What its holder did with the connection (`Use`); None before the first statement.
USE: Final = 11

#: The reason of a claim whose connection nobody returned: the garbage collector did.
LOST: Final = "lost"


class LiveOwner(Protocol):
    """Who asked, without keeping a task or thread alive."""

    @property
    def kind(self) -> str:
        """`task`, `thread` or `unknown`."""

    @property
    def name(self) -> str:
        """Its own name."""

    @property
    def ident(self) -> int:
        """32 bits that tell owners apart."""

    @property
    def is_carrier(self) -> bool:
        """Whether it runs libraries' code only, so that it can but hand on what it gets."""

    @property
    def loop(self) -> object | None:
        """The event loop that it lives in, as a weak reference; None for a thread."""

    def is_alive(self) -> bool:
        """Whether the task or thread has not ended."""

    def ended_at(self, clock: Callable[[], float]) -> float | None:
        """When it ended by `clock`; None while it lives, and where the moment was not seen."""

    def awaited_by(self) -> "Sequence[LiveOwner]":
        """The tasks that wait at this moment for what it does, the nearest first."""


class Frame(Protocol):
    """A call site as the probe remembers it: enough to name it, nothing of the frame is kept."""

    @property
    def index(self) -> int:
        """Its number in the table of sites."""

    @property
    def file(self) -> str:
        """As a person names it."""

    @property
    def line(self) -> int:
        """0 where there is none."""

    @property
    def function(self) -> str:
        """Its qualified name."""

    @property
    def stack(self) -> tuple[tuple[str, int, str, bool], ...]:
        """File, line, function and whether it is a library's, innermost first."""


class Use:
    """What a holder did with its connection. Times in seconds of the recorder's clock.

    Who makes one sets `Live.has_uses`: then the fold looks for them.
    """

    __slots__ = ("began", "busy", "last", "quiet", "statements", "user")

    def __init__(self, got: float) -> None:
        """`got`: when the connection came."""
        self.statements = 0
        #: Seconds in statements that have ended.
        self.busy = 0.0
        #: When the statement that runs began; None while none runs.
        self.began: float | None = None
        #: When a statement began or ended for the last time.
        self.last = got
        #: The longest time between two statements, or before the first.
        self.quiet = 0.0
        #: Who ran the last statement.
        self.user: LiveOwner | None = None

    def copied(self) -> "Use":
        """As it is now; name by name, because 200 are copied on the host's path."""
        copy = Use(self.last)
        copy.statements = self.statements
        copy.busy = self.busy
        copy.began = self.began
        copy.quiet = self.quiet
        copy.user = self.user
        return copy

    def quiet_until(self, end: float) -> float:
        """The longest time without a statement if nothing happens until `end`."""
        return self.quiet if self.began is not None else max(self.quiet, end - self.last)

    def busy_until(self, end: float) -> float:
        """Seconds in statements, the present one included."""
        return self.busy if self.began is None else self.busy + max(0.0, end - self.began)


class Connection:
    """One connection of a pool, as long as the pool has it."""

    __slots__ = (
        "backend_pid",
        "born",
        "create_time",
        "error",
        "host",
        "is_open",
        "loop",
        "number",
        "slot",
        "statements",
        "uses",
    )

    def __init__(
        self,
        born: float,
        *,
        create_time: float | None = None,
        backend_pid: int | None = None,
        host: str | None = None,
    ) -> None:
        """`born` in seconds of the recorder's clock, `host` for pools that serve several."""
        self.born = born
        self.create_time = create_time
        self.backend_pid = backend_pid
        self.host = host
        self.uses = 0
        #: The event loop that it belongs to, as a weak reference; None for one that blocks.
        self.loop: object | None = None
        #: False while the library keeps the slot and will open a new connection in it.
        self.is_open = True
        #: 1, 2, 3 … in the order in which the pool opened them.
        self.number = 0
        #: By what the probe knows it.
        self.slot = 0
        #: What ended it, as far as it was an error: an exception's name, `release` for a reset.
        self.error = ""
        #: Statements of the checkout in which an error ended it; None where nobody saw them.
        self.statements: int | None = None

    def copied(self) -> "Connection":
        """As it is now; name by name, because 200 are copied on the host's path."""
        copy = Connection(
            self.born,
            create_time=self.create_time,
            backend_pid=self.backend_pid,
            host=self.host,
        )
        copy.uses = self.uses
        copy.loop = self.loop
        copy.is_open = self.is_open
        copy.number = self.number
        copy.slot = self.slot
        copy.error = self.error
        copy.statements = self.statements
        return copy


def new_claim(asked: float, site: Frame, owner: LiveOwner, setting: Setting | None) -> Claim:
    """A claim that waits."""
    return [asked, site, owner, setting, None, None, None, None, None, None, None, None]


def request_of(claim: Claim) -> HttpRequest | None:
    """The HTTP request that was running when it was asked."""
    setting: Setting | None = claim[SETTING_OF]
    return setting.request if setting is not None else None


def user_of(claim: Claim) -> LiveOwner:
    """Who ran the last statement, else who asked."""
    use: Use | None = claim[USE]
    owner: LiveOwner = claim[OWNER]
    return owner if use is None or use.user is None else use.user


def actor_of(claim: Claim) -> LiveOwner:
    """Whose doing is of interest: its user while that lives, else who asked."""
    user, owner = user_of(claim), claim[OWNER]
    return user if user.is_alive() else owner


def is_unreferenced(claim: Claim) -> bool:
    """Whether nothing refers to its connection any more, though it is out.

    A reader may look while the claim is being returned, after which nothing needs to refer to it:
    so it is asked whether it was returned, and in this order.
    """
    ref: Callable[[], object | None] | None = claim[REF]
    return ref is not None and ref() is None and claim[RETURNED] is None


def quiet_for(claim: Claim, now: float) -> float:
    """Seconds without a statement: since the last one, else since the connection came."""
    use: Use | None = claim[USE]
    last: float = claim[GOT] if use is None else use.last
    return max(0.0, now - last) if use is None or use.began is None else 0.0
