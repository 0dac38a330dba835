"""A pool of two that runs out, and the incident that it leaves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dashboard import Dashboard, Incident

#: Of an engine whose callers give up at once.
QUICK = {"pool_timeout": 0.05}


def charge(engine: Engine) -> Connection:
    """Takes a connection: this is the line that holds it."""
    return engine.connect()


@contextmanager
def all_out(engine: Engine) -> Iterator[None]:
    """Both of its connections are out."""
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(charge(engine))
        yield


def refuse(engine: Engine, times: int = 1) -> None:
    """Callers that wait and give up, one after the other."""
    for _ in range(times):
        with pytest.raises(PoolTimeoutError, match="QueuePool limit of size 2 overflow 0 reached"):
            engine.connect()


def only(dash: Dashboard) -> Incident:
    """The one that there is."""
    (incident,) = dash.incidents()
    return incident
