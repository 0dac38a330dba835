"""Where a server listens: HOST:PORT."""

from typing import NamedTuple

#: Unless the user says otherwise.
USUAL = "127.0.0.1:8765"


class Address(NamedTuple):
    """A host without brackets, and a port; 0 is any free one."""

    host: str
    port: int


def address(given: str) -> Address:
    """ValueError for anything but HOST:PORT."""
    host, colon, port = given.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdecimal() and int(port) <= 65535
    if not colon or not bare or not is_port or (":" in bare and bare == host):
        raise ValueError(f"takes HOST:PORT, not {given!r}; try {USUAL}")
    return Address(bare, int(port))
