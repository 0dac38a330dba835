"""What a pool's state is called, and what is worth saying first; plain data in, sentences out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..model.findings import Suspect
from ..model.snapshot import PoolSnapshot, Snapshot
from . import loops
from .instants import seconds_since_timeout
from .sentences import (
    are_out,
    callers,
    capacity,
    held_by,
    plural,
    roughly,
    sentence_join,
    suspected,
    worst_site,
)

#: Worst first: the order of findings and of the pool table.
LEVELS: Final = ("bad", "wait", "ok", "mute")
#: A timeout younger than this many seconds decides the status.
TIMEOUT_IS_RECENT: Final = 60.0
#: A caller that waits longer than this means saturation even below the maximum.
LONG_WAIT: Final = 1.0
#: From this share of the maximum a pool is called busy.
BUSY: Final = 0.9
_LEAKS: Final = frozenset({"lost", "orphaned", "overdue", "ghost"})
#: Verdicts that are no leak: they stand in the list, and count for nothing.
NO_LEAKS: Final = frozenset({"returned", "long_query", "nested"})
#: Seconds of waiting that nobody has to look at.
_AT_ONCE: Final = 0.05
#: The same while slots are free: a connect or a ping takes that.
_CONNECTING: Final = 0.25
#: Seconds of waiting in a full pool that are a burst and not yet saturation.
_BLINK: Final = 0.25
Suspects = Sequence[Suspect]


@dataclass(frozen=True, slots=True)
class Status:
    """`level` is `ok`, `wait`, `bad` or `mute`; `sentence` is the evidence, complete on its own."""

    word: str
    level: str
    sentence: str

    @property
    def rank(self) -> tuple[int, int]:
        """The lowest is the worst; of the same level what hurts callers comes first."""
        words = tuple(_CLAIMS)
        urgency = words.index(self.word) if self.word in words else len(words)
        return LEVELS.index(self.level), urgency


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim, its evidence, and the section of the pool's page that proves it.

    `call_site` occurs in `evidence` as it stands; `remedy` is filled in by `first_aid`.
    """

    pool: str
    level: str
    claim: str
    evidence: str
    call_site: str
    section: str
    action: str
    remedy: str = ""


def active(suspects: Iterable[Suspect], pool: str | None = None) -> tuple[Suspect, ...]:
    """The suspects that still hold a connection, of one pool or of all; not what is no leak."""
    return tuple(
        suspect
        for suspect in suspects
        if suspect.ended_at is None
        and suspect.verdict not in NO_LEAKS
        and (pool is None or suspect.pool == pool)
    )


def status_of(pool: PoolSnapshot, suspects: Iterable[Suspect]) -> Status:
    """The word for a pool, by the worst thing that is true of it."""
    mine = active(suspects, pool.name)
    verdicts = (rule(pool, mine) for rule in _RULES)
    return next(status for status in verdicts if status is not None)


def headline(snapshot: Snapshot, suspects: Iterable[Suspect]) -> str:
    """The sentence at the top of the overview."""
    suspects = tuple(suspects)
    levels = [status_of(pool, suspects).level for pool in snapshot.pools.values()]
    total, closed = len(levels), sum(p.state == "closed" for p in snapshot.pools.values())
    attention = sum(level in {"bad", "wait"} for level in levels)
    if not total:
        return "No pool is being watched yet"
    if attention == 1 == total:
        return "The pool needs attention"
    if attention:
        return f"{attention} of {total} pools need{'s' if attention == 1 else ''} attention"
    if closed:
        return _partly_closed(total, closed)
    if not any(pool.checkouts or pool.used for pool in snapshot.pools.values()):
        return f"Watching {total} pool{'s' * (total > 1)}, no checkout yet"
    return "The pool is healthy" if total == 1 else f"All {total} pools are healthy"


