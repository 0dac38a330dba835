"""Plays the programs, looks at their dashboards all the while, and says what was seen."""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Self

from dashboard import CallSite, Suspect
from dashboard.demo.postgres import Postgres

from .programs import Program
from .stages import AsyncStage, Stage, SyncStage, stage

#: Between two looks at every dashboard.
_EVERY: Final = 0.1
#: What the programs on stage may open together.
_CONNECTIONS: Final = 50
#: What is said of these is no alarm: not a leak, or taken back.
NO_ALARM: Final = {"long_query", "returned"}


@dataclass(frozen=True)
class Sighting:
    """A suspect when it was seen first with this verdict; `at` on the clock of the stage."""

    at: float
    suspect: Suspect

    def __str__(self) -> str:
        """What a failing test shows."""
        each = self.suspect
        now = "; ".join(f"{frame.file}:{frame.line}" for frame in each.now[:3])
        return (
            f"{each.verdict} ({each.certainty}) {each.pool} at {each.call_site}, held "
            f"{each.held_for:.2f} s, quiet {each.quiet_for} s, bound {each.bound}, owner "
            f"{each.owner}, now [{now}]: {' | '.join(each.evidence)}"
        )


@dataclass
class Show:
    """One program and what its audience saw; times are those of time.monotonic()."""

    program: Program
    planted_at: float = 0.0
    gone_at: float = 0.0
    ended_at: float = 0.0
    sightings: list[Sighting] = field(default_factory=list)
    #: How long each checkout was seen held, by its line, connection and beginning.
    held: dict[tuple[CallSite, int, float], float] = field(default_factory=dict)
    used: int = 0
    lost: int = 0
    error: str = ""

    def found(self, line: int) -> Sighting | None:
        """The first right word about the leak on this line."""
        return next((each for each in self.sightings if self._is_right(each, line)), None)

    def delays(self, line: int, accepts: Callable[[Suspect], bool]) -> list[float]:
        """Seconds from the leak (a collection for `lost`) to each right word that is accepted."""
        return [
            max(
                0.0, each.at - (self.gone_at if each.suspect.verdict == "lost" else self.planted_at)
            )
            for each in self.sightings
            if self._is_right(each, line) and accepts(each.suspect)
        ]

    def missed(self) -> list[int]:
        """Leaking lines that nobody named."""
        return [line for line in self.program.leaks if self.found(line) is None]

    def alarms(self) -> list[Sighting]:
        """Probable or proven words about a line that does not leak."""
        return [
            each
            for each in self.sightings
            if each.suspect.certainty != "possible"
            and each.suspect.verdict not in NO_ALARM
            and not self.is_mine(each.suspect)
        ]

    def overclaims(self) -> list[Sighting]:
        """What was called proven and is not `lost`."""
        return [
            each
            for each in self.sightings
            if each.suspect.certainty == "proven" and each.suspect.verdict != "lost"
        ]

    def is_as_told(self) -> bool:
        """Whether the program did what it says: everything came back, or the leak was there."""
        if self.program.is_healthy:
            return self.used == self.lost == 0
        return self.lost + self.used > 0 or any(
            seconds > 0.5 and self.is_leak(site) for (site, *_), seconds in self.held.items()
        )

    def delay(self, line: int) -> float | None:
        """Seconds to the first right word."""
        return next(iter(self.delays(line, lambda _: True)), None)

    def is_leak(self, site: CallSite) -> bool:
        """Whether this line leaks."""
        return site.line in self.program.leaks and self._is_here(site)

    def _is_right(self, sighting: Sighting, line: int) -> bool:
        suspect = sighting.suspect
        return (
            suspect.verdict in self.program.verdicts
            and suspect.call_site.line == line
            and self.is_leak(suspect.call_site)
        )

    def is_mine(self, suspect: Suspect) -> bool:
        """Whether its line takes part in the leak."""
        lines = self.program.leaks + self.program.parts
        return self._is_here(suspect.call_site) and suspect.call_site.line in lines

    def _is_here(self, site: CallSite) -> bool:
        return f"/{site.file}".endswith(f"/{self.program.file}")


