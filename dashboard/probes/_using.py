"""The begin and the end of a statement, told to a sink: paid for by every statement.

Where the sink has tables, what `Sink.using` and `Sink.used` would write is written here: a call
less each, and two statements at once on one connection, or one within another, count as one.
Neither raises: what fails is counted.
"""

from typing import Final

from ..model.claim import GOT, USE, Use
from ..model.ports import Sink
from .owners import of_task, per_thread, tasks

#: What asyncpg and psycopg call it, and how far behind a driver's own error it may be.
_UNPREPARED: Final = frozenset(
    {
        "DuplicatePreparedStatement",
        "DuplicatePreparedStatementError",
        "InvalidSQLStatementNameError",
        "InvalidSqlStatementName",
    }
)
_CAUSES: Final = 4
#: Stands for the statement that another one surrounds.
_INNER: Final = Use(0.0)


def begins(sink: Sink, lease: int, *, counts: bool = True) -> Use | None:
    """A statement begins, in the task or thread that runs it; the answer is for `ends`.

    `counts` is False for what takes the server's time without being one: `COMMIT`, a cursor's
    next rows.
    """
    try:
        # As in a checkout: that no task runs anywhere is known for 10.
        owner = of_task() if tasks else per_thread.owner
        live = sink.live
        claim = live.open.get(lease) if live is not None else None
        if live is None or claim is None:
            if counts:
                sink.using(lease, owner)
            return None
        use: Use | None = claim[USE]
        if use is None:
            use = claim[USE] = Use(claim[GOT])
            live.has_uses = True
        elif use.began is not None:
            return _INNER
        now = sink.now()
        quiet = now - use.last
        if quiet > use.quiet:  # noqa: PLR1730 -- `max` would be a call
            use.quiet = quiet
        use.began = use.last = now
        use.user = owner
        if counts:
            use.statements += 1
    except Exception as error:
        sink.broke("statement", error)
        return None
    return use


def ends(sink: Sink, lease: int, use: Use | None) -> None:
    """It ended, however."""
    try:
        if use is None:
            sink.used(lease)
            return
        use.last = now = sink.now()
        began = use.began
        if began is not None:
            use.busy += now - began
            use.began = None
    except Exception as error:
        sink.broke("statement", error)


def is_unprepared(error: BaseException | None) -> bool:
    """Whether a statement failed because another connection had prepared it; asked seldom."""
    for _ in range(_CAUSES):
        if error is None or type(error).__name__ in _UNPREPARED:
            return error is not None
        error = error.__cause__
    return False


def is_running(sink: Sink, lease: int) -> bool:
    """Whether a statement that was told runs; False where the sink has no tables."""
    claim = sink.live.open.get(lease) if sink.live is not None else None
    return claim is not None and claim[USE] is not None and claim[USE].began is not None
