"""Code to copy is code: it compiles, and what can be run here runs."""

import ast
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import QueuePool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError

from dashboard.analysis import remedies
from dashboard.analysis.case import Case
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.rules.cases import SITE, asyncpg_pool, connector, pool

POOLS = [pool(), pool(kind="QueuePool"), asyncpg_pool(), connector()]
MAKERS: dict[str, Callable[[Case], str]] = {
    "lifespan": remedies.lifespan,
    "with": remedies.with_block,
    "earlier": remedies.earlier,
    "pass down": remedies.pass_down,
    "retry": remedies.retry,
    "warm up": lambda case: remedies.warm_up(case, 4),
    "ping": lambda case: remedies.PING_WHEN_IDLE.format(engine=remedies.engine(case)),
    "jitter": lambda case: remedies.JITTER.format(engine=remedies.engine(case), recycle=900),
}


def added(code: str) -> str:
    """What a diff adds, as a program."""
    lines = [each[1:] for each in code.splitlines() if each.startswith("+")]
    return textwrap.dedent("\n".join(lines))


@pytest.mark.parametrize("shown", POOLS, ids=lambda each: f"{each.library} {each.kind}")
@pytest.mark.parametrize("name", MAKERS)
def test_code_to_copy_compiles(name: str, shown: PoolSnapshot) -> None:
    program = added(MAKERS[name](Case(pool=shown)))
    ast.parse("async def around():\n" + textwrap.indent(program + "\npass\n", "    "))


def test_site_stands_above_its_remedy() -> None:
    assert remedies.with_block(Case(pool=pool()), SITE).splitlines()[0] == (
        "# shop/orders.py:88 place_order"
    )


def engine_with(**options: Any) -> Any:
    return create_engine(
        "sqlite://", poolclass=QueuePool, connect_args={"check_same_thread": False}, **options
    )


def test_ping_when_idle_asks_only_what_lay_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_with(pool_size=1)
    asked: list[object] = []
    code = added(remedies.PING_WHEN_IDLE.format(engine="engine"))
    exec(  # noqa: S102 -- what a user would paste
        code,
        {"engine": engine, "event": event, "time": time, "DisconnectionError": DisconnectionError},
    )
    monkeypatch.setattr(engine.dialect, "do_ping", asked.append)
    for seconds in (0, 0, 5):
        now = time.monotonic() + seconds
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    monkeypatch.undo()
    assert len(asked) == 2  # The first of all, and the one after five seconds.
    engine.dispose()


def test_jitter_recycles_around_the_time() -> None:
    import random

    engine = engine_with(pool_size=1)
    opened: list[object] = []
    event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    names = {
        "engine": engine,
        "event": event,
        "time": time,
        "random": random,
        "DisconnectionError": DisconnectionError,
    }
    exec(added(remedies.JITTER.format(engine="engine", recycle=0.05)), names)  # noqa: S102
    for _ in range(3):
        engine.connect().close()
    time.sleep(0.06)
    engine.connect().close()
    assert len(opened) == 2
    engine.dispose()


def test_retry_repeats_once_after_a_disconnect() -> None:
    engine = engine_with(pool_size=1)
    failures = iter([True, False])

    @event.listens_for(engine, "before_cursor_execute")
    def fail(*_: object) -> None:
        if next(failures, False):
            raise DBAPIError("SELECT 1", {}, Exception("gone"), connection_invalidated=True)

    code = added(remedies.retry(Case(pool=pool(kind="QueuePool"))))
    exec(code, {"engine": engine, "statement": text("SELECT 1"), "DBAPIError": DBAPIError})  # noqa: S102
    assert next(failures, "none left") == "none left"
    engine.dispose()
