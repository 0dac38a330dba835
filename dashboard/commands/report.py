"""What `pool-dashboard check` prints, for people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..analysis.budget import Budget
from ..model.findings import Advice
from ..model.snapshot import PoolSnapshot

_INDENT = "  "


@dataclass(frozen=True)
class Checked:
    """A pool, and what to change in its settings."""

    pool: PoolSnapshot
    advice: Sequence[Advice]


def text_of(checked: Sequence[Checked], budgets: Iterable[Budget]) -> str:
    """A block for each pool that has findings, then the budget, then the sum."""
    lines = [line for each in checked for line in _block(each)]
    lines += [line for each in budgets for line in _budget(each)]
    found = sum(len(each.advice) for each in checked)
    lines.append(f"{_many(len(checked), 'pool')} checked, {_many(found, 'finding')}")
    return "\n".join(lines) + "\n"


def _block(checked: Checked) -> Iterator[str]:
    pool = checked.pool
    about = " ".join(each for each in (pool.library, pool.kind, pool.address) if each)
    if not checked.advice:
        yield f"{pool.name} ({about}): nothing to change"
        return
    yield f"{pool.name} ({about})"
    for advice in checked.advice:
        yield f"{_INDENT}{advice.severity} {advice.rule}: {advice.title}"
        for sentence in (*advice.evidence, advice.effect):
            if sentence:
                yield f"{_INDENT * 2}{sentence}"
        yield from (f"{_INDENT * 3}{line}".rstrip() for line in advice.change.splitlines())
    yield ""


def _budget(budget: Budget) -> Iterator[str]:
    word = "too many" if budget.is_broken else "enough"
    yield f"{budget.server}: {word}. {budget.sentence()}"
    yield f"{_INDENT}{budget.formula()}; {budget.reserve()}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
