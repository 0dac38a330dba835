"""R22: what it costs to look whether a connection is alive."""

from typing import Final

from .. import remedies
from ..case import DAY, Case
from ..words import long, number
from .rule import WATCH, Found, rule

_QUIET_DAYS: Final = 30
#: A share of the connection time, and of the median hold.
_DEAR: Final = 0.10
_ENOUGH: Final = 100


@rule(
    "R22",
    "Pre-ping costs too much",
    needs=WATCH,
    why="""Pre-ping is one round trip at each checkout, and the connection is out meanwhile: with
    very short holds it can be most of what the pool does. Switching it off gives up the only
    thing that notices a restart or a failover. Asking only connections that lay idle for over a
    second costs next to nothing and keeps the protection (HikariCP skips its test below 500 ms).
    """,
    silent="""Any connection has failed since the watch began; the watch is younger than 30 days;
    fewer than 100 pings were seen; the ping is cheap.""",
)
def dear_ping(case: Case) -> Found | None:
    """Ping time above a tenth of the connection time or of the median hold, and no failure."""
    pings = case.pool.phases.get("pre_ping")
    if pings is None or pings.count < _ENOUGH or not case.pool.config.get("pool_pre_ping"):
        return None
    if case.watched_for < _QUIET_DAYS * DAY or case.pool.closed_by.get("error", 0):
        return None
    ping, rate = pings.percentile(50) or 0.0, case.pool.checkouts / case.watched_for
    hold = case.pool.lifetime.get("use_time", case.pool.use_time)
    median, offered = hold.percentile(50) or 0.0, rate * (hold.mean or 0.0)
    if ping * rate <= _DEAR * offered and ping <= _DEAR * median:
        return None
    days = case.watched_for / DAY
    share = ping * rate / offered if offered else 1.0
    return Found(
        title="Pre-ping takes a large share of the connection time",
        severity="info",
        evidence=(
            (
                f"A ping takes {long(ping)} (median of {pings.count:,}); the median hold is "
                f"{long(median)}."
            ),
            (
                f"At {number(rate)} checkouts a second that is {number(ping * rate)} connections, "
                f"{share:.0%} of the {number(offered)} that are held on average."
            ),
            f"No connection has failed in {number(round(days, 1))} days.",
        ),
        settings={"pool_pre_ping": (True, False)},
        code=remedies.PING_WHEN_IDLE.format(engine=remedies.engine(case)),
        reasons=("not simply off: ask only a connection that lay idle for over a second",),
        effect=f"About {number(ping * rate)} fewer connections held on average, "
        f"{long(ping)} less at most checkouts.",
        confidence="medium",
        benefit=ping,
    )
