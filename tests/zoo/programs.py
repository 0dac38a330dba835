"""How a program of the zoo says what it is: its library, its truth, and the line that leaks."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

#: What a program is played on; `stages` opens it.
SYNC, ASYNC, ASYNCPG, HTTP = "sqlalchemy", "sqlalchemy async", "asyncpg", "aiohttp"
#: Ends a line that asks for a connection and loses it: it must be found.
_LEAK: Final = "# leak"
#: Ends a line that takes part in a leak: it may be named as well.
_PART: Final = "# part of it"

Run = TypeVar("Run", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Program:
    """One inhabitant. `verdicts` are those that are right for its leak; none if it is healthy.

    `slots` is the size of its pool, without overflow; `options` go to its Dashboard. `like` names
    the pattern in the catalogue of user reports that it is made from.
    """

    name: str
    says: str
    library: str
    like: str
    run: Callable[..., Any]
    leaks: tuple[int, ...]
    parts: tuple[int, ...]
    verdicts: frozenset[str]
    slots: int
    timeout: float
    options: Mapping[str, Any]

    @property
    def is_healthy(self) -> bool:
        """Whether everything that it takes comes back."""
        return not self.leaks

    @property
    def file(self) -> str:
        """The last two parts of its path, as a call site ends."""
        return "/".join(inspect.getfile(self.run).rsplit("/", 2)[1:])

    def __str__(self) -> str:
        """The name of a test."""
        return self.name


PROGRAMS: Final[dict[str, Program]] = {}


def leak(
    library: str,
    like: str,
    *verdicts: str,
    slots: int = 2,
    timeout: float = 5.0,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[Run], Run]:
    """This program loses a connection on its lines that end with `# leak`."""
    if not verdicts:
        raise ValueError("a leak names at least one verdict that is right for it")
    return _program(library, like, frozenset(verdicts), slots, timeout, options)


def healthy(
    library: str,
    like: str = "",
    *,
    slots: int = 2,
    timeout: float = 5.0,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[Run], Run]:
    """This program gives everything back; nothing in it may be called probable or proven."""
    return _program(library, like, frozenset(), slots, timeout, options)


def _program(
    library: str,
    like: str,
    verdicts: frozenset[str],
    slots: int,
    timeout: float,
    options: Mapping[str, Any],
) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        leaks, parts = _marked(run, _LEAK), _marked(run, _PART)
        if bool(leaks) != bool(verdicts):
            raise ValueError(f"{run.__name__}: a leak has a line that ends with {_LEAK!r}")
        PROGRAMS[run.__name__] = Program(
            name=run.__name__,
            says=inspect.getdoc(run) or "",
            library=library,
            like=like,
            run=run,
            leaks=leaks,
            parts=parts,
            verdicts=verdicts,
            slots=slots,
            timeout=timeout,
            options=options,
        )
        return run

    return register


def _marked(run: Callable[..., Any], marker: str) -> tuple[int, ...]:
    lines, first = inspect.getsourcelines(run)
    return tuple(first + at for at, line in enumerate(lines) if line.rstrip().endswith(marker))
