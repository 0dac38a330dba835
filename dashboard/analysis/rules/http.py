"""R25, R26 and R28: aiohttp's connections to many hosts."""

from math import ceil, sqrt
from typing import Final

from ...model.seen import HostUse
from ..case import Case
from ..words import fitting, long, many, number
from .rule import SETTINGS, WATCH, Found, rule

#: One host that has so much of the limit leaves too little to the others.
_HOG: Final = 0.8
#: How long uvicorn keeps an idle connection; aiohttp keeps one for 15 s.
_SERVER_KEEPS: Final = 5.0
#: A keep-alive time from which on a second less is not too little.
_SHORT: Final = 1.5
_LOOKUPS: Final = 10
_LOOKUP_SHARE: Final = 0.10
_REUSED: Final = 0.99
_LONG_TTL: Final = 300.0


@rule(
    "R25",
    "One host starves",
    needs=WATCH,
    why="""A connector has two limits: one for all hosts together and one for each. When requests
    to a host wait while the connector has slots left, the limit for each host is too small for
    that one; when one slow host has nearly all slots, the others wait for it. Waiters of
    different hosts are not served in the order in which they came.""",
    silent="""Nobody waited while somebody looked; limit_per_host is 0 and no host has over 80 %
    of the slots. It sees what is so at the moments at which the dashboard reads.""",
)
def starving(case: Case) -> Found | None:
    """Callers of a host wait while there are slots; or one host has nearly all."""
    if case.pool.library != "aiohttp":
        return None
    limit, per_host = case.number("limit") or 0, case.number("limit_per_host") or 0
    for each in case.seen.hosts:
        if per_host and each.waiting and each.used >= per_host and each.total_used < (limit or 1e9):
            return _hit(each, int(per_host), int(limit))
    if len(case.seen.hosts) < 2 or not limit:
        return None
    hog = max(case.seen.hosts, key=lambda each: each.used)
    others = sum(each.waiting for each in case.seen.hosts if each is not hog)
    return _hog(hog, others, int(limit)) if hog.used > _HOG * limit and others else None


def _hit(each: HostUse, per_host: int, limit: int) -> Found:
    load = each.used + each.waiting
    wanted = ceil(load + 2 * sqrt(load))
    if limit:
        wanted = min(wanted, limit)
    were = fitting(each.used, "was", "were")
    return Found(
        title=f"Requests to {each.host} wait while the connector has room",
        evidence=(
            (
                f"{each.used} of limit_per_host {per_host} {were} in use for {each.host} "
                f"and {many(each.waiting, 'request')} waited."
            ),
            f"All hosts together used {each.total_used}"
            + (f" of limit {limit}." if limit else "; limit is off."),
        ),
        settings={"limit_per_host": (per_host, max(per_host + 1, wanted))},
        reasons=(f"{load} wanted a connection at once; twice the root on top",),
        effect=f"Up to {many(each.waiting, 'request')} at a time no longer "
        f"{fitting(each.waiting, 'waits', 'wait')} for this limit.",
        confidence="medium",
        unknown=f"how many connections {each.host} takes kindly",
        benefit=float(each.waiting),
    )


