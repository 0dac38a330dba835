"""Checks options when they are given; each message says what, which and what to do."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from .model.errors import DashboardError

_LONGEST_NAME: Final = 200


def title(given: object) -> str:
    """A text to show in the header."""
    if not isinstance(given, str) or not given.strip():
        raise DashboardError(f"title takes a text to show in the header, not {given!r}")
    return given.strip()


def seconds(name: str, given: object) -> float:
    """Seconds above 0."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e12:
        raise DashboardError(f"{name} takes seconds above 0, not {given!r}")
    return float(given)


def factor(name: str, given: object) -> float:
    """A number above 0 to multiply with."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e12:
        raise DashboardError(f"{name} takes a factor above 0, such as 1.2, not {given!r}")
    return float(given)


def function(name: str, given: object, what: str) -> None:
    """Something that can be called."""
    if not callable(given):
        raise DashboardError(f"{name} takes {what}, not {given!r}")


def flag(name: str, given: object) -> bool:
    """True or False: a text such as 'no' would count as true."""
    if not isinstance(given, bool):
        raise DashboardError(f"{name} takes True or False, not {given!r}")
    return given


def clock(given: Callable[[], float]) -> Callable[[], float]:
    """A function that answers seconds."""
    function("clock", given, "a function that answers seconds")
    answer: object = given()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise DashboardError(f"clock takes a function that answers seconds; it answered {answer!r}")
    return given


def token(given: object) -> str | None:
    """A text or None; the value is never repeated."""
    if given is not None and not isinstance(given, str):
        raise DashboardError(f"token takes a text, not {type(given).__name__}")
    return given


def texts(name: str, given: object) -> tuple[str, ...]:
    """A list of texts: a single text would be read letter by letter."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DashboardError(f"{name} takes a list of texts, not {given!r}")
    found = tuple(given)
    for each in found:
        if not isinstance(each, str):
            raise DashboardError(f"{name} takes a list of texts; {each!r} is none")
    return found


def pool_name(given: object) -> str:
    """A pool's name as it can stand in an address."""
    if not isinstance(given, str):
        raise DashboardError(f"a pool's name is a text, not {given!r}")
    name = printable(given)
    if name in {"", ".", ".."}:
        raise DashboardError(
            f"a pool cannot be named {given!r}; give it a name that can stand in an address"
        )
    return name


def mark(given: object) -> str:
    """A text to stand beside a line on a chart."""
    text = printable(given) if isinstance(given, str) else ""
    if not text:
        raise DashboardError(f"mark() takes a short text such as 'deploy 1.4.2', not {given!r}")
    return text


def question(
    given: object, timeout: float | None, hold: float, limit_per_host: int | None = None
) -> str:
    """A question of `whatif()`: it changes one thing, so no other change goes with it."""
    if not isinstance(given, str):
        raise DashboardError(f"question takes a word such as 'leak', not {given!r}")
    if timeout is not None or hold != 1.0 or limit_per_host is not None:
        raise DashboardError(
            "whatif() takes either question or timeout and hold and limit_per_host, not both"
        )
    return given


def printable(text: str) -> str:
    """A text without control characters and lone surrogates, not too long."""
    kept = (each if unicodedata.category(each)[0] != "C" else " " for each in text)
    return "".join(kept).strip()[:_LONGEST_NAME].strip()
