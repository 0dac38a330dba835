"""Payments: aiohttp against the bank, one shared session, and the wrong way beside it."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from .pools import Pools


class Watch(Protocol):
    """What watching a session gives back."""

    def stop(self) -> None:
        """Watch no longer."""


async def charge_card(pools: Pools, order: int, cents: int) -> str:
    """`paid` or `declined`."""
    body = {"order": order, "cents": cents}
    async with pools.payments.post("/charge", json=body) as response:
        return str((await response.json())["state"])


async def review_card(pools: Pools, order: int) -> str:
    """Charge a card that a person at the bank looks at first: seconds."""
    async with pools.payments.post("/review", json={"order": order}) as response:
        return str((await response.json())["state"])


async def exchange_rates(pools: Pools) -> dict[str, float]:
    """Today's rates."""
    async with pools.payments.get("/rates") as response:
        rates: dict[str, float] = await response.json()
    return rates


class OwnSessions:
    """Wrong on purpose: a session for each request, and nobody closes it after a refusal."""

    def __init__(self, bank: str, watch: Callable[[ClientSession], Watch]) -> None:
        """`watch` is called with each new session."""
        self.left_open: list[ClientSession] = []
        self._bank = bank
        self._watch = watch
        self._watches: dict[ClientSession, Watch] = {}

    def make_session(self) -> ClientSession:
        """A new session with a pool of its own, watched until it is closed."""
        session = ClientSession(
            self._bank, connector=TCPConnector(limit=4), timeout=ClientTimeout(total=10)
        )
        self._watches[session] = self._watch(session)
        return session

    async def close(self, session: ClientSession) -> None:
        """Close one session and end its watch."""
        await session.close()
        watch = self._watches.pop(session, None)
        if watch is not None:
            watch.stop()

    async def charge(self, order: int, cents: int) -> str:
        """Charge a card over a connection that nobody will use again."""
        session = self.make_session()
        body = {"order": order, "cents": cents}
        try:
            async with session.post("/charge", json=body) as response:
                state = str((await response.json())["state"])
        except BaseException:
            await self.close(session)
            raise
        if order % 3 == 0 and not session.closed:
            # The early return that forgets the session: to be looked at by a person, some day.
            self.left_open.append(session)
            return state
        await self.close(session)
        return state

    async def close_all(self) -> None:
        """Close what was left open."""
        self.left_open.clear()
        for session in list(self._watches):
            await self.close(session)
