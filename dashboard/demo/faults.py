"""What goes wrong in real services, each behind a switch."""

import asyncio
from collections.abc import Iterator
from itertools import cycle
from random import Random

import asyncpg

from .fault import Fault
from .load import Visitors
from .shop.app import Shop
from .shop.tables import FIRST_ORDERS


class ForgottenRelease(Fault):
    """A leak."""

    name = "forgotten_release"
    title = "Forgotten release"
    what_happens = (
        "An order export meets a row that it cannot write, raises, and never gives its "
        "connection back. It stops at three, so that the shop stays open."
    )
    look_for = (
        "Three slots stay in use for ever; all name `export_orders` in `shop/exports.py`, and "
        "the tasks that asked have ended."
    )
    pools = ("orders",)
    most = 3

    @property
    def holds(self) -> str:
        """The forgotten connections."""
        return _some(len(self._shop.exports.running), "connection")

    async def _happen(self, random: Random) -> None:
        while True:
            if len(self._shop.exports.running) < self.most:
                self._send("POST", "/exports?damaged")
            await asyncio.sleep(random.uniform(2, 4))

    async def _give_back(self) -> None:
        await self._shop.exports.cancel_all()


class SlowCallInside(Fault):
    """A connection that waits for something that is not the database."""

    name = "slow_call_inside"
    title = "Session held during a slow HTTP call"
    what_happens = (
        "A payment opens its transaction first and then waits seconds for the bank, with the "
        "connection in its hand."
    )
    look_for = (
        "`pay_inside_transaction` holds for seconds although its queries take milliseconds; "
        "the hold time rises, then the wait of everybody else."
    )
    pools = ("orders", "payments")

    async def _happen(self, random: Random) -> None:
        while True:
            self._send("POST", f"/orders/{random.randint(1, FIRST_ORDERS)}/pay")
            await asyncio.sleep(random.expovariate(1.6))


class NestedCheckouts(Fault):
    """Everybody holds one and waits for another."""

    name = "nested_checkouts"
    title = "Nested checkouts"
    what_happens = (
        "Twelve audits at once each hold a connection of orders and ask the same pool for a "
        "second one, so that all wait for each other."
    )
    look_for = (
        "Every slot is in use and nobody works; `audit_order` holds, `write_note` waits, and "
        "after 3 s the waiters time out together."
    )
    pools = ("orders",)
    at_once = 12

    async def _happen(self, random: Random) -> None:
        while True:
            for _ in range(self.at_once):
                self._send("POST", f"/orders/{random.randint(1, FIRST_ORDERS)}/audit")
            await asyncio.sleep(random.uniform(9, 12))


class ExhaustedPool(Fault):
    """More long reports than the pool has connections."""

    name = "exhausted_pool"
    title = "Exhausted pool"
    what_happens = (
        "Ten people ask for the yearly report at the same moment; it takes seconds, and the "
        "pool has four connections."
    )
    look_for = (
        "Waiting jumps to six and more, timeouts follow 2 s later, and the day report fails "
        "although nothing is wrong with it."
    )
    pools = ("reports",)
    at_once = 10

    async def _happen(self, random: Random) -> None:
        while True:
            for _ in range(self.at_once):
                self._send("GET", "/reports/year")
            await asyncio.sleep(random.uniform(11, 15))


class OwnSession(Fault):
    """A pool for each request is no pool."""

    name = "own_session"
    title = "A client session per request"
    what_happens = (
        "Each charge makes an aiohttp session of its own, connects anew and throws it away; "
        "one in three is never closed, until eight are open."
    )
    look_for = (
        "Pools named payments-adhoc come and go, each with one connection that is used once; "
        "those that nobody closed stay."
    )
    pools = ()
    most = 8

    @property
    def holds(self) -> str:
        """The sessions that nobody closed."""
        return _some(len(self._shop.own_sessions.left_open), "open session")

    async def _happen(self, random: Random) -> None:
        for number in cycle(range(1, 3001)):
            is_full = len(self._shop.own_sessions.left_open) >= self.most
            # The shop forgets the session of every third charge.
            if not (is_full and number % 3 == 0):
                self._send("POST", f"/charges?order={number}")
            await asyncio.sleep(random.expovariate(1.5))

    async def _give_back(self) -> None:
        await self._shop.own_sessions.close_all()


class KilledBackend(Fault):
    """The database server ends a connection that somebody uses."""

    name = "killed_backend"
    title = "Killed backend"
    what_happens = (
        "Every few seconds the database server ends a connection in the middle of its work, "
        "as an administrator or a failing machine does."
    )
    look_for = (
        "A connection closes with an error, its caller fails, and the pool opens another; the "
        "counts stay right."
    )
    pools = ("orders", "catalogue")

    def __init__(self, shop: Shop, visitors: Visitors, seed: int, url: str) -> None:
        """`url`: the kill takes a short connection of its own, none of a pool."""
        super().__init__(shop, visitors, seed)
        self._url = url

    async def _happen(self, random: Random) -> None:
        applications = cycle(("shop-orders", "shop-catalogue"))
        application = next(applications)
        while True:
            killed = await self._kill(application)
            if killed:
                application = next(applications)
            await asyncio.sleep(random.uniform(3, 5) if killed else 0.25)

    async def _kill(self, application: str) -> bool:
        """Whether a connection was in use and is no more."""
        try:
            connection = await asyncpg.connect(self._url, timeout=3)
            try:
                killed = await connection.fetchval(_KILL, application)
            finally:
                await connection.close(timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.tally.started += 1
            self.tally.errors[type(error).__name__] += 1
            await asyncio.sleep(1)
            return False
        self.tally.started += bool(killed)
        self.tally.answered += bool(killed)
        return bool(killed)


_KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = $1 AND state = 'active' ORDER BY random() LIMIT 1
"""


class Faults:
    """All of them, by name."""

    def __init__(self, shop: Shop, visitors: Visitors, seed: int, url: str) -> None:
        """All off."""
        self._faults: dict[str, Fault] = {}
        for kind in (ForgottenRelease, ExhaustedPool, SlowCallInside, NestedCheckouts, OwnSession):
            self._faults[kind.name] = kind(shop, visitors, seed)
        self._faults[KilledBackend.name] = KilledBackend(shop, visitors, seed, url)

    def __iter__(self) -> Iterator[Fault]:
        """In the order of the page."""
        return iter(self._faults.values())

    def get(self, name: str) -> Fault | None:
        """None when no fault has this name."""
        return self._faults.get(name)

    def start(self) -> None:
        """What a new visitor meets: one leak and one burst."""
        for kind in (ForgottenRelease, ExhaustedPool):
            self._faults[kind.name].on()

    async def stop(self) -> None:
        """All off."""
        for fault in self:
            await fault.off()


def _some(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' if count != 1 else ''}" if count else ""
