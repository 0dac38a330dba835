"""One producer for all streams of a loop: each batch is read and encoded once, while someone looks.

Memory: a ring of at most 2 MB, and for each client references to four frames that all share.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextvars import Context
from typing import Final

import anyio

from ..model.ports import Reading
from .aside import aside
from .batches import SAMPLES, Batch, EventRow, Poller, encode

_log = logging.getLogger(__name__)
#: Frames that wait for one client; a client that is further behind starts again with a reset.
QUEUE: Final = 4
#: Batches are kept this many seconds for clients that come back, in at most this many bytes.
RING_SECONDS: Final = 60.0
RING_BYTES: Final = 2_000_000
#: Streams end by themselves this many seconds after a close; those that cannot are cut.
GRACE: Final = 0.5
_TICK: Final = 1.0


class Frame:
    """One batch, encoded when somebody first needs it in that form."""

    __slots__ = ("_encoded", "_recent", "batch", "id", "seq")

    def __init__(self, epoch: str, seq: int, batch: Batch, recent: tuple[EventRow, ...]) -> None:
        self.id = f"{epoch}-{seq}"
        self.seq = seq
        self.batch = batch
        self._recent = recent
        self._encoded: dict[tuple[str, str | None], bytes] = {}

    def render(self, event: str, pool: str | None) -> bytes:
        """The bytes of the message; a `reset` carries the latest events instead of the new ones."""
        known = self._encoded.get((event, pool))
        if known is None:
            batch = self.batch
            if event == "reset":
                batch = Batch(
                    at=batch.at,
                    pools=batch.pools,
                    headline=batch.headline,
                    suspects=batch.suspects,
                    incidents=batch.incidents,
                    events=self._recent,
                    dropped=0,
                    rates=batch.rates,
                )
            body = encode(batch if pool is None else batch.of(pool))
            known = f"id: {self.id}\nevent: {event}\ndata: ".encode() + body + b"\n\n"
            self._encoded[event, pool] = known
        return known


class Client:
    """One open stream; `is_behind` until it has had a reset."""

    __slots__ = ("_frames", "is_behind", "pool", "scope", "wake")

    def __init__(self, pool: str | None) -> None:
        self.pool = pool
        self.scope: anyio.CancelScope | None = None
        self.wake = asyncio.Event()
        self.is_behind = True
        self._frames: deque[Frame] = deque()

    def offer(self, frame: Frame) -> None:
        """Never more than `QUEUE`: the latest wins, and the client is told to start again."""
        if len(self._frames) >= QUEUE:
            self.is_behind = True
        if self.is_behind:
            self._frames.clear()
        self._frames.append(frame)
        self.wake.set()

    def take(self) -> bytes | None:
        """The next message, None if there is nothing."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        if not self.is_behind:
            return frame.render("batch", self.pool)
        self.is_behind = False
        return frame.render("reset", self.pool)


class Hub:
    """The streams of one event loop. Everything but `close` belongs to that loop."""

    def __init__(
        self,
        reading: Reading,
        *,
        period: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._poller = Poller(reading)
        self._period = period
        self._clock = clock
        self._epoch = secrets.token_hex(4)
        self._seq = 0
        self._latest: Frame | None = None
        self._ring: deque[tuple[float, int, bytes]] = deque()
        self._ring_bytes = 0
        self._recent: deque[EventRow] = deque(maxlen=SAMPLES)
        self._clients: set[Client] = set()
        self._producer: asyncio.Task[None] | None = None
        self._is_failing = False
        self._stop = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """Ends every stream; for any thread, also when the loop is gone."""
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError:  # The loop is closed, and its streams with it.
            self._is_closed = True

    def _end(self) -> None:
        self._is_closed = True
        self._stop.set()
        for client in self._clients:
            client.wake.set()
            if client.scope is not None:
                self._loop.call_later(GRACE, client.scope.cancel)

    async def follow(
        self, client: Client, last_id: str | None, is_ending: Callable[[], bool], deadline: float
    ) -> AsyncGenerator[bytes, None]:
        """What one client is sent, from where it left off."""
        missed = self._missed(last_id) if client.pool is None else None
        self._join(client, is_resumed=missed is not None)
        try:
            for message in missed or ():
                yield message
            while not (self._is_closed or is_ending() or self._clock() >= deadline):
                next_message = client.take()
                if next_message is None:
                    client.wake.clear()
                    with anyio.move_on_after(_TICK):
                        await client.wake.wait()
                else:
                    yield next_message
        finally:
            self._leave(client)

    def _join(self, client: Client, *, is_resumed: bool) -> None:
        client.is_behind = not is_resumed
        self._clients.add(client)
        if self._producer is None:
            self._stop.clear()
            # A context of its own: the first client's request must not live as long as the hub.
            self._producer = self._loop.create_task(
                self._produce(), name="pool-dashboard stream", context=Context()
            )
        elif client.is_behind and self._latest is not None:
            client.offer(self._latest)

    def _leave(self, client: Client) -> None:
        self._clients.discard(client)
        if not self._clients:
            self._stop.set()

    async def _produce(self) -> None:
        """A batch each period; when the last client leaves it ends at once."""
        try:
            while self._clients and not self._is_closed:
                due = self._clock() + self._period
                await self._step()
                with anyio.move_on_after(max(0.0, due - self._clock())):
                    await self._stop.wait()
                    if self._clients:  # Someone came back while it was ending.
                        self._stop.clear()
        finally:
            self._producer = self._latest = None

    async def _step(self) -> None:
        try:
            frame = await aside(self._read)
        except Exception:  # noqa: BLE001 - the next batch may work
            if not self._is_failing:
                _log.exception("the stream cannot read the pools; it goes on trying")
            self._is_failing = True
            return
        self._is_failing = False
        self._publish(frame)

    def _read(self) -> Frame:
        """In a thread: the snapshot, and its JSON for everybody."""
        batch = self._poller.take()
        self._recent.extend(batch.events)
        frame = Frame(self._epoch, self._seq + 1, batch, tuple(self._recent))
        frame.render("batch", None)
        return frame

    def _publish(self, frame: Frame) -> None:
        now, message = self._clock(), frame.render("batch", None)
        self._seq, self._latest = frame.seq, frame
        self._ring.append((now, frame.seq, message))
        self._ring_bytes += len(message)
        while self._ring and (
            self._ring[0][0] < now - RING_SECONDS or self._ring_bytes > RING_BYTES
        ):
            self._ring_bytes -= len(self._ring.popleft()[2])
        for client in self._clients:
            client.offer(frame)

    def _missed(self, last_id: str | None) -> list[bytes] | None:
        """The batches since `last_id`; None when that cannot be told, so a reset is due."""
        epoch, _, number = (last_id or "").partition("-")
        if epoch != self._epoch or not number.isdecimal() or len(number) > len(str(self._seq)):
            return None
        seq = int(number)
        if not self._ring or self._ring[-1][0] < self._clock() - RING_SECONDS:
            return None
        kept = [message for _, known, message in self._ring if known > seq]
        return kept if len(kept) == self._seq - seq else None
