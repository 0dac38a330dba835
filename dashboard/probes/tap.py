"""What every probe shares: a claim for each checkout, handed to a sink."""

from ..model.claim import Claim, new_claim
from ..model.origin import SETTING
from ..model.ports import Sink
from .frames import NOWHERE, Locator
from .owners import NOBODY, of_task, per_thread, running_loop


class Tap:
    """Opens claims for one pool and hands them on; the sink may change while it runs."""

    __slots__ = ("locator", "sink")

    def __init__(self, sink: Sink) -> None:
        """Point at `sink`."""
        self.locator = Locator()
        self.sink = sink

    def asked(self, skip: int = 0) -> Claim:
        """A caller asks. To be called by the hook that the library or the application calls.

        `skip` more frames of ours may lie between.
        """
        sink = self.sink
        try:
            owner = of_task() if running_loop() else per_thread.owner
            claim = new_claim(sink.now(), self.locator.search(2 + skip), owner, SETTING.get())
        except Exception as error:
            sink.broke("origin", error)
            claim = new_claim(sink.now(), NOWHERE, NOBODY, None)
        sink.asked(claim)
        return claim

    def blame(self, connection: int, error: str) -> None:
        """What ends a connection that is about to be closed; an empty one is none."""
        live = self.sink.live
        facts = live.connections.get(connection) if error and live is not None else None
        if facts is not None:
            facts.error = error
