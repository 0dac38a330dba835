"""R08, R29 and R30: how long a caller waits before it gives up."""

from typing import Final

from ..case import Case
from ..words import line, long, many, number
from .rule import SETTINGS, WATCH, Found, rule

#: Holds from which on their 99th percentile says something.
_ENOUGH: Final = 100
#: A caller that waits longer than this has somebody who no longer waits for the answer.
_PATIENCE: Final = 30.0
#: A release that is given less than this many times what it takes will be cut short.
_MARGIN: Final = 10


@rule(
    "R08",
    "Callers wait longer than their own callers",
    needs=SETTINGS,
    why="""A caller that waits for a connection for longer than its own client waits for the
    answer works for nobody: it gets its connection, does its work, and the result is thrown away,
    while somebody who is still there waits behind it. So pool_timeout must be shorter than the
    request's deadline less what the work itself takes. The default of 30 s is above most HTTP
    time-outs.""",
    silent="""The deadline of the requests is not known: enter it. The time-out fits.""",
)
def too_patient(case: Case) -> Found | None:
    """`pool_timeout > deadline - p99(hold)`."""
    deadline = case.server.deadline
    option = "pool_timeout" if case.is_queue else "connect"
    timeout = case.number(option)
    if deadline is None or case.pool.library == "asyncpg":
        return None
    if case.pool.library == "sqlalchemy" and not case.is_queue:
        return None
    holds = case.pool.lifetime.get("use_time", case.pool.use_time)
    hold = (holds.percentile(99) or 0.0) if holds.count >= _ENOUGH else 0.0
    most = deadline - hold
    if timeout is not None and timeout <= most:
        return None
    wanted = _rounded(most / 2) if most > 0 else _rounded(deadline / 10)
    waits = case.pool.lifetime.get("wait_time", case.pool.wait_time)
    longest = waits.longest
    return Found(
        title=f"{option} is above the callers' deadline",
        evidence=(
            (
                f"{option} is {'not set' if timeout is None else long(timeout)}; whoever calls "
                f"waits for {long(deadline)}."
            ),
            *((f"The work itself holds for {long(hold)} (p99).",) if hold else ()),
            *((f"The longest wait was {long(longest)}.",) if waits.count else ()),
        ),
        settings={option: (timeout, wanted)},
        reasons=(f"{long(deadline)} - p99 hold {long(hold)} leaves {long(max(most, 0.0))}",),
        effect="Waits without hope end earlier, and what they would have used goes to those who "
        "are still there. Time-outs come sooner; they were failures already.",
    )


def _rounded(seconds: float) -> float:
    """A time that a person would write."""
    if seconds >= 1:
        return float(max(1, round(seconds)))
    return max(0.05, round(seconds, 2))


@rule(
    "R29",
    "asyncpg waits without end",
    needs=SETTINGS,
    why="""asyncpg's acquire() waits for ever unless it is told a timeout, and a pool has no
    option for that. When connections leak or the server hangs, requests pile up without one
    error: that has caused outages of hours. A time-out turns the pile into errors that somebody
    sees. Give it to each acquire(), best in one function of your own.""",
    silent="""The pool is no asyncpg pool, or traffic was seen and nobody waited for longer than
    the deadline (30 s where none is known).""",
)
def endless(case: Case) -> Found | None:
    """A wait beyond the deadline shows that nothing ended it; settings alone always wait."""
    if case.pool.library != "asyncpg":
        return None
    deadline = case.server.deadline or _PATIENCE
    waits = case.pool.lifetime.get("wait_time", case.pool.wait_time)
    longest = max(waits.longest, case.pool.oldest_wait or 0.0)
    if not case.is_static and longest <= deadline:
        return None
    evidence = ["acquire() waits without end unless it is told a timeout."]
    if longest:
        evidence.insert(0, f"The longest wait was {long(longest)}; nothing ended it.")
    waiter = max(case.pool.waiting, key=lambda each: each.waited_for, default=None)
    if waiter is not None:
        evidence.append(f"{line(waiter.call_site)} waits since {long(waiter.waited_for)}.")
    return Found(
        title="Callers wait for a connection without end",
        severity="info" if case.is_static else "warning",
        evidence=tuple(evidence),
        code="""
-    async with pool.acquire() as connection:
+    async with pool.acquire(timeout=5) as connection:
""",
        reasons=("and release with a time-out of its own: see R30",),
        effect="A wait ends after the time-out, with an error that somebody sees.",
    )


@rule(
    "R30",
    "A short acquire time-out also limits the release",
    needs=WATCH,
    why="""asyncpg remembers the timeout of acquire() and uses it for the release as well, which
    resets the connection with a round trip. When the reset takes longer than that, because the
    server or the event loop is busy, the connection is terminated and a new one is opened, just
    when there is no time for it (asyncpg 0.32, pool.py: acquire and release).""",
    silent="""No acquire() has a timeout, or it is at least ten times what a reset takes (p99),
    and no connection was terminated at its release.""",
)
def short_release(case: Case) -> Found | None:
    """The time-out of `acquire()` is below ten resets."""
    timeout = case.seen.acquire_timeout
    resets = case.pool.phases.get("reset")
    if case.pool.library != "asyncpg" or timeout is None or resets is None:
        return None
    slow = resets.percentile(99)
    if slow is None or resets.count < _ENOUGH or timeout >= _MARGIN * slow:
        return None
    cut = sum(1 for each in case.seen.closings if each.reason == "error")
    return Found(
        title="acquire(timeout=...) is short enough to cut releases off",
        evidence=(
            (
                f"acquire(timeout={number(timeout)}) is in use, and a reset takes {long(slow)} "
                f"(p99 of {resets.count:,}): less than ten times that."
            ),
            f"{many(cut, 'connection')} ended in an error lately.",
        ),
        code=f"""
-        await pool.release(connection)
+        await pool.release(connection, timeout={_rounded(max(5.0, _MARGIN * slow)):.0f})
""",
        reasons=("release() takes acquire()'s time-out unless it is given its own",),
        effect="Connections are not terminated because a reset was slow.",
    )
