"""R20 and R21: connections that died while they lay idle, or will."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ...model.seen import Closing
from .. import remedies
from ..case import Case
from ..words import long, many, number, spread
from .rule import SETTINGS, Found, rule

#: `pool_recycle` up to here counts as short (the guide's value for high load).
SHORT_RECYCLE: Final = 900.0
#: Firewalls and load balancers forget what is idle for longer (AWS NLB's default).
USUAL_IDLE: Final = 350.0
#: Failures within so many seconds of each other are one restart of the server.
_ONE_RESTART: Final = 10.0
#: Checkouts from which on their idle times say something.
_ENOUGH: Final = 100


#: Idle for so many seconds, a connection may be gone without a word: its first statement hangs.
_LONG_IDLE: Final = 60.0
#: What ends a connection that was alive: its caller was cancelled, or the process ends.
_CANCELLED: Final = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit", "release"})


def died_idle(case: Case) -> tuple[Closing, ...]:
    """Connections that failed at the first statement after a checkout, having lain idle before.

    Where statements are not seen: soon after a checkout before which they lay idle for longer.
    """
    return tuple(each for each in case.seen.closings if each.reason == "error" and _is_dead(each))


def _is_dead(each: Closing) -> bool:
    if each.idle_before is None or each.used_for is None or each.error in _CANCELLED:
        return False
    if each.statements is not None and each.statements > 1:
        return False
    is_first = each.statements is not None and each.idle_before >= _LONG_IDLE
    return is_first or each.idle_before > 3 * each.used_for


@rule(
    "R20",
    "Stale connections",
    needs=SETTINGS,
    why="""A connection that lies idle can die without the pool noticing: the server restarts, a
    firewall forgets it, a proxy ends it. The next caller gets it and its first statement fails.
    Pre-ping asks each connection for a sign of life before it is handed out, for one round trip;
    a recycle time shorter than what kills connections avoids most of it; a retry covers the rest,
    which is a connection that dies in use. Recycle goes by age, so it helps only where age is
    what kills.""",
    silent="""pool_pre_ping is on, or pool_recycle is short (15 minutes at most) and no connection
    has failed; SQLite; pools that keep nothing; the connection failed at a later statement than the
    first of its checkout, or because its caller was cancelled. Where statements are not seen, a
    failure is told by a checkout much shorter than the idle time before it.""",
)
def stale(case: Case) -> Found | None:
    """Failed soon after lying idle; without traffic: nothing would notice."""
    if case.is_file or case.pool.library == "aiohttp":
        return None
    dead = died_idle(case)
    if case.pool.library == "asyncpg":
        return _stale_asyncpg(case, dead) if dead else None
    if not case.is_queue or case.pool.config.get("pool_pre_ping"):
        return None
    return _failed(case, dead) if dead else _unguarded(case)


def _failed(case: Case, dead: Sequence[Closing]) -> Found:
    idles = sorted(each.idle_before or 0.0 for each in dead)
    settings: dict[str, tuple[object, object]] = {"pool_pre_ping": (False, True)}
    ages = sorted(each.age for each in dead if each.age is not None)
    after = "after" if len(dead) == 1 else "the least after"
    reasons = [f"{many(len(dead), 'connection')} died idle, {after} {long(idles[0])}"]
    is_by_age = len(ages) >= 3 and ages[0] > 0 and ages[-1] < 1.25 * ages[0]
    if is_by_age:
        recycle = max(1, int(0.8 * ages[0]))
        settings["pool_recycle"] = (case.pool.config.get("pool_recycle"), recycle)
        reasons.append(f"they failed at the same age, {spread(ages[0], ages[-1])}")
    return Found(
        title=f"{many(len(dead), 'connection')} handed out dead",
        severity="critical" if len(dead) >= 5 else "warning",
        evidence=(
            (
                f"{many(len(dead), 'connection')} failed right after a checkout, the last one "
                f"{long(min(each.ago for each in dead))} ago."
            ),
            *_said(dead),
            _idle_sentence(case, idles),
            _cost(case),
        ),
        settings=settings,
        code=remedies.retry(case),
        reasons=tuple(reasons),
        effect="Dead connections are replaced before a caller gets them: "
        f"{many(len(dead), 'failure')} would have been none.",
        confidence="medium" if _is_one_restart(dead) else "high",
        benefit=float(len(dead)),
    )


def _stale_asyncpg(case: Case, dead: Sequence[Closing]) -> Found:
    least = min(each.idle_before or 0.0 for each in dead)
    present = case.number("max_inactive_connection_lifetime")
    keep = max(1, int(0.8 * least))
    is_tighter = present is None or present == 0 or keep < present
    return Found(
        title=f"{many(len(dead), 'connection')} handed out dead",
        evidence=(
            (
                f"{many(len(dead), 'connection')} failed right after a checkout, the last one "
                f"{long(min(each.ago for each in dead))} ago."
            ),
            _idle_sentence(case, sorted(each.idle_before or 0.0 for each in dead)),
            "asyncpg does not ask a connection for a sign of life before it hands it out.",
        ),
        settings={"max_inactive_connection_lifetime": (present, keep)} if is_tighter else None,
        code="" if is_tighter else remedies.with_block(case),
        reasons=(f"the least idle time before a failure was {long(least)}",),
        effect="An idle connection is closed before whatever killed these would kill it.",
        confidence="medium" if _is_one_restart(dead) else "high",
        benefit=float(len(dead)),
    )


def _unguarded(case: Case) -> Found | None:
    recycle = case.number("pool_recycle")
    if recycle is not None and 0 <= recycle <= SHORT_RECYCLE:
        return None
    age = "off" if recycle is None or recycle < 0 else long(recycle)
    return Found(
        title="Nothing notices a connection that died",
        severity="warning" if case.is_static else "info",
        evidence=(
            "pool_pre_ping is off: a connection is handed out as it lies there.",
            f"pool_recycle is {age}.",
            (
                "After a restart of the server, or an idle time that a firewall does not like, the "
                "first statement of each connection fails."
            ),
        ),
        settings={"pool_pre_ping": (False, True)},
        code=remedies.retry(case),
        reasons=("one round trip for each checkout; or pool_recycle=900 and the retry below",),
        effect=f"Dead connections are replaced before a caller gets them.{_price(case)}",
    )


def _said(dead: Sequence[Closing]) -> tuple[str, ...]:
    """The exceptions, as far as they are known."""
    errors = Counter(each.error for each in dead if each.error)
    listed = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in errors.most_common(3))
    return (f"The driver said: {listed}.",) if listed else ()


def _idle_sentence(case: Case, idles: Sequence[float]) -> str:
    usual = case.seen.idle_before.percentile(99)
    text = f"{'It' if len(idles) == 1 else 'They'} had lain idle for {spread(idles[0], idles[-1])}"
    if usual is None or case.seen.idle_before.count < _ENOUGH:
        return f"{text}."
    return f"{text}; 99 % of all checkouts get one that was idle for less than {long(usual)}."


def _cost(case: Case) -> str:
    rate = case.pool.checkout_rate
    return f"Pre-ping costs one round trip at each of {number(rate)} checkouts a second."


def _price(case: Case) -> str:
    return "" if case.is_static else f" {_cost(case)}"


def _is_one_restart(dead: Sequence[Closing]) -> bool:
    agos = [each.ago for each in dead]
    return len(agos) > 1 and max(agos) - min(agos) <= _ONE_RESTART


@rule(
    "R21",
    "Kept longer than the network allows",
    needs=SETTINGS,
    why="""Two limits end a connection from outside: an age (the server's or a proxy's longest
    life) and an idle time (firewalls, load balancers; 350 s at an AWS network load balancer).
    pool_recycle is an age, looked at when a connection is handed out, so it must be shorter than
    the age limit and does not help against an idle limit; against that only pre-ping, TCP
    keep-alives, or an idle limit of the pool's own do.""",
    silent="""No limit is known and no checkout gets a connection that was idle for longer than
    350 s; pre-ping is on and only an idle limit is at stake.""",
)
def kept_too_long(case: Case) -> Found | None:
    """Recycle at or above the longest life; idle beyond what the network keeps."""
    if case.is_file or case.pool.library == "aiohttp":
        return None
    if case.pool.library == "asyncpg":
        return _asyncpg_idle(case)
    if not case.is_queue:
        return None
    return _too_old(case) or _too_idle(case)


