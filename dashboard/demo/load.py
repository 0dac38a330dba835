"""The shop's visitors: open loop, so that a slow shop meets as many as a quick one."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.types import ASGIApp

from .client import ask
from .profiles import Profile, arrivals, bursty, lunch_hour, steady
from .shop.tables import CUSTOMERS, FIRST_ORDERS, PRODUCTS, SHELVES

# A dead database must not pile up visitors until the memory is full.
_MOST_AT_ONCE = 150
# After the machine slept, visitors of the past do not come all at once.
_LATEST = 2.0


@dataclass(frozen=True)
class Operation:
    """One thing that visitors do; `request` draws method and target."""

    name: str
    profile: Profile
    request: Callable[[Random], tuple[str, str]]


@dataclass
class Tally:
    """What became of an operation's requests since the start."""

    started: int = 0
    answered: int = 0
    running: int = 0
    turned_away: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Answers that were errors."""
        return self.errors.total()


def _products(random: Random, count: int) -> str:
    """Few products are popular, most are not."""
    chosen = {1 + int(PRODUCTS * random.random() ** 2.5) % PRODUCTS for _ in range(count)}
    return "&".join(f"product={product}" for product in sorted(chosen))


def _order(random: Random) -> tuple[str, str]:
    products = _products(random, random.randint(1, 3))
    return "POST", f"/orders?customer={random.randint(1, CUSTOMERS)}&{products}"


OPERATIONS = (
    Operation(
        "browse",
        bursty(16, 60, every=20, lasting=2),
        lambda random: ("GET", f"/shelves/{random.randint(1, SHELVES)}"),
    ),
    Operation(
        "product",
        steady(12),
        lambda random: ("GET", f"/products/{random.randint(1, PRODUCTS)}"),
    ),
    Operation("order", lunch_hour(3, 14, period=240), _order),
    Operation(
        "order state",
        steady(9),
        lambda random: ("GET", f"/orders/{random.randint(1, FIRST_ORDERS)}"),
    ),
    Operation(
        "delivery",
        bursty(0.4, 14, every=30, lasting=1),
        lambda random: ("POST", f"/deliveries?{_products(random, 6)}"),
    ),
    Operation("rates", steady(3), lambda _: ("GET", "/rates")),
    Operation("day report", steady(1.6), lambda _: ("GET", "/reports/day")),
    Operation("archive", steady(0.03), lambda _: ("POST", "/orders/archive")),
)


class Visitors:
    """Sends the requests of every operation and counts what comes back."""

    def __init__(self, app: ASGIApp, seed: int) -> None:
        """`app` answers in this process; each operation has randomness of its own."""
        self.tallies = {operation.name: Tally() for operation in OPERATIONS}
        self._app = app
        self._seed = seed
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Open the doors; needs a running event loop."""
        for operation in OPERATIONS:
            self._spawn(f"visitors {operation.name}", self._arrive(operation))

    async def stop(self) -> None:
        """Send everybody home and wait until they went."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def request(self, tally: Tally, method: str, target: str) -> None:
        """One visitor; whatever goes wrong is counted by its name."""
        tally.running += 1
        try:
            answer = await ask(self._app, method, target)
        except Exception as error:  # noqa: BLE001 - a visitor's failure must not end the visits
            tally.errors[type(error).__name__] += 1
        else:
            if answer.status < 500:
                tally.answered += 1
            else:
                tally.errors[_reason(answer.body)] += 1
        finally:
            tally.running -= 1

    def send(self, name: str, tally: Tally, method: str, target: str) -> asyncio.Task[None] | None:
        """One visitor as a task of its own; None, turned away, when too many are inside."""
        if tally.running >= _MOST_AT_ONCE:
            tally.turned_away += 1
            return None
        tally.started += 1
        return self._spawn(f"{name} {tally.started}", self.request(tally, method, target))

    async def _arrive(self, operation: Operation) -> None:
        random = Random(f"{operation.name} {self._seed}")
        tally = self.tallies[operation.name]
        loop = asyncio.get_running_loop()
        start = loop.time()
        for at in arrivals(operation.profile, random):
            request = operation.request(random)
            late = loop.time() - start - at
            if late > _LATEST:
                start += late
            await asyncio.sleep(max(0.0, -late))
            self.send(operation.name, tally, *request)

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _reason(body: bytes) -> str:
    """The error's name as the shop tells it."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return "error"