def _partly_closed(total: int, closed: int) -> str:
    if closed == total:
        return "The pool is closed" if total == 1 else f"All {total} pools are closed"
    healthy = total - closed
    return f"{healthy} pool{'s are' if healthy > 1 else ' is'} healthy, {closed} closed"


def findings(
    snapshot: Snapshot, suspects: Iterable[Suspect], limit: int = 3
) -> tuple[Finding, ...]:
    """What to look at first, the worst first, one for each pool that needs attention."""
    suspects = tuple(suspects)
    rated = [(status_of(pool, suspects), pool) for pool in snapshot.pools.values()]
    rated = [(status, pool) for status, pool in rated if status.level in {"bad", "wait"}]
    rated.sort(key=lambda pair: (pair[0].rank, -pair[1].pending_requests, pair[1].name))
    return tuple(_finding(pool, status, suspects) for status, pool in rated[:limit])


_CLAIMS: Final = {
    "Blocked": "waits for a blocked event loop.",
    "Deadlocked": "is deadlocked.",
    "Timing out": "is timing out.",
    "Failing": "cannot connect.",
    "Saturated": "is saturated.",
    "Leaking": "is leaking connections.",
    "Waiting": "makes callers wait.",
    "Long holds": "holds connections for a long time.",
}
_ACTIONS: Final = {
    "Blocked": ("holders", "See who holds them"),
    "Deadlocked": ("suspects", "See who waits for whom"),
    "Timing out": ("holders", "See who holds them"),
    "Failing": ("reasons", "See the failures"),
    "Saturated": ("holders", "See who holds them"),
    "Leaking": ("suspects", "See the suspects"),
    "Waiting": ("waiting", "See who waits"),
    "Long holds": ("suspects", "See the suspects"),
}


def is_scarce(pool: PoolSnapshot) -> bool:
    """Whether hardly a slot is free."""
    return pool.max is not None and pool.used >= BUSY * pool.max


def _finding(pool: PoolSnapshot, status: Status, suspects: tuple[Suspect, ...]) -> Finding:
    mine = active(suspects, pool.name)
    evidence, site = status.sentence, ""
    if status.word == "Timing out":
        blame, site = held_by(pool, mine)
        evidence = sentence_join(evidence, blame)
    elif mine:
        site = worst_site(mine)
    elif status.word in {"Saturated", "Waiting"} and is_scarce(pool):
        site = held_by(pool, mine)[1]
    section, action = _ACTIONS[status.word]
    claim = f"{pool.name} {_CLAIMS[status.word]}"
    return Finding(pool.name, status.level, claim, evidence, site, section, action)


def _failed(pool: PoolSnapshot, _: Suspects) -> Status | None:
    if pool.state != "failed":
        return None
    why = f" ({pool.last_probe_error})" if pool.last_probe_error else ""
    times = plural(pool.probe_errors, "time")
    return Status(
        "Not watched",
        "mute",
        f"Watching failed {times}{why} and stopped itself; the application is "
        "not affected, the figures are from before.",
    )


def _closed(pool: PoolSnapshot, _: Suspects) -> Status | None:
    if pool.state != "closed":
        return None
    out = f"; {are_out(pool.used, 'still')}" if pool.used else ""
    return Status("Closed", "mute", f"The pool takes no more checkouts{out}.")


def _blocked(pool: PoolSnapshot, _: Suspects) -> Status | None:
    """Before anything that is said of the pool itself: none of it is its doing."""
    loop = pool.blocked_by
    if loop is None or not (pool.used or pool.pending_requests):
        return None
    sentence = f"{loops.sentence(loop)} {loops.consequence(loop, {pool.name: pool})}"
    return Status("Blocked", "bad", sentence)


def _deadlocked(_: PoolSnapshot, mine: Suspects) -> Status | None:
    """Only a time-out ends it, and the next callers run into it again."""
    tied = next((suspect for suspect in mine if suspect.verdict == "deadlocked"), None)
    return Status("Deadlocked", "bad", f"{tied.evidence[0]}.") if tied is not None else None