def _too_old(case: Case) -> Found | None:
    life, recycle = case.server.longest_life, case.number("pool_recycle")
    if life is None or (recycle is not None and 0 <= recycle < life):
        return None
    is_off = recycle is None or recycle < 0
    return Found(
        title="pool_recycle is longer than connections live",
        evidence=(
            f"The server or a proxy ends a connection after {long(life)}.",
            "pool_recycle is off." if is_off else f"pool_recycle is {long(recycle or 0.0)}.",
        ),
        settings={"pool_recycle": (case.pool.config.get("pool_recycle"), int(0.8 * life))},
        reasons=(f"0.8 of {long(life)}: a connection is replaced before it is ended",),
        effect="No connection is ended in the middle of somebody's work because of its age.",
    )


def _too_idle(case: Case) -> Found | None:
    limit = case.server.longest_idle
    idle = case.seen.idle_before.percentile(99)
    if case.pool.config.get("pool_pre_ping") or idle is None:
        return None
    bound = USUAL_IDLE if limit is None else limit
    if idle <= bound:
        return None
    whose = "an AWS network load balancer forgets it" if limit is None else "the network forgets it"
    return Found(
        title="Connections lie idle for longer than networks keep them",
        severity="warning" if limit is not None else "info",
        evidence=(
            (
                f"1 % of {case.seen.idle_before.count:,} checkouts got a connection that had been "
                f"idle for over {long(idle)}."
            ),
            f"After {long(bound)} idle, {whose}; pool_recycle goes by age and does not help.",
        ),
        settings={"pool_pre_ping": (False, True)},
        code=(
            "+    # or keep the connection warm: libpq's connect_args={'keepalives_idle': "
            f"{int(bound / 2)}}}"
        ),
        reasons=(f"idle p99 {long(idle)}, limit {long(bound)}",),
        effect="A forgotten connection is replaced before a caller gets it.",
        confidence="high" if limit is not None else "medium",
    )


def _asyncpg_idle(case: Case) -> Found | None:
    keep = case.number("max_inactive_connection_lifetime")
    limit = case.server.longest_idle
    bound = USUAL_IDLE if limit is None else limit
    if keep is None or 0 < keep < bound:
        return None
    now = "never closes an idle connection" if keep == 0 else f"keeps one for {long(keep)}"
    return Found(
        title="Idle connections are kept longer than networks keep them",
        severity="warning" if limit is not None or keep == 0 else "info",
        evidence=(
            f"max_inactive_connection_lifetime={number(keep)}: the pool {now}.",
            f"Networks forget what is idle for {long(bound)}"
            + ("." if limit is not None else " (an AWS network load balancer's default)."),
            "asyncpg does not ask a connection for a sign of life before it hands it out.",
        ),
        settings={"max_inactive_connection_lifetime": (keep, int(min(300, 0.8 * bound)))},
        reasons=(f"below {long(bound)}",),
        effect="A connection is closed by the pool before the network forgets it.",
        confidence="high" if limit is not None else "medium",
    )
