"""What an owner does, seen from another thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from dashboard.model.claim import LiveOwner
from dashboard.probes import owners
from dashboard.probes.stacks import of_owner


def test_task_that_runs_is_seen_where_it_is() -> None:
    asked: list[LiveOwner] = []
    begun, release = threading.Event(), threading.Event()

    def render() -> None:
        begun.set()
        release.wait(60)

    async def serve() -> None:
        asked.append(owners.asker())
        render()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(30)
    does = [frame[2].rpartition(".")[2] for frame in of_owner(asked[0]) if not frame[3]]
    release.set()
    thread.join()
    assert does == ["render", "serve"]
    assert of_owner(asked[0]) == ()


class Request:
    """An awaitable that is no coroutine, as aiohttp's."""

    __slots__ = ("_made",)

    def __init__(self, made: Coroutine[Any, Any, None]) -> None:
        self._made = made

    def __await__(self) -> Generator[Any, None, None]:
        return self._made.__await__()


async def fetch(done: asyncio.Event) -> None:
    await done.wait()


async def by_gather(done: asyncio.Event) -> None:
    await asyncio.gather(fetch(done), fetch(done))


async def by_wait_for(done: asyncio.Event) -> None:
    await asyncio.wait_for(Request(fetch(done)), 60)


async def by_wait(done: asyncio.Event) -> None:
    await asyncio.wait([asyncio.ensure_future(fetch(done))])


async def by_group(done: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fetch(done))


@pytest.mark.parametrize("handle", [by_gather, by_wait_for, by_wait, by_group])
async def test_task_is_seen_where_its_children_are(
    handle: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    done = asyncio.Event()
    task = asyncio.create_task(handle(done))
    for _ in range(5):
        await asyncio.sleep(0)
    does = [frame[2] for frame in of_owner(owners.of(task)) if not frame[3]]
    done.set()
    await task
    assert does == ["fetch", handle.__name__]


async def test_children_know_who_waits_for_them() -> None:
    """Through a task group and `gather`, and out of a worker thread."""
    begun, release, asked = threading.Event(), threading.Event(), []

    def work() -> None:
        asked.append(owners.asker())
        begun.set()
        release.wait(60)

    async def child() -> None:
        await asyncio.to_thread(work)

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child(), name="child")

    async def grandparent() -> None:
        await asyncio.gather(asyncio.create_task(parent(), name="parent"))

    task = asyncio.create_task(grandparent(), name="grandparent")
    await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
    waits = [each.name for each in asked[0].awaited_by()]
    release.set()
    await task
    assert waits == ["child", "parent", "grandparent"]
    assert owners.asker().awaited_by() == []
