"""R08, R29 and R30: how long a caller waits before it gives up."""

from collections.abc import Mapping
from math import inf
from typing import Final

from ...model.whatif import CANCELLED, Change
from .. import gates
from ..case import Case
from ..measuring import percentile
from ..words import between, line, long, many, number
from .rule import SETTINGS, WATCH, Found, rule

#: Holds from which on their 99th percentile says something.
_ENOUGH: Final = 100
#: A caller that waits longer than this has somebody who no longer waits for the answer.
_PATIENCE: Final = 30.0
#: The time-out that `acquire()` is advised to have, or half of a deadline below twice of it.
_USUAL: Final = 5.0
#: Cancelled waits that are no accident: how many, at how many seconds, and how long at least.
_LEFT: Final = 10
_MOMENTS: Final = 5
_FELT: Final = 0.1
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
    silent="""The time-out fits. The deadline of the requests is not known: enter it; until then
    it speaks only where ten callers and more of a SQLAlchemy pool were cancelled while they
    waited, at five moments and more, before the time-out. Of asyncpg what acquire() was given
    counts; given nothing it waits without end, see R29. Whether a client has gone whose request
    was not cancelled, nobody sees.""",
)
def too_patient(case: Case) -> Found | None:
    """`pool_timeout > deadline - p99(hold)`."""
    deadline, is_asyncpg = case.server.deadline, case.pool.library == "asyncpg"
    if case.pool.library == "sqlalchemy" and not case.is_queue:
        return None
    if deadline is None:
        return _left_early(case)
    if case.pool.library == "aiohttp" and (case.number("total") or inf) <= deadline:
        return None
    option = "pool_timeout" if case.is_queue else "connect"
    timeout = case.seen.acquire_timeout if is_asyncpg else case.number(option)
    holds = case.pool.lifetime.get("use_time", case.pool.use_time)
    hold = (holds.percentile(99) or 0.0) if holds.count >= _ENOUGH else 0.0
    most = deadline - hold
    if (timeout is None and is_asyncpg) or (timeout is not None and timeout <= most):
        return None
    wanted = _rounded(most / 2) if most > 0 else _rounded(deadline / 10)
    waits = case.pool.lifetime.get("wait_time", case.pool.wait_time)
    name = "The timeout of acquire()" if is_asyncpg else option
    return Found(
        title=f"{name} is above the callers' deadline",
        evidence=(
            f"{name} is {_given(case, timeout)}; whoever calls waits for {long(deadline)}.",
            *((f"The work itself holds for {long(hold)} (p99).",) if hold else ()),
            *((f"The longest wait was {long(waits.longest)}.",) if waits.count else ()),
        ),
        settings={option: (timeout, wanted)} if case.is_queue else None,
        code="" if case.is_queue else _code(case, timeout, wanted),
        reasons=(
            f"half of {long(deadline)}: how long the work takes is not known"
            if not hold
            else f"{long(deadline)} - p99 hold {long(hold)} leaves {long(max(most, 0.0))}",
        ),
        effect="Waits without hope end earlier, and what they would have used goes to those who "
        f"are still there. {_replayed(case, wanted)}",
    )


def _left_early(case: Case) -> Found | None:
    """Callers that were cancelled while they waited show that somebody has a deadline."""
    timeout, lab = case.number("pool_timeout"), case.lab
    if timeout is None or lab is None:
        return None
    asked, outcome = lab.rows.asked, lab.rows.outcome
    left = [
        (asked[i] + wait, wait)
        for i, wait in enumerate(lab.rows.wait)
        if outcome[i] == CANCELLED and wait >= _FELT
    ]
    waits = sorted(wait for _, wait in left)
    # Many at one moment are a shutdown.
    if len(waits) < _LEFT or len({int(at) for at, _ in left}) < _MOMENTS:
        return None
    usual, most = percentile(waits, len(waits), 50), percentile(waits, len(waits), 95)
    wanted = _rounded(most)
    if wanted >= timeout:
        return None
    return Found(
        title="Callers leave before pool_timeout ends",
        severity="info",
        evidence=(
            (
                f"{many(len(waits), 'caller')} were cancelled while they waited, half of them "
                f"within {long(usual)}, 95% within {long(most)}; pool_timeout is {long(timeout)}."
            ),
            "A caller that nobody cancels when its client has gone waits on, and works for nobody.",
        ),
        settings={"pool_timeout": (timeout, wanted)},
        reasons=("as long as those waited who left; with the deadline entered it is exact",),
        effect="Waits without hope end earlier, and what they would have used goes to those who "
        f"are still there. {_replayed(case, wanted)}",
        confidence="low",
        is_replayed=True,
    )


