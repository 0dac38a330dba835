"""Which database server a pool's address leads to, however it is spelled."""

from typing import Final

from ..model.snapshot import PoolSnapshot

#: The ports that drivers take when nobody names one.
_PORTS: Final = {
    "PostgreSQL": "5432",
    "MySQL": "3306",
    "MariaDB": "3306",
    "Oracle": "1521",
    "SQL Server": "1433",
}
_LOCAL: Final = "localhost"
_LOOPBACK: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
#: Ports on which PgBouncer and other poolers listen by custom.
_POOLER_PORTS: Final = ("6432", "6543")


def server_of(pool: PoolSnapshot) -> str:
    """`host:port`: databases of one server share its connections.

    The usual port is added, and this machine is `localhost` by whatever name or socket. Without
    an address each pool has a server of its own.
    """
    if not pool.address:
        return pool.name
    return place_of(_place(pool), _PORTS.get(pool.backend, ""))


def place_of(place: str, port: str) -> str:
    """One `host:port`, or several with commas, in one spelling; `port` where none stands."""
    each = (_one(one, port) for one in place.split(","))
    return ",".join(dict.fromkeys(each))


def looks_pooled(pool: PoolSnapshot) -> bool:
    """Whether a pooler listens there by custom."""
    return pool.address.partition("/")[0].rpartition(":")[2] in _POOLER_PORTS


def _place(pool: PoolSnapshot) -> str:
    """The address without the database; a file's path leads to a socket on this machine."""
    if pool.address.startswith("/"):
        _, _, port = pool.address.rpartition("/")[0].rpartition(":")
        return f"{_LOCAL}:{port}" if port.isdecimal() else _LOCAL
    place, slash, _ = pool.address.partition("/")
    # A URL without a host (`postgresql:///shop`) leaves the database alone.
    return place if slash or any(sign in place for sign in ".:") else _bare(place)


def _bare(place: str) -> str:
    return place if place.lower() in _LOOPBACK else _LOCAL


def _one(place: str, port: str) -> str:
    host, colon, given = place.rpartition(":")
    if not colon or not given.isdecimal():
        host, given = place, port
    name = host.strip("[]").rstrip(".").lower()
    if name in _LOOPBACK or name.startswith("/"):
        name = _LOCAL
    elif ":" in name:
        name = f"[{name}]"
    return f"{name}:{given}" if given else name
