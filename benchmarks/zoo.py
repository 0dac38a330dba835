"""How well the detector tells leaks from long holds, beside fixed thresholds on age.

`python -m benchmarks.zoo [--long SECONDS] [--patience SECONDS]` plays every program of `tests/zoo`.
A healthy long hold takes `--long`, a leak is watched for `--patience`; 12 s each by default. A
threshold of 60 s cannot show its false alarms then: `--long 65` takes some minutes and does.
"""

import argparse
import logging
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard import Suspect
from dashboard.demo.postgres import Postgres
from tests.zoo.audience import NO_ALARM, Show, play
from tests.zoo.families import PROGRAMS
from tests.zoo.server import serving_web

_FIXED: Final = (10.0, 60.0)
_CONNECTIONS: Final = 120


@dataclass(frozen=True)
class Score:
    """One detector over the whole zoo; `delays` are seconds from each leak until it was found."""

    name: str
    leaks: int
    delays: tuple[float, ...]
    alarms: tuple[str, ...]
    missed: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        """Leaks that were found."""
        return len(self.delays) / self.leaks

    @property
    def precision(self) -> float:
        """Lines that were named and do leak."""
        return len(self.delays) / max(1, len(self.delays) + len(self.alarms))

    def __str__(self) -> str:
        """One row of the table."""
        median = statistics.median(self.delays) if self.delays else float("nan")
        found = f"{len(self.delays)}/{self.leaks}"
        return (
            f"{self.name:<36}{found:>8}{self.recall:>8.3f}{len(self.alarms):>8}"
            f"{self.precision:>11.3f}{median:>10.1f}"
        )


def learned(name: str, shows: Sequence[Show], accepts: Callable[[Suspect], bool]) -> Score:
    """What the dashboards said, as far as `accepts` takes it."""
    delays: list[float] = []
    alarms: set[str] = set()
    missed: list[str] = []
    for show in shows:
        for line in show.program.leaks:
            found = show.delays(line, accepts)[:1]
            delays += found
            missed += [] if found else [f"{show.program.name} {line}"]
        for each in show.sightings:
            suspect = each.suspect
            if accepts(suspect) and suspect.verdict not in NO_ALARM and not show.is_mine(suspect):
                alarms.add(f"{show.program.name} {suspect.call_site.line}")
    return Score(name, _leaks(shows), tuple(delays), tuple(sorted(alarms)), tuple(missed))


def fixed(seconds: float, shows: Sequence[Show], patience: float) -> Score:
    """What a threshold on age says; a leak that outlives our patience is found at that age."""
    found: set[str] = set()
    alarms: set[str] = set()
    for show in shows:
        for (site, *_), held in show.held.items():
            name = f"{show.program.name} {site.line}"
            if show.is_leak(site):
                if held > min(seconds, patience - 1):
                    found.add(name)
            elif held > seconds:
                alarms.add(name)
    delays = (seconds,) * len(found)
    return Score(f"held for {seconds:.0f} s", _leaks(shows), delays, tuple(sorted(alarms)))


def _leaks(shows: Sequence[Show]) -> int:
    return sum(len(show.program.leaks) for show in shows)


def main(long: float, patience: float) -> None:
    """Play once, judge four times."""
    warnings.simplefilter("ignore")
    logging.disable()
    settings = {"max_connections": str(_CONNECTIONS)}
    with Postgres(settings=settings) as postgres, serving_web() as web:
        shows = play(
            list(PROGRAMS.values()),
            postgres,
            web,
            long=long,
            patience=patience,
            leaves_early=False,
            connections=_CONNECTIONS - 10,
        )
    for show in shows:
        if show.error or not show.is_as_told():
            print(f"{show.program.name} went wrong and tells nothing: {show.error}")
    scores = [
        learned("learned bound, probable or proven", shows, _is_sure),
        learned("learned bound, possible as well", shows, lambda _: True),
        *(fixed(seconds, shows, patience) for seconds in _FIXED),
    ]
    print(f"{_leaks(shows)} leaking lines, {sum(s.program.is_healthy for s in shows)} healthy")
    print(f"{'':<36}{'found':>8}{'recall':>8}{'alarms':>8}{'precision':>11}{'median s':>10}")
    for score in scores:
        print(score)
    if long <= max(_FIXED):
        print(
            f"no healthy hold here is longer than {long:.0f} s: the last row had no chance to err"
        )
    for score in scores[:2]:
        for alarm in score.alarms:
            print(f"  {score.name}: false alarm: {alarm}")
        for leak in score.missed:
            print(f"  {score.name}: missed: {leak}")


def _is_sure(suspect: Suspect) -> bool:
    return suspect.certainty != "possible"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--long", type=float, default=12.0, metavar="SECONDS")
    parser.add_argument("--patience", type=float, default=12.0, metavar="SECONDS")
    options = parser.parse_args()
    main(options.long, options.patience)
