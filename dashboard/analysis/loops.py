"""What a blocked event loop is called: never an exhausted pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..model.snapshot import LoopLag, PoolSnapshot

#: What is to be said of a block that is over.
AFTERWARDS: Final = "Waits and holds of that time are its doing, not the pool’s."


def longest(loops: Iterable[LoopLag]) -> LoopLag | None:
    """The one that was late for longest."""
    return max(loops, key=lambda each: each.lag, default=None)


def blamed(loop: LoopLag) -> str:
    """`shop/exports.py:31 render`: what its thread did instead; empty where nobody saw it.

    The application's innermost line, else the library's.
    """
    own = next((frame for frame in loop.stack if not frame.is_library), None)
    frame = own or next(iter(loop.stack), None)
    return f"{frame.file}:{frame.line} {frame.function}" if frame is not None else ""


def consequence(loop: LoopLag, pools: Mapping[str, PoolSnapshot]) -> str:
    """What it did to the pools of those that live on it; none of them is to blame."""
    parts = []
    for pool in (pools[name] for name in loop.pools if name in pools):
        of = "" if pool.max is None else f" of {pool.max:,}"
        waiting = f", {pool.pending_requests:,} waiting" if pool.pending_requests else ""
        parts.append(f"{pool.name} has {pool.used:,}{of} out{waiting}")
    told = f" {'; '.join(parts)}." if parts else ""
    return f"Who lives on it can neither give back nor take a connection meanwhile.{told}"


def sentence(loop: LoopLag, ended: str = "") -> str:
    """As in: The event loop of MainThread has been blocked for 3.2 s by shop/exports.py:31 render.

    `ended` says when it went on, for one that is not blocked any more.
    """
    by = blamed(loop)
    whom = f" by {by}" if by else ""
    name = f" of {loop.name}" if loop.name else ""
    verb = "has been" if loop.is_blocked else "was"
    until = f", until {ended}" if ended else ""
    return f"The event loop{name} {verb} blocked for {loop.lag:.1f} s{whom}{until}."