def _timing_out(pool: PoolSnapshot, _: Suspects) -> Status | None:
    ago = seconds_since_timeout(pool)
    if ago is None or ago >= TIMEOUT_IS_RECENT:
        return None
    when = "just now" if ago < 1 else f"{roughly(ago)} ago"
    many = f"{pool.timeouts:,} checkouts have given up waiting, the last one {when}"
    gave_up = many if pool.timeouts > 1 else f"A checkout has given up waiting, {when}"
    return Status("Timing out", "bad", f"{gave_up}. {capacity(pool)}{callers(pool, ' and ')}.")


def _failing(pool: PoolSnapshot, _: Suspects) -> Status | None:
    """No checkout has ever worked: later outages cannot be told from a total alone.

    A health query can tell; one that waits in the queue of its pool cannot.
    """
    health = pool.health
    if health is not None and health.error and not pool.pending_requests:
        return Status("Failing", "bad", f"The server does not answer: {health.error}.")
    failed = pool.failures.get("connection_error", 0)
    if not failed or pool.checkouts or pool.used:
        return None
    attempts = "The only attempt" if failed == 1 else f"All {failed:,} attempts"
    sentence = f"No checkout has succeeded yet. {attempts} ended in a connection error."
    return Status("Failing", "bad", sentence)


def _saturated(pool: PoolSnapshot, mine: Suspects) -> Status | None:
    """A burst that is over within a blink is no alarm."""
    if not pool.pending_requests:
        return None
    is_full = pool.max is not None and pool.used >= pool.max
    waited = pool.oldest_wait
    if is_full and waited is not None and waited < _BLINK:
        return None
    if not is_full and (waited or 0.0) < LONG_WAIT:
        return None
    return Status("Saturated", "bad", _pressure(pool, mine))


def _leaking(_: PoolSnapshot, mine: Suspects) -> Status | None:
    leaks = [s for s in mine if s.verdict in _LEAKS and s.certainty != "possible"]
    return Status("Leaking", "bad", suspected(leaks)) if leaks else None


def _waiting(pool: PoolSnapshot, mine: Suspects) -> Status | None:
    """A caller that is served within milliseconds is no news."""
    is_free = pool.max is None or pool.used < pool.max
    least = _CONNECTING if is_free else _AT_ONCE
    if not pool.pending_requests or (pool.oldest_wait is not None and pool.oldest_wait < least):
        return None
    return Status("Waiting", "wait", _pressure(pool, mine))


def _long_holds(_: PoolSnapshot, mine: Suspects) -> Status | None:
    return Status("Long holds", "wait", suspected(mine)) if mine else None


def _idle(pool: PoolSnapshot, _: Suspects) -> Status | None:
    if pool.used or pool.checkout_rate:
        return None
    if not pool.checkouts:
        return Status("Idle", "mute", "No checkout since the watch began.")
    return Status("Idle", "mute", "No connection is out and nobody is asking.")


def _calm(pool: PoolSnapshot, _: Suspects) -> Status | None:
    if not pool.used:
        return Status("Healthy", "ok", "No connection is out, nobody is waiting.")
    is_busy = pool.max is not None and pool.max > 1 and pool.used >= BUSY * pool.max
    return Status("Busy" if is_busy else "Healthy", "ok", f"{capacity(pool)}, nobody is waiting.")


#: The first that applies names the status; the last always does.
_RULES: Final = (
    _failed,
    _closed,
    _blocked,
    _deadlocked,
    _timing_out,
    _failing,
    _saturated,
    _leaking,
    _waiting,
    _long_holds,
    _idle,
    _calm,
)


def _pressure(pool: PoolSnapshot, mine: Suspects) -> str:
    """Who holds is to blame only where slots are scarce."""
    out = capacity(pool)
    blame = held_by(pool, mine)[0] if mine or is_scarce(pool) else ""
    return sentence_join(f"{callers(pool)} and {out[0].lower()}{out[1:]}.", blame)
