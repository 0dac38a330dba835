"""The half of the ledger that knows connections: opened, closed, given away. All of it is rare."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from ..model.claim import CONNECTION, USE, Claim, Connection

_RARE: Final = 1000
#: Levels that are kept besides the peak, at most.
_LEVELS: Final = 64


class Connections:
    """The connections of one pool, and what happened to them until it is folded."""

    def __init__(self, clock: Callable[[], float], fold: Callable[[], object]) -> None:
        """`fold` takes what happened; it is called on the host's path, so it must be quick."""
        self.now = clock
        self._fold = fold
        #: Claims that hold, by lease.
        self.open: dict[int, Claim] = {}
        self.connections: dict[int, Connection] = {}
        #: What happens seldom: time, event, number of the connection, reason, its facts.
        self.rare: deque[tuple[float, str, int, str | None, Connection | None]]
        self.rare = deque(maxlen=_RARE)
        self.create_times: deque[tuple[float, float]] = deque()
        #: The last that were closed: the server's number, and when.
        self.former: deque[tuple[int, float]] = deque(maxlen=_RARE)

    def reset(self) -> None:
        """Forget everything: the process was forked. The tables stay the same objects."""
        self.open.clear()
        self.connections.clear()
        self.rare.clear()
        self.create_times.clear()
        self.former.clear()
        #: How many were in use at once, and since when; nobody who writes late takes a peak away.
        self._reached: dict[int, float] = {}
        self._highest = 0
        self.numbered = self.created_count = self.detached_count = 0
        #: Whether a connection ever told its host: the pool serves several.
        self.has_hosts = False
        self.closed_by: Counter[str] = Counter()

    @property
    def peak(self) -> int:
        """The highest number in use that was seen."""
        return max([0, *self._reached])

    @property
    def peak_at(self) -> float | None:
        """When it was seen first."""
        return self._reached.get(self.peak)

    def note_peak(self) -> None:
        """Called on every checkout, by many threads at once."""
        count = len(self.open)
        if count > self._highest:
            self.reach(count)

    def reach(self, count: int) -> None:
        """So many were in use."""
        self._highest = count  # Out of order now and then: it only spares most calls the rest.
        self._reached.setdefault(count, self.now())
        if len(self._reached) > _LEVELS:
            highest = self.peak
            for level in list(self._reached):
                if level < highest:
                    self._reached.pop(level, None)

    def creating(self, connection: int) -> None:
        """Opening began; it has no number before it is open."""
        self._note(self.now(), "ConnectionCreated", 0, None, None)

    def created(self, connection: int, facts: Connection) -> None:
        """A connection is open."""
        self.created_count += 1
        self.known(connection, facts)
        now = self.now()
        if facts.create_time is not None:
            self.create_times.append((now, facts.create_time))
        self._note(now, "ConnectionReady", facts.number, None, facts)
        # A pool opens what nobody has yet: with the one who asks, this may be the peak.
        count = len(self.open) + 1
        if count > self._highest:
            self.reach(count)

    def known(self, connection: int, facts: Connection) -> None:
        """A connection was open before the watch began."""
        self.numbered += 1
        facts.number = self.numbered
        facts.slot = connection
        self.has_hosts = self.has_hosts or facts.host is not None
        self.connections[connection] = facts

    def closed(self, connection: int, reason: str, *, keeps_slot: bool = False) -> None:
        """A connection is closed."""
        facts = self.connections.pop(connection, None)
        self.closed_by[reason] += 1
        number = facts.number if facts is not None else 0
        now = self.now()
        if facts is not None and facts.backend_pid:
            self.former.append((facts.backend_pid, now))
        if facts is not None and reason == "error":
            facts.statements = self._statements_of(facts)
        self._note(now, "ConnectionClosed", number, reason, facts)
        if keeps_slot:
            self._keep_slot(connection)

    def _statements_of(self, facts: Connection) -> int | None:
        """How many whoever has it ran on it, the failed one included; seldom asked for."""
        claim = next((each for each in [*self.open.values()] if each[CONNECTION] is facts), None)
        use = None if claim is None else claim[USE]
        return None if use is None else use.statements

    def detached(self, connection: int, *, keeps_slot: bool = False) -> None:
        """The caller keeps the connection."""
        facts = self.connections.pop(connection, None)
        self.detached_count += 1
        number = facts.number if facts is not None else 0
        self._note(self.now(), "ConnectionDetached", number, None, facts)
        if keeps_slot:
            self._keep_slot(connection)

    def dropped(self, connection: int) -> None:
        """The pool gave up an empty slot."""
        facts = self.connections.get(connection)
        if facts is not None and not facts.is_open:
            del self.connections[connection]

    def _note(
        self, at: float, what: str, number: int, reason: str | None, facts: Connection | None
    ) -> None:
        self.rare.append((at, what, number, reason, facts))
        if len(self.rare) >= _RARE // 2:
            self._fold()

    def _unheard_of(self, connection: int) -> Connection:
        facts = Connection(self.now())
        self.known(connection, facts)
        return facts

    def _keep_slot(self, connection: int) -> None:
        slot = Connection(self.now())
        slot.is_open = False
        self.known(connection, slot)
