"""Who really holds a connection, and whether its owner is gone while nobody else took over."""

from typing import Final

from ..model.origin import Owner
from ..model.snapshot import CallSiteStats, Checkout, StackFrame

#: Seconds after its end that an owner's successor may take before the first statement.
_GRACE: Final = 1.0
#: The same where the owner did nothing but fetch the connection: the begin of most hand-overs.
_GRACE_OF_A_FETCH: Final = 3.0
_FETCH: Final = 0.05
#: How many times the usual quiet of the line.
_USUAL: Final = 3.0
#: Seconds after which it is probable on a line of which hardly anything came back: so far nobody
#: knows whether its owners hand on. What the owner has not used it took for somebody else.
_STRANGE: Final = 6.0
_STRANGE_UNUSED: Final = 30.0
_KNOWN: Final = 3
#: The part of a line's checkouts that are handed on from which on it is its custom.
_CUSTOM: Final = 0.5
#: Threads that serve many callers one after the other: what they do next, and their end, says
#: nothing of any of them. By name, and by what runs them.
_POOL_THREADS: Final = ("AnyIO worker thread", "ThreadPoolExecutor-", "asyncio_")
_POOL_RUNS: Final = (
    ("concurrent/futures/thread.py", "_worker"),
    ("anyio/_backends/_asyncio.py", "WorkerThread.run"),
)


def holder(checkout: Checkout) -> Owner:
    """The one that ran the last statement, else the one that asked."""
    return checkout.user or checkout.owner


def orphaned_for(checkout: Checkout, site: CallSiteStats | None, late: float = 0.0) -> float | None:
    """Seconds since its owner ended, once the grace is over and nobody used it; else None.

    `late`: seconds for which no successor could run. A line that hands on has no orphans: the end
    of its owners says nothing.
    """
    ended = checkout.owner_ended_for
    if ended is None or ended - late <= grace(checkout, site) or hands_on(site):
        return None
    return ended if _is_abandoned(checkout, ended) else None


def is_strange(checkout: Checkout, site: CallSiteStats | None, ended: float) -> bool:
    """Whether nobody knows yet what becomes of the line's connections once their owner ended."""
    is_known = site is not None and site.quiet_time.count >= _KNOWN
    return not is_known and ended <= (_STRANGE if checkout.statements else _STRANGE_UNUSED)


def hands_on(site: CallSiteStats | None) -> bool:
    """Whether its owners end, or others take over, before most of its connections come back."""
    return site is not None and site.quiet_time.count >= _KNOWN and site.handed_on >= _CUSTOM


def grace(checkout: Checkout, site: CallSiteStats | None) -> float:
    """Seconds that somebody else may take to use what an owner left."""
    ended = checkout.owner_ended_for or 0.0
    least = _GRACE_OF_A_FETCH if checkout.held_for - ended < _FETCH else _GRACE
    usual = site.quiet_time.percentile(99) if site is not None else None
    return max(least, _USUAL * (usual or 0.0))


def _is_abandoned(checkout: Checkout, ended: float) -> bool:
    """Nobody but the owner used it, it was not used since, and nothing keeps it in use."""
    owner, user = checkout.owner, checkout.user
    is_anothers = user is not None and user.ident != owner.ident
    return not (
        is_anothers
        or checkout.handed_over
        or checkout.is_adopted
        or checkout.in_use_by
        or checkout.in_statement is not None
        or checkout.quiet_for < ended
        or _is_pooled(checkout)
    )


def is_gone(checkout: Checkout) -> bool:
    """Whether its holder has ended, whoever that is; a pool's thread or a fetcher never has."""
    owner = holder(checkout)
    if checkout.user is None and checkout.handed_over:
        return False
    return not owner.is_alive and not _is_pooled(checkout)


def _is_pooled(checkout: Checkout) -> bool:
    owner = holder(checkout)
    return owner.kind == "thread" and (
        owner.name.startswith(_POOL_THREADS)
        or any((_path(frame), frame.function) in _POOL_RUNS for frame in checkout.stack)
    )


def is_inside(checkout: Checkout, *, went_on: bool = False) -> bool | None:
    """Whether its owner still runs the function that took it; None when that says nothing.

    False is no proof: an object may keep it for another method. But its caller has left as well,
    and so has the request. `went_on`: the owner took another one on this line since.
    """
    if not checkout.now or holder(checkout).ident != checkout.owner.ident:
        return None
    running = {(frame.file, frame.function) for frame in checkout.now}
    site = checkout.call_site
    if (site.file, site.function) in running:
        return not went_on
    own = [frame for frame in checkout.stack if not frame.is_library]
    has_caller = len(own) > 1 and (own[1].file, own[1].function) in running
    is_requested = checkout.request is not None and checkout.owner.kind == "task"
    return None if has_caller or is_requested or _is_pooled(checkout) else False


def _path(frame: StackFrame) -> str:
    return frame.file.replace("\\", "/")
