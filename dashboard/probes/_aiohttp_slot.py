"""What is known of one connection of an aiohttp connector."""

from collections.abc import Callable
from typing import Any

from ..model.claim import Use
from ._aiohttp_dropped import is_dropped


class Slot:
    """What is known of one connection; called, it answers as a claim's `REF`."""

    __slots__ = (
        "__weakref__",
        "born",
        "create_time",
        "eaten",
        "host",
        "is_asking",
        "is_lost",
        "is_out",
        "number",
        "protocol",
        "unread",
        "use",
    )

    def __init__(
        self, number: int, host: str, born: float, create_time: float | None = None
    ) -> None:
        """`host` is `name:port`, `born` in seconds of the sink's clock."""
        self.number = number
        self.host = host
        self.born = born
        self.create_time = create_time
        self.is_out = self.is_lost = False
        self.protocol: Callable[[], Any] | None = None
        #: Whether its request awaits the head of the answer, and what `using` noted of that.
        self.is_asking = False
        self.use: Use | None = None
        #: Bytes of the answer that were read, and the oldest message that was not.
        self.eaten = 0
        self.unread: int | None = None

    def __call__(self) -> "Slot | None":
        """None once its response was dropped without being read or closed.

        Called by readers and, for what is still out, when a connection comes back.
        """
        if self.is_out and not (self.is_lost or self.is_asking):
            self.is_lost = self._is_dropped()
        return None if self.is_lost else self

    def _is_dropped(self) -> bool:
        protocol = self.protocol() if self.protocol is not None else None
        try:
            return protocol is not None and is_dropped(protocol)
        except AttributeError:  # It came back just now, or is another version's.
            return False