def _given(case: Case, timeout: float | None) -> str:
    total = case.number("total")
    given = "not set" if timeout is None else long(timeout)
    return given if total is None else f"{given}, total {long(total)}"


def _code(case: Case, timeout: float | None, wanted: float) -> str:
    """No option of these pools: an argument of `acquire()`, or of the session."""
    if case.pool.library == "asyncpg":
        return f"""
-    async with pool.acquire(timeout={number(timeout or 0)}) as connection:
+    async with pool.acquire(timeout={number(wanted)}) as connection:
"""
    names = ("total", "connect", "sock_connect", "sock_read")
    now = {name: value for name in names if (value := case.number(name)) is not None}
    deadline = case.server.deadline or inf
    total = {"total": min(now.get("total", deadline), deadline)}
    lines = [f"-    timeout=aiohttp.ClientTimeout({_arguments(now)})," if now else ""]
    lines += [
        f"+    timeout=aiohttp.ClientTimeout({_arguments(now | total | {'connect': wanted})}),"
    ]
    return "\n".join(["# in aiohttp.ClientSession(...)", *filter(None, lines)])


def _arguments(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in values.items())


def _replayed(case: Case, timeout: float) -> str:
    """Who gives up then, and how long the others wait, as far as the trace tells."""
    lab = case.lab
    early = "Time-outs come sooner; they were failures already."
    if lab is None or lab.demand.size is None or not lab.waiters or gates.data(case):
        return early
    row = next(iter(lab.predict([lab.demand.size], Change(timeout=timeout)).rows), None)
    if row is None or row.timeouts_range is None:
        return early
    low, high = (each / max(1, len(lab)) for each in row.timeouts_range)
    waits = ""
    if row.p99_range is not None:
        waits = f", p99 wait {long(lab.wait(99))} -> {between(*row.p99_range)}"
    return f"In the replay {low:.1%} to {high:.1%} give up{waits}. {early}"


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
    the deadline (30 s where none is known), or than a timeout that acquire() was given.""",
)
def endless(case: Case) -> Found | None:
    """A wait beyond the deadline shows that nothing ended it; settings alone always wait."""
    if case.pool.library != "asyncpg":
        return None
    deadline = case.server.deadline or _PATIENCE
    waits = case.pool.lifetime.get("wait_time", case.pool.wait_time)
    longest = max(waits.longest, case.pool.oldest_wait or 0.0)
    given = case.seen.acquire_timeout
    # All that is known of time-outs is the shortest: a wait that it would have ended had none.
    is_ended = given is not None and longest <= given
    if not case.is_static and (longest <= deadline or is_ended):
        return None
    evidence = ["acquire() waits without end unless it is told a timeout."]
    if longest:
        evidence.insert(0, f"The longest wait was {long(longest)}; nothing ended it.")
    waiter = max(case.pool.waiting, key=lambda each: each.waited_for, default=None)
    if waiter is not None:
        evidence.append(f"{line(waiter.call_site)} has waited for {long(waiter.waited_for)}.")
    return Found(
        title="Callers wait for a connection without end",
        severity="info" if case.is_static else "warning",
        evidence=tuple(evidence),
        code=f"""
-    async with pool.acquire() as connection:
+    async with pool.acquire(timeout={number(_rounded(min(_USUAL, deadline / 2)))}) as connection:
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
    slow, cut = resets.percentile(99), _cut_off(case)
    is_short = resets.count >= _ENOUGH and slow is not None and timeout < _MARGIN * slow
    if slow is None or not (is_short or cut):
        return None
    return Found(
        title="acquire(timeout=...) is short enough to cut releases off",
        evidence=(
            (
                f"acquire(timeout={number(timeout)}) is in use, and a reset takes {long(slow)} "
                f"(p99 of {resets.count:,}){': less than ten times that' if is_short else ''}."
            ),
            f"{many(cut, 'connection')} ended at the release lately.",
        ),
        code=f"""
-        await pool.release(connection)
+        await pool.release(connection, timeout={_rounded(max(5.0, _MARGIN * slow)):.0f})
""",
        reasons=("release() takes acquire()'s time-out unless it is given its own",),
        effect="Connections are not terminated because a reset was slow.",
    )


def _cut_off(case: Case) -> int:
    """Connections that were terminated at their release."""
    return sum(1 for each in case.seen.closings if each.error == "release")
