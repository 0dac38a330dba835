"""A change to copy: only the keys that change, in the library's own names, with the reasons."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .case import DAY, Case
from .words import many

if TYPE_CHECKING:
    from .rules.rule import Found

#: A day of the week names a day only within one.
_WEEK: Final = 7 * DAY
#: Code that goes on with the options.
_MORE_OPTIONS: Final = "+    "
#: The call whose arguments an option belongs to.
_CALLS: Final = {
    "sqlalchemy": "create_engine",
    "asyncpg": "asyncpg.create_pool",
    "aiohttp": "aiohttp.TCPConnector",
}


def diff(case: Case, rule: str, found: "Found") -> str:
    """The block that a person copies; empty when there is nothing to change."""
    if not found.settings and not found.code:
        return ""
    lines = [_head(case, rule, found), *(f"# {each}" for each in found.reasons)]
    if found.settings:
        lines.append(f"# in {_call(case)}")
        lines += _changed(found.settings, case.given)
    if found.code:
        if found.settings and not found.code.startswith(_MORE_OPTIONS):
            lines.append("# in the code")
        lines += found.code.strip("\n").splitlines()
    if found.unknown:
        lines.append(f"# not predicted: {found.unknown}")
    return "\n".join(lines)


def _head(case: Case, rule: str, found: "Found") -> str:
    """Such as `# pool "main" (orders-api, 4 workers) - R01, MEDIUM, from 41,200 checkouts, …`."""
    pool, workers = case.pool, case.server.workers
    about = [case.service] if case.service else []
    about += [f"{workers} workers"] if workers > 1 else []
    around = f" ({', '.join(about)})" if about else ""
    parts = [rule, found.confidence.upper()]
    if not case.is_static:
        lab = case.lab if found.is_replayed else None
        seconds = case.watched_for if lab is None else lab.duration
        parts.append(f"from {many(pool.checkouts if lab is None else len(lab), 'checkout')}")
        parts += [_window(case, seconds)] if pool.at is not None and seconds else []
    return f'# pool "{pool.name}"{around} - {", ".join(parts)}'


def _window(case: Case, seconds: float) -> str:
    """Such as `Tue 09:00-10:00 UTC`; with both days, or dates, where it is longer."""
    at = case.pool.at
    if at is None:
        return ""
    begin = at - timedelta(seconds=seconds)
    if begin.date() == at.date():
        return f"{begin:%a %H:%M}-{at:%H:%M} {at:%Z}".rstrip()
    day = "%a" if seconds < _WEEK else "%d %b"
    return f"{begin:{day} %H:%M} - {at:{day} %H:%M %Z}".rstrip()


def _call(case: Case) -> str:
    name = _CALLS.get(case.pool.library, "the pool's options")
    if case.pool.library == "sqlalchemy" and case.is_async:
        name = "create_async_engine"
    born = case.pool.born_at
    return f"{name}(...), {born.file}:{born.line}" if born is not None else f"{name}(...)"


def _changed(
    settings: Mapping[str, tuple[object, object]], given: frozenset[str] | None
) -> Iterator[str]:
    """An option that stands nowhere yet has nothing to take away."""
    for name, (before, after) in settings.items():
        if before is not None and (given is None or name in given):
            yield f"-    {name}={_spelled(before)},"
        if after is not None:
            yield f"+    {name}={_spelled(after)},"


def _spelled(value: object) -> str:
    """As it stands in a program; `Code` is not quoted."""
    if isinstance(value, Code):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


class Code(str):
    """An expression instead of a value: `NullPool`."""

    __slots__ = ()
