"""How a prediction came about, in words, with the trace's own figures."""

from collections.abc import Sequence
from math import inf
from typing import Final

from ..model.whatif import Demand
from .demand import Rows, own_limits
from .drifting import UNSTEADY
from .scene import MANY_UNTOLD, Scene, hosts_untold
from .sentences import span
from .sizing import ENOUGH, ENOUGH_BURSTS, LEAST, LEAST_SECONDS, MANY_IMPUTED
from .slowdown import Slowdown

_MODES: Final = {
    "open": "Callers come by themselves: each request asks when it did, whatever the size.",
    "chained": (
        "A request that checks out several times does so one after the other: a later checkout "
        "follows its predecessor's return, however long that took."
    ),
    "closed": (
        "The same callers come again and again, and think as long after a long wait as after a "
        "short one: each asks its own pause after its last return."
    ),
    "unknown": (
        "The trace cannot tell whether callers keep coming while others wait. Both are shown: "
        "p95 if they do, and p95 if today's callers are all there are."
    ),
}
_RANGE: Final = (
    "The range is for another window like this one. It comes from drawing blocks of the window "
    "again and again, widened; it reaches as far as fifths of the window differ, the further "
    "the fewer bursts there were, and as far as holds would take it that move as they did here, or "
    "by 10 % at least. It knows nothing of other hours or of next week."
)


def collecting(count: int, seconds: float, bursts: int | None) -> str:
    """Such as `Collecting: 3,100 of 10,000 checkouts, bursts 2 of 10.`."""
    if count < LEAST or seconds < LEAST_SECONDS:
        lacking = [f"{count:,} of {LEAST:,} checkouts"] if count < LEAST else []
        if seconds < LEAST_SECONDS:
            lacking.append(f"{max(0, int(seconds))} of {LEAST_SECONDS:.0f} seconds")
        return f"Collecting: {', '.join(lacking)}."
    known = "" if bursts is None else f", bursts {bursts} of {ENOUGH_BURSTS}"
    return f"Collecting: {count:,} of {ENOUGH:,} checkouts{known}."


def imputed(rows: Rows) -> str:
    """The banner about drawn holds; empty when there are few."""
    share = rows.imputed_share
    if share <= MANY_IMPUTED:
        return ""
    return (
        f"{share:.0%} of the requests never returned a connection in this window. Their holds "
        "are drawn from completed ones of the same call site."
    )


def untold(found: Slowdown) -> str:
    """Why only a range is shown."""
    if found.verdict != "unknown":
        return ""
    if found.always_full:
        return (
            "The pool was full all the time, so the trace cannot tell whether the server would "
            "slow down. Try another size for 10 minutes: the dashboard will then know."
        )
    return (
        "As many connections were out at busy times as at quiet ones, so the trace cannot tell "
        "whether the server would slow down with more."
    )


def unsteady(drift: float) -> str:
    """The banner about holds that moved; empty where they hardly did."""
    if drift <= UNSTEADY:
        return ""
    return (
        f"Holds moved by {drift:.0%} from fifth to fifth of this window, for reasons that no "
        "replay knows: take the numbers for a direction."
    )


def lost(slots: int) -> str:
    """The banner about slots that are gone."""
    if not slots:
        return ""
    return f"{slots:,} {'slot is' if slots == 1 else 'slots are'} lost for good and not counted."


def sentences(scene: Scene, check: str) -> tuple[str, ...]:
    """How this is predicted, one thought a sentence."""
    demand, rows = scene.demand, scene.rows
    return not_empty((
        _replayed(scene),
        f"Together they hold {scene.offered:.2g} connections on average (Little's law).",
        _patience(demand, rows),
        _unseen(rows),
        _MODES[scene.mode],
        "The pool has no bound: each row is one that has." if demand.capacity is None else "",
        _server(scene.found, scene.mode),
        _library(demand, rows),
        check,
        _moved(scene.drift),
        _RANGE,
    ))  # fmt: skip


def _replayed(scene: Scene) -> str:
    return (
        f"{len(scene.rows):,} recorded requests of {span(scene.demand.duration)} are replayed, "
        "first come, first served, at each size."
    )


def _patience(demand: Demand, rows: Rows) -> str:
    limits = own_limits(demand)
    if limits:
        low, high = span(min(limits.values())), span(max(limits.values()))
        known = low if low == high else f"{low} to {high}"
        return f"The pool sets no limit to a wait; callers that do leave after {known}."
    if demand.timeout is None or demand.timeout == inf:
        return "Nobody times out: the pool sets no limit to a wait."
    left = sum(1 for what in rows.outcome if what == 1)
    return f"A caller leaves after {span(demand.timeout)}; {left:,} did."


def _unseen(rows: Rows) -> str:
    parts = []
    if rows.missing:
        parts.append(
            f"{len(rows.missing):,} requests without a complete hold stay in the demand, with "
            "holds drawn several times."
        )
    if rows.left_out:
        parts.append(f"{rows.left_out:,} that failed for other reasons are left out.")
    return " ".join(parts)


def _server(found: Slowdown, mode: str) -> str:
    is_ignored = mode in {"chained", "closed"} and found.verdict != "flat"
    if is_ignored:
        return "Holds may change with the size of the pool; they are replayed as they were."
    if found.ratio is None:
        return "Whether holds grow with concurrency is unknown, so the range covers both."
    ratio = f"Holds at busy times are {found.ratio:.2f} times those at quiet times"
    if found.verdict == "flat":
        return f"{ratio}: they do not depend on the size of the pool."
    fitted = f"{ratio}; the best description of the server is: {found.model}"
    return f"{fitted} (explains {found.explained or 0:.0%} of their spread)."


def _moved(drift: float) -> str:
    if not drift:
        return "The level of holds stood still from fifth to fifth of the window."
    return f"The level of holds moved by {drift:.0%} from fifth to fifth of the window."


def _library(demand: Demand, rows: Rows) -> str:
    if demand.semantics == "queuepool" and demand.overflow > 0:
        connect = "" if demand.connect_time is None else f", {span(demand.connect_time)} each"
        return (
            "A returned connection is closed when pool_size are idle: overflow is opened anew"
            f"{connect}. Waits are without that."
        )
    return _hosts(demand, rows) if demand.semantics == "aiohttp" else ""


def _hosts(demand: Demand, rows: Rows) -> str:
    if not demand.host:
        return "Hosts are not told apart and aiohttp draws the next host at random: approximate."
    count, limit = len(set(rows.host) - {0}), demand.limit_per_host
    each = f"limit_per_host is {limit}" if limit else "there is no limit_per_host"
    untold = hosts_untold(demand, rows)
    rest = f" Of {untold:.0%} the host is unknown: approximate." if untold > MANY_UNTOLD else ""
    return (
        f"{count:,} {'host has' if count == 1 else 'hosts have'} a queue each; {each}. As aiohttp "
        "does it, an idle connection to the host is taken whatever the limits say, and the host "
        f"that goes next is drawn at random. Waits are without connecting.{rest}"
    )


def checked(recorded: float, replayed: float) -> str:
    """The replay at the present size beside what was recorded."""
    return f"At the present size the replay gives p95 {span(replayed)}; recorded {span(recorded)}."


def not_empty(texts: Sequence[str]) -> tuple[str, ...]:
    """Those that say something."""
    return tuple(text for text in texts if text)
