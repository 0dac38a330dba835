"""When an owner ended: exactly where that was seen, else since it was last known to live."""

import asyncio
import gc
import threading
from typing import Any

from dashboard.model.claim import Claim, LiveOwner
from dashboard.probes import owners
from dashboard.probes.owners import TaskOwner, asker, keep_time
from dashboard.recorder.endings import Endings

from .given import Clock, record, take


class Held:
    """A pool with a clock of its own, and owners that come and go."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pool = record(self.clock)
        self.endings = Endings(self.pool.now)
        keep_time(self, self.clock)

    def take(self, lease: int = 1) -> Claim:
        """By whoever asks."""
        return take(self.pool, lease, owner=asker())

    def look(self, claim: Claim) -> float | None:
        """For how long its owner has ended."""
        self.endings.look([claim], self.clock.now)
        return self.endings.ended_for(claim, self.clock.now)


def test_collected_task_ended_when_it_was_collected() -> None:
    held = Held()

    async def work() -> Claim:
        claim = held.take()
        held.clock.now += 3
        return claim

    async def main() -> Claim:
        return await asyncio.create_task(work())

    claim = asyncio.run(main())
    gc.collect()
    held.clock.now += 60
    assert held.look(claim) == 60.0
    assert held.endings.was_seen(claim)
    held.clock.now += 5
    assert held.look(claim) == 65.0


def test_task_that_is_kept_ended_after_its_last_sign() -> None:
    held = Held()

    async def work() -> Claim:
        claim = held.take()
        held.clock.now += 3
        held.pool.ledger.using(1, asker())
        held.clock.now += 1
        held.pool.ledger.used(1)
        held.clock.now += 7
        return claim

    async def main() -> tuple[Any, Claim]:
        task = asyncio.create_task(work())
        return task, await task

    task, claim = asyncio.run(main())
    held.clock.now += 60
    assert held.look(claim) == 67.0
    assert not held.endings.was_seen(claim)
    del task
    gc.collect()
    assert held.look(claim) == 67.0
    assert not held.endings.was_seen(claim)


def test_look_that_saw_it_alive_is_a_sign() -> None:
    held = Held()

    async def main() -> tuple[Any, Claim]:
        claims: list[Claim] = []
        ending = asyncio.Event()

        async def work() -> None:
            claims.append(held.take())
            await ending.wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        held.clock.now += 20
        assert held.look(claims[0]) is None
        ending.set()
        await task
        return task, claims[0]

    _task, claim = asyncio.run(main())
    held.clock.now += 2
    assert held.look(claim) == 2.0


def test_thread_ended_when_it_ended() -> None:
    held = Held()
    claims: list[Claim] = []

    def work() -> None:
        claims.append(held.take())
        held.clock.now += 3

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    held.clock.now += 60
    assert held.look(claims[0]) == 60.0


def test_living_owner_has_not_ended() -> None:
    held = Held()
    assert held.look(held.take()) is None


def test_unknown_clock_goes_by_the_last_sign() -> None:
    clock = Clock()
    pool = record(clock)
    endings = Endings(clock)
    claims: list[Claim] = []
    thread = threading.Thread(target=lambda: claims.append(take(pool, 1, owner=asker())))
    thread.start()
    thread.join()
    clock.now += 60
    endings.look(claims, clock.now)
    assert endings.ended_for(claims[0], clock.now) == 60.0


def test_broken_clock_harms_nobody() -> None:
    class Broken:
        """Raises where nothing may raise."""

        def __call__(self) -> float:
            raise RuntimeError("the clock stands still")

    clock, sound = Broken(), Clock()
    keep_time(clock, clock)
    keep_time(sound, sound)
    told: list[LiveOwner] = []
    thread = threading.Thread(target=lambda: told.append(asker()))
    thread.start()
    thread.join()
    (owner,) = told
    assert owner.ended_at(clock) is None
    assert owner.ended_at(sound) == 1000.0
    assert not owner.is_alive()


def test_owners_of_one_task_are_one() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        assert asker() is asker() is owners.of(task)
        others = await asyncio.gather(*(_ask() for _ in range(50)))
        assert len({each.ident for each in [asker(), *others]}) == 51

    asyncio.run(main())


async def _ask() -> LiveOwner:
    return asker()


def test_next_task_at_the_same_place_is_somebody_else() -> None:
    async def main() -> list[int]:
        found = []
        for _ in range(100):
            owner = await asyncio.create_task(_ask(), name="worker")
            found.append(owner.ident)
        return found

    before = len(owners._owners)
    assert len(set(asyncio.run(main()))) == 100
    gc.collect()
    assert len(owners._owners) <= before


def test_task_of_libraries_only_hands_on() -> None:
    held = Held()

    class Acquiring:
        """Awaited by asyncio itself, as the pools' own contexts are."""

        def __await__(self) -> Any:
            claim = held.take()
            yield
            return claim

    async def fetch() -> Claim:
        claim: Claim = await Acquiring()
        return claim

    async def main() -> list[tuple[float | None, bool]]:
        seen = []
        for awaitable in (Acquiring(), fetch()):
            claim = await asyncio.ensure_future(awaitable)
            assert isinstance(claim[2], TaskOwner)
            seen.append((held.look(claim), held.endings.was_handed_over(claim)))
        return seen

    assert asyncio.run(main()) == [(0.0, True), (0.0, False)]
