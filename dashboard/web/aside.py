"""Runs a blocking call in a thread without taking one of the host's.

Starlette and FastAPI run plain functions in 40 threads. When a pool is exhausted, all of them may
wait for a connection: just then the dashboard has to answer.
"""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREADS: Final = 4
_limiter: RunVar[CapacityLimiter] = RunVar("pool_dashboard_threads")


async def aside(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Awaits `function(...)` in one of our few threads of this loop."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=limiter)
