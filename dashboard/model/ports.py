"""The seams between rooms: what a probe feeds, and what the web and the fleet read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .claim import Claim, Connection, LiveOwner
from .comparison import Comparison
from .events import PoolEvent
from .findings import Advice, Brief, Incident, Suspect
from .heat import Heat
from .history import History
from .lanes import Lanes
from .limits import ServerLimit
from .passage import Passage
from .period import Period
from .snapshot import PoolSnapshot, Snapshot, Source
from .whatif import Prediction


class Live(Protocol):
    """The tables that a probe may write itself instead of calling the sink.

    For a library whose checkout is so quick that a call would be seen. What is written is what
    the sink's own `asked`, `got` and `returned` would write; nothing may be left out.
    """

    @property
    def pending(self) -> dict[int, Claim]:
        """Claims that wait, by `id(claim)`."""

    @property
    def open(self) -> dict[int, Claim]:
        """Claims that hold, by lease."""

    @property
    def connections(self) -> dict[int, Connection]:
        """Connections by the number that the probe gave them."""

    @property
    def rows(self) -> list[Any]:
        """What claims that were returned held, one after the other: `rows.extend(claim)`."""

    #: Whether a claim got a `Use`: to be set by who makes one.
    has_uses: bool

    @property
    def full(self) -> int:
        """The length of `rows` from which on `look` has to be called."""

    def look(self) -> None:
        """Fold what has ended."""

    def got(self, claim: Claim, lease: int, connection: int) -> None:
        """The slow way in, for a connection that is not known yet."""

    def returned(self, lease: int, phases: dict[str, float] | None = None) -> bool:
        """The slow way in, for a lease that is not open."""


class Sink(Protocol):
    """Where a probe puts what it sees.

    `asked`, `got`, `failed` and `returned` are called for every checkout. No method blocks,
    awaits or raises; each may be called in any thread, the last also by the garbage collector.
    A `lease` is the number by which the library's return can be matched with its checkout, a
    `connection` the number of a connection in its pool.
    """

    @property
    def live(self) -> Live | None:
        """None for a sink that has to be called."""

    def now(self) -> float:
        """Seconds of the sink's clock."""

    def asked(self, claim: Claim) -> None:
        """A caller asked: the claim of `new_claim()`."""

    def got(self, claim: Claim, lease: int, connection: int) -> None:
        """The caller has its connection; `REF` and `PHASES` may be filled in."""

    def failed(self, claim: Claim, reason: str, error: str | None) -> None:
        """The caller got nothing."""

    def returned(self, lease: int, phases: dict[str, float] | None = None) -> bool:
        """The slot is free again; False when the pool had been cleared since the checkout.

        A lease that is not out is counted as unmatched, unless somebody is asking: a checkout
        that fails half-way may return what nobody got.
        """

    def using(self, lease: int, user: LiveOwner | None) -> None:
        """A statement begins on a connection that is out; an unknown lease is nothing."""

    def used(self, lease: int, took: float | None = None) -> None:
        """It ended, or failed; `took` in seconds when its begin was not told."""

    def withdrawn(self, claim: Claim) -> None:
        """The claim joined a checkout that its owner already has: no checkout of its own."""

    def adopted(self, lease: int, connection: int, ref: Callable[[], object | None] | None) -> None:
        """A connection was out before the watch began."""

    def creating(self, connection: int) -> None:
        """Opening a connection began."""

    def created(self, connection: int, facts: Connection) -> None:
        """A connection is open."""

    def known(self, connection: int, facts: Connection) -> None:
        """A connection was open before the watch began."""

    def closed(self, connection: int, reason: str, *, keeps_slot: bool = False) -> None:
        """A connection is closed; with `keeps_slot` the pool counts its empty slot as idle."""

    def dropped(self, connection: int) -> None:
        """The pool gave up a slot that had no connection."""

    def detached(self, connection: int, *, keeps_slot: bool = False) -> None:
        """The caller keeps the connection for good; its lease was returned just before."""

    def cleared(self, *, keeps_slots: bool = False) -> None:
        """The pool gave up every connection; those out are no longer the pool's.

        With `keeps_slots` each stays in its slot until its next turn.
        """

    def pool_closed(self) -> None:
        """The pool takes no more checkouts."""

    def broke(self, where: str, error: BaseException) -> None:
        """The probe itself failed at `where`; the host was not touched."""


