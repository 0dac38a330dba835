"""R16 to R19: pools that are made too often, never closed, or used where they do not belong."""

from collections.abc import Sequence
from typing import Final

from ...model.seen import Birth
from ...model.snapshot import PoolSnapshot
from .. import remedies
from ..case import Case
from ..words import fitting, line, long, many, number
from .rule import WATCH, Found, rule

#: Pools of one line for one place: more than this many, or more than one a minute.
_MOST: Final = 3
_RECENT: Final = 600.0
_FEW_REQUESTS: Final = 3.0
#: Requests a second below which it does not matter what they cost.
_FELT: Final = 1.0


def _repeated(case: Case, kinds: frozenset[str]) -> Birth | None:
    """The line that makes pool after pool for the place of this one."""
    for birth in case.seen.births:
        if birth.kind in kinds and birth.count > _MOST:
            return birth
    return None


def _a_minute(birth: Birth) -> float:
    """How many it made a minute in the last ten; 0 for a few."""
    recent = [ago for ago in birth.times if ago <= _RECENT]
    if len(recent) <= _MOST:
        return 0.0
    return (len(recent) - 1) * 60 / max(recent[-1] - recent[0], 1.0)


@rule(
    "R16",
    "A pool for each request",
    needs=WATCH,
    why="""An engine is a pool: made for each request it pools nothing, each request pays for
    connecting, and what is not disposed of keeps its connections until the garbage collector
    comes. Make one for each process, at module level or in the lifespan. Two pools to the same
    database are mostly one too many, unless one is kept apart on purpose (reports, another role):
    each keeps its own connections idle.
    """,
    silent="""At most three pools of a line for the same place are alive, and it made no more than
    one a minute in the last ten minutes; NullPool (tests, poolers). It needs `watch_all()`, which
    sees pools being made.""",
)
def per_request(case: Case) -> Found | None:
    """One line makes engine after engine for the same database."""
    if case.pool.kind == "NullPool" or case.pool.library == "aiohttp":
        return None
    birth = _repeated(case, frozenset({"engine", "pool"}))
    if birth is None or (birth.alive <= _MOST and _a_minute(birth) <= 1):
        return _twins(case)
    return _made_often(case, birth)


def _made_often(case: Case, birth: Birth) -> Found:
    create = case.pool.lifetime.get("create_time", case.pool.create_time).percentile(50)
    each = birth.checkouts / max(1, birth.count)
    noun = "engine" if birth.kind == "engine" else "pool"
    return Found(
        title=f"{line(birth.call_site)} makes {noun} after {noun}",
        severity="critical" if birth.alive > 10 else "warning",
        evidence=(
            (
                f"{birth.call_site} made {many(birth.count, noun)} for "
                f"{birth.address or 'one place'}; {_alive(birth)}, "
                f"{_each(each, 'checkout')}."
            ),
            *((f"Opening a connection takes {long(create)} (median).",) if create else ()),
        ),
        code=remedies.lifespan(case),
        reasons=("one for each process, made once",),
        effect=f"One pool instead of {birth.count:,}"
        + (f"; {long(create)} less at most checkouts." if create else "."),
        benefit=float(birth.count),
    )


def _alive(birth: Birth) -> str:
    return f"{birth.alive} {fitting(birth.alive, 'is', 'are')} alive"


def _each(mean: float, noun: str) -> str:
    """`1.2 checkouts each`."""
    rounded = round(mean, 1)
    return f"{number(rounded)} {fitting(rounded, noun, f'{noun}s')} each"


def _twins(case: Case) -> Found | None:
    """Told once, at the first by name."""
    twins = sorted(case.seen.twins)
    if len(twins) < 2 or case.pool.name != twins[0] or case.is_file:
        return None
    pools = [pool for pool in sorted(case.pools, key=lambda each: each.name) if pool.name in twins]
    lines = [line(pool.born_at) for pool in pools if pool.born_at is not None]
    apart = _differing(pools)
    made = f" They are made at {', '.join(lines)}." if lines else ""
    return Found(
        title=f"{len(twins)} pools lead to the same database",
        severity="info",
        evidence=(
            f"{', '.join(twins)}: same library, same place, {apart or 'same options'}.{made}",
        ),
        code=remedies.lifespan(case),
        reasons=("one pool, imported by both",),
        effect="Idle connections of one serve the callers of the other.",
        confidence="low" if apart else "medium",
    )


def _differing(pools: Sequence[PoolSnapshot]) -> str:
    """`other options: pool_size 5, 3`; empty where all have the same."""
    named = sorted({option for pool in pools for option in pool.config})
    values = {option: [pool.config.get(option) for pool in pools] for option in named}
    other = [
        f"{option} {', '.join(map(str, each))}"
        for option, each in values.items()
        if any(value != each[0] for value in each)
    ]
    return f"other options: {'; '.join(other)}" if other else ""


