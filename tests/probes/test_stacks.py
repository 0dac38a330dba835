"""What an owner does, seen from another thread."""

import asyncio
import threading

from dashboard.model.claim import LiveOwner
from dashboard.probes import owners
from dashboard.probes.stacks import of_owner


def test_task_that_runs_is_seen_where_it_is() -> None:
    asked: list[LiveOwner] = []
    begun, release = threading.Event(), threading.Event()

    def render() -> None:
        begun.set()
        release.wait(5)

    async def serve() -> None:
        asked.append(owners.asker())
        render()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(5)
    does = [frame[2].rpartition(".")[2] for frame in of_owner(asked[0]) if not frame[3]]
    release.set()
    thread.join()
    assert does == ["render", "serve"]
    assert of_owner(asked[0]) == ()
