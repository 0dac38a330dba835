"""What is known of one connection of an aiohttp connector."""

from collections.abc import Callable
from typing import Any

from ..model.claim import Use


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
        """None once its response was collected without being read or closed."""
        return None if self.is_lost else self
