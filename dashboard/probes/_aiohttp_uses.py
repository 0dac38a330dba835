"""What a request does with its connection: until the answer begins, and while somebody reads it.

Read in 3.11 to 3.14. A connection's protocol starts its read time-out anew for all that arrives,
and hands on the head of an answer by `feed_data`: both are called as methods of the protocol, while
uvloop has taken hold of `data_received` when the connection was made.

An answer that arrives and that nobody reads is no use of the connection.
"""

from typing import Any, Final
from weakref import WeakValueDictionary, ref

from ._aiohttp_slot import Slot
from ._classes import Classes
from ._using import begins, ends
from .swap import unshare
from .tap import Tap

#: Set on a protocol: what is known of its connection.
_SLOT: Final = "_pool_dashboard_slot"


class Uses:
    """What is read from the connections of one connector."""

    def __init__(self, tap: Tap) -> None:
        """Nothing is told before `follow`."""
        self._tap = tap
        self._classes = Classes(self, self._overrides)
        self._slots: WeakValueDictionary[int, Slot] = WeakValueDictionary()

    @property
    def is_seeing(self) -> bool:
        """Whether requests and what arrives can be told."""
        return self._classes.is_able

    def follow(self, protocol: Any, slot: Slot) -> None:
        """Tell what arrives on a connection from here on."""
        own = vars(protocol)
        if own.get(_SLOT) is not slot:
            unshare(protocol)
            own[_SLOT] = slot
            slot.protocol = ref(protocol)
            self._slots[slot.number] = slot
            self._classes.give(protocol)

    def leave(self, protocol: Any) -> None:
        """Put its class back."""
        self._classes.take_back(protocol, _SLOT)

    def asks(self, protocol: Any, slot: Slot) -> None:
        """A request has its connection and will be sent. Called on every checkout."""
        self.follow(protocol, slot)
        slot.eaten = 0
        slot.unread = None
        slot.is_asking = True
        slot.use = begins(self._tap.sink, slot.number)

    def _overrides(self, kind: Any) -> dict[str, Any]:
        return {
            "feed_data": self._feed_data(kind.feed_data),
            "_reschedule_timeout": self._reschedule_timeout(kind._reschedule_timeout),
        }

    def _feed_data(self, plain: Any) -> Any:
        tap = self._tap

        def feed_data(protocol: Any, *args: Any) -> Any:
            """The head of an answer."""
            try:
                slot = vars(protocol).get(_SLOT)
                if slot is not None and slot.is_asking:
                    slot.is_asking = False
                    ends(tap.sink, slot.number, slot.use)
            except Exception as error:
                tap.sink.broke("answer", error)
            return plain(protocol, *args)

        return feed_data

    def _reschedule_timeout(self, plain: Any) -> Any:
        tap = self._tap

        def _reschedule_timeout(protocol: Any) -> None:
            """Something arrived, or what had arrived was read, so that more may."""
            try:
                slot = vars(protocol).get(_SLOT)
                if slot is not None and not slot.is_asking and _is_read(protocol, slot):
                    tap.sink.used(slot.number)
            except Exception as error:
                tap.sink.broke("reading", error)
            plain(protocol)

        return _reschedule_timeout

    def kept_by(self, lease: int) -> str:
        """`a response` or `a websocket` that somebody reads, asked when somebody looks."""
        slot = self._slots.get(lease)
        protocol = slot.protocol() if slot is not None and slot.protocol is not None else None
        if slot is None or protocol is None or not slot.is_out or slot.is_asking:
            return ""
        payload = protocol._payload
        if protocol.upgraded:
            return "" if _is_left(payload, slot) else "a websocket"
        if getattr(payload, "_waiter", None) is not None:
            return "a response"
        if _is_read(protocol, slot):
            self._tap.sink.used(slot.number)  # From what had arrived: nothing else tells.
        return ""


def _is_read(protocol: Any, slot: Slot) -> bool:
    """Whether somebody awaits what arrives, or has read since this was asked last."""
    payload = protocol._payload
    if protocol.upgraded:
        return not getattr(payload, "_buffer", None)
    arrived = getattr(payload, "total_bytes", None)
    if arrived is None:
        return False
    eaten, before = arrived - payload._size, slot.eaten
    slot.eaten = eaten
    return payload._waiter is not None or eaten != before


def _is_left(payload: Any, slot: Slot) -> bool:
    """Whether the oldest message of a websocket has been waiting since the last look."""
    messages = getattr(payload, "_buffer", None)
    oldest = messages[0] if messages else None
    before, slot.unread = slot.unread, None if oldest is None else id(oldest)
    return before is not None and before == slot.unread