def _hog(hog: HostUse, others: int, limit: int) -> Found:
    return Found(
        title=f"{hog.host} has nearly all connections while others wait",
        evidence=(
            (
                f"{hog.host} used {hog.used} of limit {limit}; {many(others, 'request')} to other "
                "hosts waited."
            ),
        ),
        settings={"limit_per_host": (0, max(1, limit // 2))},
        code="+    # or a session with a connector of its own for the slow host",
        reasons=("half of the limit for one host at the most",),
        effect="The other hosts have half of the slots whatever the slow one does.",
        confidence="medium",
        benefit=float(others),
    )


@rule(
    "R26",
    "Kept alive for longer than the server does",
    needs=WATCH,
    why="""A server closes a connection that was idle for its own keep-alive time (uvicorn: 5 s).
    When the client keeps it for longer (aiohttp: 15 s), a request may be written to a connection
    that the server is just closing: ServerDisconnectedError, although nothing is wrong. The
    client's time must be the shorter one.""",
    silent="""force_close is on; no connection that had been idle failed right after it was taken
    again; the shortest such idle time is longer than keepalive_timeout.""",
)
def mismatch(case: Case) -> Found | None:
    """Connections that fail when they are used again after lying idle."""
    if case.pool.library != "aiohttp" or case.pool.config.get("force_close"):
        return None
    keep = case.number("keepalive_timeout")
    dead = [
        each.idle_before
        for each in case.seen.closings
        if each.reason == "error"
        and each.idle_before is not None
        and each.used_for is not None
        and each.idle_before > 3 * each.used_for
    ]
    if not dead or keep is None:
        return None
    least = min(dead)
    if least > keep:
        return None
    server = _SERVER_KEEPS if _SERVER_KEEPS <= least < _SERVER_KEEPS + 2 else least
    wanted = round(server - 1, 1) if server > _SHORT else round(0.8 * server, 2)
    return Found(
        title="Connections fail when they are used again",
        evidence=(
            (
                f"{many(len(dead), 'connection')} failed right after "
                f"{fitting(len(dead), 'it was', 'they were')} taken again; the least idle time "
                f"before was {long(least)}."
            ),
            (
                f"keepalive_timeout is {long(keep)}: the client keeps a connection for longer than "
                "the server does."
            ),
        ),
        settings={"keepalive_timeout": (keep, wanted)},
        reasons=(f"{_below(server)} what the server keeps, about {long(server)}",),
        effect="The client gives a connection up before the server does: these failures go away.",
        benefit=float(len(dead)),
    )


def _below(server: float) -> str:
    return "a second below" if server > _SHORT else "0.8 of"


@rule(
    "R28",
    "DNS cache",
    needs=SETTINGS,
    why="""aiohttp remembers a resolved name for ttl_dns_cache seconds (10 unless told
    otherwise). Where new connections are frequent and names are looked up again and again, the
    lookup is part of each connect. The other way round, a name that is remembered for very long
    leads to the old address after a failover.""",
    silent="""Over 99 % of the requests use a connection again; lookups are below a tenth of the
    connect; the time is between 10 s and 5 minutes and nothing failed.""",
)
def lookups(case: Case) -> Found | None:
    """Lookups are dear; or an address is believed for too long."""
    if case.pool.library != "aiohttp":
        return None
    if "ttl_dns_cache" in case.pool.config or case.pool.config.get("use_dns_cache") is False:
        found = _believed(case)
        if found is not None:
            return found
    return _dear(case)


def _believed(case: Case) -> Found | None:
    config = case.pool.config
    ttl = config.get("ttl_dns_cache")
    if config.get("use_dns_cache") is False:
        return None
    if isinstance(ttl, int | float) and ttl <= _LONG_TTL:
        return None
    failed = case.pool.failures.get("connection_error", 0)
    if not case.is_static and not failed:
        return None
    shown = "for ever" if ttl is None else f"for {number(float(str(ttl)))} s"
    seen = f" {many(failed, 'connect')} failed." if failed else ""
    return Found(
        title="Addresses are believed for a long time",
        severity="info",
        evidence=(f"A resolved name is believed {shown}: a failover is not noticed.{seen}",),
        settings={"ttl_dns_cache": (ttl, 60)},
        reasons=("a minute",),
        effect="After a failover new connections reach the new address within a minute.",
        confidence="low",
    )


def _dear(case: Case) -> Found | None:
    dns, connects = case.pool.phases.get("dns"), case.pool.phases.get("connect")
    if dns is None or connects is None or dns.count < _LOOKUPS:
        return None
    reused = 1 - case.pool.created / max(1, case.pool.checkouts)
    share = dns.total / (dns.total + connects.total or 1.0)
    ttl = case.number("ttl_dns_cache")
    is_off = case.pool.config.get("use_dns_cache") is False
    if reused > _REUSED or share <= _LOOKUP_SHARE or (ttl is not None and ttl >= 60 and not is_off):
        return None
    setting = {"use_dns_cache": (False, True)} if is_off else {"ttl_dns_cache": (ttl, 60)}
    return Found(
        title="Names are looked up again and again",
        severity="info",
        evidence=(
            (
                f"{dns.count:,} lookups took {long(dns.mean or 0.0)} on average: {share:.0%} of "
                "the time to connect."
            ),
            f"{reused:.0%} of {case.pool.checkouts:,} requests used a connection again.",
        ),
        settings=dict(setting),
        reasons=("a name is believed for a minute",),
        effect=f"Up to {long(dns.mean or 0.0)} less for each new connection.",
        confidence="low",
    )
