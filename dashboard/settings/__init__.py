"""`pools.toml`: pools to import or to open, and how the dashboard shows them.

A wrong key, type or value is refused when the file is read: with the file, the line, the name and
the nearest right one.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

from . import dashboards, pools
from .document import Document, load
from .listening import USUAL, Address, address
from .nearest import near
from .redacting import redacted, said
from .shape import PoolSettings, Settings
from .variables import Variables

__all__ = [
    "USUAL",
    "Address",
    "PoolSettings",
    "Settings",
    "address",
    "near",
    "read",
    "redacted",
    "said",
]

_TABLES: Final = ("dashboard", "pools")


def read(path: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Settings:
    """The file's settings; DashboardError says what is wrong with it, and where.

    `environment` (the process' own by default) fills `${NAME}` in.
    """
    document = load(path)
    _check_tables(document)
    known = Variables(os.environ if environment is None else environment)
    shown: dict[str, Any] = dashboards.read(document, known)
    return Settings(pools=pools.read(document, known), **shown)


def _check_tables(document: Document) -> None:
    for name, value in document.data.items():
        if name in _TABLES:
            continue
        what = f"there is no table {name}"
        if isinstance(value, dict) and {"url", "import"} & value.keys():
            raise document.wrong(f"{what}; a pool is written [pools.{name}]", name)
        raise document.wrong(f"{what}{near(name, _TABLES)}", name)
