"""What `pools.toml` says, checked; plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .listening import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """One pool: to be imported (`target`, as `module:attribute`) or to be opened (`url`).

    `place` is where it stands in the file, `places` where each of its keys does; `probe` the
    seconds between health queries; `objects` are the options that name an object of Python.
    `secrets` may be in no message.
    """

    name: str
    place: str
    places: Mapping[str, str] = field(default_factory=dict, repr=False)
    library: str = ""
    target: str = ""
    url: str = field(default="", repr=False)
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    objects: frozenset[str] = frozenset()
    probe: float | None = None
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole file. What is None is left to the command line or to the dashboard."""

    pools: tuple[PoolSettings, ...]
    title: str | None = None
    listen: Address | None = None
    token: str | None = field(default=None, repr=False)
    leak_after: float | None = None
    allowed_hosts: tuple[str, ...] | None = None
