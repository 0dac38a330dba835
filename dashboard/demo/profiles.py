"""When visitors come: arrival rates over time, and arrivals drawn from them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Profile:
    """Arrivals per second as a function of seconds since the start, never above `peak`."""

    words: str
    peak: float
    rate: Callable[[float], float]


def steady(rate: float) -> Profile:
    """The same rate all the time."""
    words = f"{rate:g} a second" if rate >= 1 else f"one every {1 / rate:.0f} s"
    return Profile(f"steady: {words}", rate, lambda _: rate)


def bursty(rate: float, burst: float, *, every: float, lasting: float) -> Profile:
    """Now and then `burst` a second for `lasting` seconds."""
    words = f"bursty: {rate:g} a second, {burst:g} for {lasting:g} s of every {every:g} s"
    return Profile(words, burst, lambda at: burst if at % every >= every - lasting else rate)


def lunch_hour(low: float, high: float, *, period: float) -> Profile:
    """A day in `period` seconds: quiet, then noon (at a quarter of it), then quiet."""
    words = f"lunch hour: {low:g} to {high:g} a second, every {period / 60:g} min"

    def rate(at: float) -> float:
        distance = (at / period + 0.25) % 1 - 0.5
        return low + (high - low) * math.exp(-((distance / 0.14) ** 2))

    return Profile(words, high, rate)


def arrivals(profile: Profile, random: Random) -> Iterator[float]:
    """Seconds since the start, for ever: a Poisson process by thinning (Lewis and Shedler)."""
    at = 0.0
    while True:
        at += random.expovariate(profile.peak)
        if random.random() * profile.peak < profile.rate(at):
            yield at
