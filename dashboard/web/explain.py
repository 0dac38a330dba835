"""What each option of a pool library means, in plain words; sources are the libraries' own docs."""

from __future__ import annotations

from typing import Final

#: Option names of SQLAlchemy 2.x, asyncpg 0.3x and aiohttp 3.x.
TEXTS: Final[dict[str, str]] = {
    # SQLAlchemy
    "pool_size": "Connections that stay open once they were needed. More callers than this use "
    "overflow connections.",
    "max_overflow": "Connections that may be opened beyond pool_size. Each is closed when it "
    "comes back, so steady overflow means paying for a connect over and over. -1 means no limit.",
    "pool_timeout": "How many seconds a caller waits for a connection before it gets a "
    "TimeoutError. Shorter than the time-out of your own clients, or they give up first.",
    "pool_recycle": "A connection older than this many seconds is replaced at its next checkout. "
    "Set it below the idle time-out of the server or of a proxy in between. -1 never recycles.",
    "pool_pre_ping": "Asks the server for a sign of life at each checkout and reconnects if there "
    "is none. Costs one round trip; saves the first query after a restart of the server.",
    "pool_use_lifo": "Hands out the connection that came back last, so that quiet ones can time "
    "out. Off hands out the one that is idle longest.",
    "pool_reset_on_return": "What ends the transaction when a connection comes back: rollback, "
    "commit, or nothing.",
    "pool_class": "How connections are kept. QueuePool keeps a bounded number, NullPool none, "
    "StaticPool one for all.",
    "echo_pool": "Whether the pool writes each checkout and checkin to the log.",
    "isolation_level": "The transaction isolation that each connection is set to.",
    # asyncpg
    "min_size": "Connections that are opened when the pool starts and kept open.",
    "max_size": "The most connections that the pool opens. Callers beyond that wait.",
    "max_queries": "A connection is replaced after this many queries.",
    "max_inactive_connection_lifetime": "An idle connection is closed after this many seconds, "
    "down to min_size. 0 keeps it.",
    "command_timeout": "How many seconds one query may take before it is cancelled. None waits "
    "without end, and a stuck query then keeps its connection.",
    "statement_cache_size": "Prepared statements kept for each connection. Must be 0 behind a "
    "pooler in transaction mode.",
    "max_cached_statement_lifetime": "A prepared statement is dropped after this many seconds.",
    "timeout": "How many seconds opening a connection, or a whole request, may take.",
    # aiohttp
    "limit": "Connections open at the same time, to all hosts together. 0 means no limit.",
    "limit_per_host": "Connections open at the same time to one host, port and scheme. 0 means "
    "that only limit holds.",
    "keepalive_timeout": "An idle connection is kept for this many seconds for the next request "
    "to the same host. Longer than the server keeps it leads to broken connections.",
    "ttl_dns_cache": "A resolved name is trusted for this many seconds. None keeps it for ever, "
    "so that a host that moves is not found again.",
    "use_dns_cache": "Whether resolved names are remembered at all.",
    "force_close": "Closes each connection after its request: no keep-alive, a new TCP and TLS "
    "handshake every time.",
    "enable_cleanup_closed": "Aborts TLS connections whose peer does not finish closing.",
    "happy_eyeballs_delay": "How many seconds to wait for one address family before the other is "
    "tried as well.",
    "total": "How many seconds a request may take in all: waiting for a connection, connecting, "
    "sending and reading. None waits without end.",
    "connect": "How many seconds a request may wait for a connection, from the pool or a new one.",
    "sock_connect": "How many seconds connecting to the server may take.",
    "sock_read": "How many seconds may pass between two pieces of an answer.",
}

#: The same option under another name.
ALIASES: Final[dict[str, str]] = {
    "size": "pool_size",
    "recycle": "pool_recycle",
    "pre_ping": "pool_pre_ping",
    "use_lifo": "pool_use_lifo",
    "reset_on_return": "pool_reset_on_return",
    "poolclass": "pool_class",
    "timeout_total": "total",
    "timeout.total": "total",
    "timeout.connect": "connect",
    "timeout.sock_connect": "sock_connect",
    "timeout.sock_read": "sock_read",
    "total_timeout": "total",
    "connect_timeout": "connect",
}


def text_of(option: str, library: str) -> str:
    """Empty for an option that nobody has explained yet."""
    if option == "timeout" and library == "sqlalchemy":
        option = "pool_timeout"
    return TEXTS.get(ALIASES.get(option, option), "")
