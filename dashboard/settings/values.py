"""Whether a value of the file is of the kind that an option takes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from . import durations

Check = Callable[[object], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


#: By the kinds that openers name: the check, and what the message says.
_KINDS: Final[Mapping[str, tuple[Check, str]]] = {
    "whole": (_is_whole, "a whole number"),
    "number": (_is_number, "a number"),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "text": (lambda value: isinstance(value, str), "a text"),
    "table": (lambda value: isinstance(value, dict), "a table such as { name = 1 }"),
    "list": (lambda value: isinstance(value, list), "a list such as [1, 2]"),
    "object": (
        lambda value: isinstance(value, str) and ":" in value,
        'an object of Python, named as "module:attribute"',
    ),
    "named": (
        lambda value: isinstance(value, str),
        'a name, or an object of Python as "module:attribute"',
    ),
    "flag or object": (
        lambda value: isinstance(value, bool) or (isinstance(value, str) and ":" in value),
        'true, false, or an object of Python as "module:attribute"',
    ),
    "any": (lambda _: True, ""),
}
#: Where a text could be right, it is not repeated.
_TEXTS: Final = frozenset({"text", "table", "list", "any"})


def checked(kind: str, value: object) -> Any:
    """The value, durations as seconds; ValueError says what is taken. Texts are never repeated."""
    if kind == "seconds":
        found = durations.seconds(value)
        if found is None:
            raise ValueError(f"takes {durations.WORDS}, not {_shown(kind, value)}")
        return found
    fits, words = _KINDS[kind]
    if not fits(value):
        raise ValueError(f"takes {words}, not {_shown(kind, value)}")
    return value


def _shown(kind: str, value: object) -> str:
    """A value in a message: where a text is taken, it may be a secret."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return repr(value) if kind not in _TEXTS and len(value) <= 30 else "a text"
        case dict():
            return "a table"
        case list():
            return "a list"
    return "a date or time"