class Facts(Protocol):
    """What a probe can say of its pool when somebody looks; read off the host's path."""

    @property
    def library(self) -> str:
        """Its import name."""

    @property
    def kind(self) -> str:
        """The pool's class."""

    @property
    def backend(self) -> str:
        """The kind of server, such as PostgreSQL."""

    @property
    def address(self) -> str:
        """Where the server is, without credentials."""

    @property
    def limited(self) -> Sequence[str]:
        """What cannot be seen with this version of the library; empty when all can."""

    def settings(self) -> Mapping[str, object]:
        """Options by the library's own names, as they are in force."""

    def limits(self) -> tuple[int | None, int | None, int | None]:
        """Size, max (size and overflow) and idle_min; None where there is no bound."""

    def own_counts(self) -> tuple[int, int] | None:
        """The library's own (used, idle), None where it keeps no count."""

    @property
    def sees_statements(self) -> bool:
        """Whether `Sink.using` and `Sink.used` are called for what holders do."""

    def in_use_by(self, lease: int) -> str:
        """What keeps a connection that is out in use though no statement was told; else empty.

        `listeners`, `a cursor`, `a COPY`, `a statement` (one that the probe did not see begin),
        `a response`, `a websocket`.
        """


class Reading(Protocol):
    """What pages, stream, API and metrics read; `app` provides it."""

    @property
    def title(self) -> str:
        """Shown in the header."""

    @property
    def source(self) -> Source:
        """The process that is looked at."""

    def snapshot(self) -> Snapshot:
        """The state of every pool at this instant."""

    def pool(self, name: str) -> PoolSnapshot | None:
        """One pool, None when no pool has this name."""

    def suspects(self) -> list[Suspect]:
        """Leak suspects, the most certain first."""

    def advice(self, server: ServerLimit | None = None) -> list[Advice]:
        """What to change, the most severe first; `server` as somebody entered it."""

    def collecting(self) -> Mapping[str, str]:
        """Pools of which too little is known for advice about their size, and what there is."""

    def comparisons(self) -> Sequence[Comparison]:
        """Pools before and after each mark and change of settings, the latest first."""

    def incidents(self) -> list[Incident]:
        """Moments when a pool ran out, the latest first."""

    def briefs(self) -> Sequence[Brief]:
        """The same without their pictures, quick enough for every page."""

    def incident(self, number: str) -> Incident | None:
        """One of them by its id; None when it is no longer kept."""

    def history(
        self, name: str, seconds: float, points: int, until: float | None = None
    ) -> History:
        """What a pool did in the `seconds` before `until` (UNIX time), in at most `points` steps.

        Without `until` they end now; the same holds for `lanes` and `heat`.
        """

    def period(self, name: str, start: float, end: float) -> Period | None:
        """What a pool did between two UNIX times; None when no pool has this name."""

    def lanes(self, name: str, seconds: float, until: float | None = None) -> Lanes:
        """Who held each slot of a pool in the last `seconds`, as far as it is kept."""

    def heat(
        self,
        name: str | None,
        seconds: float,
        columns: int,
        measure: str = "wait",
        until: float | None = None,
    ) -> Heat:
        """How waits (`wait`) or holds (`use`) of one pool, or of all, were spread over time."""

    def claim(self, number: int) -> Passage | None:
        """One checkout by the number that its events carry; None when it is no longer kept."""

    def whatif(
        self,
        name: str,
        sizes: Sequence[int] | None = None,
        timeout: float | None = None,
        hold: float = 1.0,
        limit_per_host: int | None = None,
    ) -> Prediction | None:
        """What other sizes would have answered; None when no pool has this name."""

    def what_else(
        self,
        name: str,
        question: str,
        sizes: Sequence[int] | None = None,
        site: str = "",
        server: ServerLimit | None = None,
    ) -> Prediction | None:
        """What something else than the size would have changed; None when no pool has this name.

        `question` is one of `what_else.QUESTIONS`, `site` the line that it is about.
        """

    def events(self, cursor: int, limit: int) -> tuple[Sequence[PoolEvent], int, int]:
        """Events after `cursor`: at most `limit` samples and every failure; new cursor, dropped."""

    def wall(self, at: float) -> float:
        """Seconds of the watch's clock as a UNIX time."""
