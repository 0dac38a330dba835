"""What a person knows of server and callers and no pool shows: asked for in the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..model.limits import ServerLimit


@dataclass(frozen=True, slots=True)
class Field:
    """A number that may be entered; `code` is how the server's own documentation calls it."""

    name: str
    label: str
    hint: str
    code: str = ""
    is_seconds: bool = False


FIELDS: Final = (
    Field("max_connections", "of the server", "SHOW max_connections", "max_connections"),
    Field("workers", "Worker processes", "each has pools of its own"),
    Field("pooler", "of PgBouncer", "if one lies between", "default_pool_size"),
    Field(
        "deadline", "Deadline of the callers", "how long they wait for an answer", is_seconds=True
    ),
    Field("longest_life", "Longest life", "server or proxy end older connections", is_seconds=True),
    Field(
        "longest_idle", "Longest idle time", "firewall or load balancer forget it", is_seconds=True
    ),
)


def limit_of(given: Mapping[str, str]) -> ServerLimit:
    """From the parameters of an address; ValueError says which cannot be."""
    found: dict[str, int | float] = {}
    for field in FIELDS:
        text = given.get(field.name, "").strip()
        if text:
            found[field.name] = _number(field, text)
    return ServerLimit(**found)  # type: ignore[arg-type]  # Each is of its field's kind.


def _number(field: Field, text: str) -> int | float:
    kind, words = (float, "seconds") if field.is_seconds else (int, "a whole number")
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{field.name} takes {words}, not {text[:50]!r}") from error


def query_of(limit: ServerLimit) -> dict[str, str]:
    """The parameters that lead back to a limit; what nobody entered is left out."""
    nothing = ServerLimit()
    return {
        field.name: f"{value:g}" if field.is_seconds else f"{value}"
        for field in FIELDS
        if (value := getattr(limit, field.name)) != getattr(nothing, field.name)
    }
