"""What tests of advice share: a clock that jumps, and what the rules said."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from dashboard import Advice, Dashboard
from dashboard.model.limits import ServerLimit


class Leaping:
    """Real time, `speed` times as fast, that can be moved on."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.ahead = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return time.monotonic() * self.speed + self.ahead

    def advance(self, seconds: float) -> None:
        """Later by so many seconds."""
        self.ahead += seconds


def advised(dash: Dashboard, rule: str, server: ServerLimit | None = None) -> Advice | None:
    """What one rule says at this moment; the first of several pools."""
    found = dash._reader.advice(server)
    return next((each for each in found if each.rule == rule), None)


def spoken(dash: Dashboard) -> list[str]:
    """The rules that speak."""
    return sorted(each.rule for each in dash.advice())


def hold(engine: Engine, count: int, seconds: float = 0.0) -> None:
    """`count` connections at a time, each by an owner of its own."""
    together = threading.Barrier(count)

    def one() -> None:
        with engine.connect():
            together.wait(60)
            time.sleep(seconds)

    if count == 1:
        one()
        return
    with ThreadPoolExecutor(count) as threads:
        for _ in range(count):
            threads.submit(one)
