"""Model to JSON: every field of a dataclass by its own name, so that the API cannot lag behind."""

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Final

import msgspec
from starlette.responses import Response

from ..analysis.budget import Budget
from ..model.distribution import Distribution
from ..model.snapshot import PoolSnapshot, Source

#: Beside the figures, what only a pool's own address shows.
DETAILS: Final = frozenset(
    {"open", "waiting", "recently_lost", "recently_back", "nestings", "call_sites", "config"}
)
_LARGEST: Final = 2**63
_DEEPEST: Final = 8
#: A dataclass of the host's may hold anything; only ours are opened.
_OURS: Final = f"{__package__.rpartition('.')[0]}."
_SECRET: Final = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_USERINFO: Final = re.compile(r"://[^/\s@]*@")
#: Stands where a setting looks like a secret.
HIDDEN: Final = "(hidden)"


def plain(value: object, depth: int = 0) -> object:
    """Only what JSON has: no NaN, no lone surrogate, seconds as floats, ISO 8601 times.

    An object of the host's is named by its class; its own `repr` is never called.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return int(value) if -_LARGEST <= value < _LARGEST else float(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _composite(value, depth + 1)


def budget(found: Budget) -> dict[str, object]:
    """What pools may open at one server, and what it has for them."""
    return {
        "server": found.server,
        "wanted": found.wanted,
        "usable": found.usable,
        "left": found.left,
        "sentence": found.sentence(),
        "limit": found.limit,
        "shares": found.shares,
    }


def _composite(value: object, depth: int) -> object:
    match value:
        case Distribution():
            return summary(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return text(value.name)
    return _container(value, depth) if depth < _DEEPEST else _class_name(value)


def _container(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth) for key, item in value.items()}
    if isinstance(value, (list, tuple, AbstractSet)):
        return [plain(item, depth) for item in value]
    kind: type = type(value)
    if is_dataclass(kind) and kind.__module__.startswith(_OURS):
        return {name: plain(getattr(value, name), depth) for name in _names(kind)}
    return _class_name(value)


def _class_name(value: object) -> str:
    kind = value if isinstance(value, type) else type(value)
    return text(f"{kind.__module__}.{kind.__qualname__}")


def text(value: str) -> str:
    """The same text, with what UTF-8 cannot carry (a file name's stray byte) spelled out."""
    if value.isascii():
        return str.__str__(value)
    return value.encode("utf-8", "backslashreplace").decode()


def summary(values: Distribution) -> dict[str, float | int | None]:
    """Seconds; None where there is no value."""
    count = values.count
    return {
        "count": count,
        "mean": values.mean,
        "p50": values.percentile(50),
        "p95": values.percentile(95),
        "p99": values.percentile(99),
        "max": values.longest if count else None,
    }


def settings(config: Mapping[str, object]) -> dict[str, object]:
    """A pool's options; the probe has removed credentials, this is the second wall."""
    return {text(name): _unsecret(name, plain(value)) for name, value in config.items()}


def pool_row(pool: PoolSnapshot, source: Source) -> dict[str, object]:
    """A pool's figures, and the process that it is in."""
    names = [name for name in _names(PoolSnapshot) if name not in DETAILS]
    return {**{name: plain(getattr(pool, name)) for name in names}, "source": plain(source)}


def pool_detail(pool: PoolSnapshot, source: Source) -> dict[str, object]:
    """The figures and who holds, who waits, who asks."""
    details = {name: plain(getattr(pool, name)) for name in sorted(DETAILS - {"config"})}
    return {**pool_row(pool, source), **details, "config": settings(pool.config)}


def json_response(value: object, status: int = 200) -> Response:
    """`value` must have passed `plain`, or be made of what it gives."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _key(key: object) -> str:
    value = plain(key)
    return value if isinstance(value, str) else str(value)


def _unsecret(name: str, value: object) -> object:
    if _SECRET.search(name) and isinstance(value, (str, list, dict)):
        return HIDDEN
    if isinstance(value, str):
        return _USERINFO.sub("://", value)
    if isinstance(value, list):
        return [_unsecret("", item) for item in value]
    if isinstance(value, dict):
        return {key: _unsecret(key, item) for key, item in value.items()}
    return value
