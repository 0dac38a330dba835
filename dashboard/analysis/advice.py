"""What to change: every rule over one pool, or over its settings alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ..model.findings import Advice
from ..model.limits import ServerLimit
from ..model.snapshot import PoolSnapshot
from .case import Case
from .defaults import pool_of
from .rules import RULES, SETTINGS, Rule, lifetimes

#: Most severe first.
SEVERITIES: Final = ("critical", "warning", "info")
#: Rules about how pools are made and ended: those that can speak of pools that are gone.
LIFETIMES: Final = (lifetimes.per_request, lifetimes.session_per_request, lifetimes.never_closed)
_CONFIDENCES: Final = ("high", "medium", "low")


def of_settings(
    name: str,
    library: str,
    kind: str,
    settings: Mapping[str, object],
    server: ServerLimit | None = None,
    *,
    address: str = "",
    backend: str = "",
    beside: Sequence[PoolSnapshot] = (),
) -> list[Advice]:
    """What the settings alone say, without traffic; options by the library's own names.

    `kind` is the pool's class, empty for the library's usual one; `address` (`host:port/database`)
    and `backend` (`PostgreSQL`, `SQLite`) tell a pooler and a file from a server. `beside` are the
    other pools of the process (`defaults.pool_of`), for the server's budget.
    """
    case = Case(
        pool=pool_of(name, library, kind, settings, address, backend),
        pools=tuple(beside),
        server=server or ServerLimit(),
        is_static=True,
        given=frozenset(settings),
    )
    return of_case(case, (rule for rule in RULES if rule.needs == SETTINGS))


def _raised(_: Rule, error: Exception) -> None:
    raise error


def of_case(
    case: Case,
    rules: Iterable[Rule] = RULES,
    broke: Callable[[Rule, Exception], None] = _raised,
) -> list[Advice]:
    """What the rules say of one pool, the most severe first.

    A rule that fails is handed to `broke`, and the others go on.
    """
    found = []
    for rule in rules:
        try:
            advice = rule(case)
        except Exception as error:  # noqa: BLE001 -- the other rules may know what to do
            broke(rule, error)
        else:
            found += [advice] if advice is not None else []
    return ordered(found)


def ordered(found: Iterable[Advice]) -> list[Advice]:
    """The most severe first; what is held back after what can be done, then by pool and rule."""
    return sorted(
        found,
        key=lambda each: (
            SEVERITIES.index(each.severity),
            bool(each.held_back),
            _CONFIDENCES.index(each.confidence),
            each.pool,
            each.rule,
        ),
    )