class Audience:
    """Looks at every dashboard that plays, several times a second, from one thread."""

    def __init__(self, *, leaves_early: bool) -> None:
        """`leaves_early`: a leak that was found needs no further look."""
        self._leaves_early = leaves_early
        self._playing: dict[Stage, Show] = {}
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="the audience")

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join()

    def enter(self, here: Stage, show: Show) -> None:
        """Look at this one as well."""
        with self._lock:
            self._playing[here] = show

    def leave(self, here: Stage) -> None:
        """A last look, before its pool is closed."""
        with self._lock:
            show = self._playing.pop(here)
            self._look(here, show)
        show.planted_at, show.gone_at = here.planted_at, here.gone_at
        show.ended_at = time.monotonic()
        pools = here.dash.snapshot().pools.values()
        show.used = sum(pool.used for pool in pools)
        show.lost = sum(pool.lost for pool in pools)

    def _watch(self) -> None:
        while not self._is_over.wait(_EVERY):
            with self._lock:
                for here, show in self._playing.items():
                    self._look(here, show)

    def _look(self, here: Stage, show: Show) -> None:
        at = time.monotonic()
        seen = {_key(each.suspect) for each in show.sightings}
        new = [each for each in here.dash.suspects() if _key(each) not in seen]
        show.sightings += [Sighting(at, each) for each in new]
        for pool in here.dash.snapshot().pools.values():
            for each in pool.open:
                checkout = each.call_site, each.connection, each.since.timestamp()
                show.held[checkout] = each.held_for
        if self._leaves_early and show.program.leaks and not show.missed():
            here.finish()


def _key(suspect: Suspect) -> tuple[object, ...]:
    return suspect.call_site, suspect.connection, suspect.verdict, suspect.certainty


class _House:
    """Lets programs in while there are connections left for them."""

    def __init__(self, connections: int) -> None:
        self._left = connections
        self._changed = threading.Condition()

    def enter(self, slots: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._left >= slots)
            self._left -= slots

    def leave(self, slots: int) -> None:
        with self._changed:
            self._left += slots
            self._changed.notify_all()


def play(
    programs: Sequence[Program],
    postgres: Postgres,
    web: str,
    *,
    long: float = 3.5,
    patience: float = 30.0,
    leaves_early: bool = True,
    connections: int = _CONNECTIONS,
) -> list[Show]:
    """Play them, many at once. `long`: a long hold; `patience`: what a leak may take; seconds."""
    house = _House(connections)

    with Audience(leaves_early=leaves_early) as audience:

        def one(program: Program) -> Show:
            house.enter(program.slots)
            try:
                here = stage(program, postgres, web, long=long, patience=patience)
                return _play(here, audience)
            finally:
                house.leave(program.slots)

        with ThreadPoolExecutor(connections // 2, thread_name_prefix="program") as threads:
            return list(threads.map(one, programs))


def _play(here: SyncStage | AsyncStage, audience: Audience) -> Show:
    show = Show(here.program)
    try:
        if isinstance(here, SyncStage):
            _play_sync(here, audience, show)
        else:
            asyncio.run(_play_async(here, audience, show))
    except Exception:  # noqa: BLE001 -- told by the test of this program, not by all
        show.error = traceback.format_exc()
    return show


def _play_sync(here: SyncStage, audience: Audience, show: Show) -> None:
    with here.open():
        audience.enter(here, show)
        try:
            here.program.run(here)
            if here.program.leaks:
                here.wait_for_verdict()
        finally:
            audience.leave(here)
            here.finish()


async def _play_async(here: AsyncStage, audience: Audience, show: Show) -> None:
    await here.start()
    try:
        audience.enter(here, show)
        try:
            await here.program.run(here)
            if here.program.leaks:
                await here.wait_for_verdict()
        finally:
            audience.leave(here)
            here.finish()
    finally:
        await here.stop()
