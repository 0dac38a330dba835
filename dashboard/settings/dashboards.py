"""The table `[dashboard]`: title, address, token, bounds."""

from typing import Any, Final

from . import variables
from .document import Document
from .listening import Address, address
from .nearest import near
from .values import checked
from .variables import Variables

_TABLE: Final = "dashboard"
#: The keys of the table, each with its kind.
KINDS: Final = {
    "title": "text",
    "listen": "text",
    "token": "text",
    "leak_after": "seconds",
    "allowed_hosts": "list",
}


def read(document: Document, known: Variables) -> dict[str, Any]:
    """The values by their names; what is not given is left out."""
    table = document.data.get(_TABLE, {})
    if not isinstance(table, dict):
        raise document.wrong("dashboard is a table: [dashboard]", _TABLE)
    for name in table:
        if name not in KINDS:
            what = f"{name} is no option of the dashboard{near(name, KINDS)}"
            raise document.wrong(what, _TABLE, name)
    return {name: _value(document, known, name, value) for name, value in table.items()}


def _value(document: Document, known: Variables, name: str, given: object) -> object:
    try:
        value = checked(KINDS[name], given)
        if name == "token" and not variables.is_variable(str(value)):
            raise ValueError(  # noqa: TRY301 -- all errors of a value get their place below
                'stands in the file for everybody to read; write "${POOL_DASHBOARD_TOKEN}"'
            )
        if isinstance(value, str):
            value = known.fill(value)
        return _finished(name, value, known)
    except ValueError as error:
        raise document.wrong(f"{name} {error}", _TABLE, name) from None


def _finished(name: str, value: Any, known: Variables) -> str | float | Address | tuple[str, ...]:
    match name:
        case "listen":
            return address(value)
        case "leak_after":
            return above_zero(value)
        case "allowed_hosts":
            return tuple(known.fill(str(checked("text", each))) for each in value)
    if not value.strip():
        raise ValueError("is empty")
    return str(value)


def above_zero(seconds: float) -> float:
    """ValueError for a duration that is none."""
    if seconds <= 0:
        raise ValueError(f"takes a time above 0, not {seconds}")
    return float(seconds)