@rule(
    "R17",
    "A ClientSession for each request",
    needs=WATCH,
    why="""A ClientSession has a connector, which is its pool: made for each request, every
    request looks up the name, connects and shakes hands anew, and what is not closed leaves
    sockets behind. Make one at start and close it at shutdown.""",
    silent="""A line made no more than one a minute in the last ten minutes, or three in all; each
    serves three requests and more; it is less than one request a second. It needs
    `watch_all()`.""",
)
def session_per_request(case: Case) -> Found | None:
    """One line makes session after session, for a request or two each."""
    if case.pool.library != "aiohttp":
        return None
    birth = _repeated(case, frozenset({"session", "pool"}))
    if birth is None:
        return None
    each, rate = birth.checkouts / birth.count, _a_minute(birth)
    if each >= _FEW_REQUESTS or rate <= 1 or rate / 60 * each < _FELT:
        return None
    connect = case.pool.lifetime.get("create_time", case.pool.create_time).percentile(50)
    return Found(
        title=f"{line(birth.call_site)} makes a ClientSession for each request",
        evidence=(
            (
                f"{birth.call_site} made {many(birth.count, 'session')}, "
                f"{_each(each, 'request')}; {_alive(birth)}."
            ),
            *((f"Connecting takes {long(connect)} (median).",) if connect else ()),
        ),
        code=remedies.lifespan(case),
        reasons=("one session for each process",),
        effect="Connections are used again"
        + (f": {long(connect)} less at most requests." if connect else "."),
        benefit=float(birth.count),
    )


@rule(
    "R18",
    "Never closed",
    needs=WATCH,
    why="""A pool that is dropped without being closed leaves its connections to the garbage
    collector and its server to a time-out: "unexpected EOF on client connection", "Unclosed
    client session", sockets in CLOSE_WAIT. Where its event loop is closed already it can no
    longer be closed at all. Close it where it was made: in the lifespan, or with a context
    manager.""",
    silent="""Every pool of the line was closed, or is in use. What a process leaves open when it
    exits is written to the log, because nobody reads a page then. It needs `watch_all()`.""",
)
def never_closed(case: Case) -> Found | None:
    """Collected while open; or its loop is gone."""
    births = [each for each in case.seen.births if each.unclosed]
    if case.seen.home.is_loop_closed and case.pool.state != "closed":
        return _loop_gone(case)
    if not births:
        return None
    birth = max(births, key=lambda each: each.unclosed)
    noun = {"session": "session", "engine": "engine"}.get(birth.kind, "pool")
    return Found(
        title=f"{line(birth.call_site)} does not close its {noun}s",
        evidence=(
            (
                f"{birth.unclosed:,} of {many(birth.count, noun)} that {birth.call_site} made "
                f"{fitting(birth.unclosed, 'was', 'were')} dropped while open."
            ),
        ),
        code=remedies.lifespan(case),
        reasons=("closed where it was made",),
        effect="The server sees a goodbye instead of a broken connection.",
        benefit=float(birth.unclosed),
    )


def _loop_gone(case: Case) -> Found:
    born = case.pool.born_at
    where = f" It was made at {born}." if born is not None else ""
    were = fitting(case.pool.count, "was", "were")
    return Found(
        title="The pool's event loop ended while the pool was open",
        evidence=(
            f"{many(case.pool.count, 'connection')} {were} open when the loop was closed.{where}",
        ),
        code=remedies.lifespan(case),
        reasons=("closed before the loop ends",),
        effect="The server sees a goodbye instead of a broken connection.",
    )


@rule(
    "R19",
    "Used in another process or event loop",
    needs=WATCH,
    why="""A connection that was opened before a fork is shared by both processes, and both write
    into one conversation: wrong answers, "decryption failed or bad record mac". Give the child a
    pool of its own: engine.dispose(close=False) as its first step leaves the parent's connections
    alone. An asyncio pool belongs to the loop in which it was made; used in another, it waits for
    ever or raises.""",
    silent="""The pool is used where it was made, or had no connection when the process forked.""",
)
def elsewhere(case: Case) -> Found | None:
    """Another process or loop than its creator's."""
    home = case.seen.home
    is_other = (
        home.made_in_pid is not None
        and home.used_in_pid is not None
        and home.made_in_pid != home.used_in_pid
    )
    if not is_other and not home.is_other_loop:
        return None
    if is_other:
        evidence = f"Connected in process {home.made_in_pid}, used in {home.used_in_pid}."
        code = """
+os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
"""
        effect = "Two processes no longer talk over one connection."
    else:
        evidence = "Its connections belong to one event loop, another one used them."
        code, effect = remedies.lifespan(case), "The pool lives and ends with its loop."
    if case.pool.library != "sqlalchemy":
        code = remedies.lifespan(case)
    born = case.pool.born_at
    return Found(
        title=f"The pool is used in another {'process' if is_other else 'event loop'}",
        severity="critical",
        evidence=(evidence, *((f"It was made at {born}.",) if born is not None else ())),
        code=code,
        reasons=("a pool for each process, or for each loop",),
        effect=effect,
    )
