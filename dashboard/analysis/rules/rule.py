"""What a rule is: a function of a case, its paragraph, and when it may speak."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ...model.findings import Advice
from ..case import Case
from ..diffs import diff

#: What a rule must have seen: settings alone, a watched pool, or a trace that can be replayed.
SETTINGS, WATCH, TRACE = "settings", "watch", "trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule found; the rest of the advice is the rule's own.

    `settings` is a change of options, by name: as it is and as it should be; an option that is
    not set yet has None before. `code` follows. `reasons` stand above the diff, `unknown` below.
    `benefit` compares the advice with itself over time: seconds of p95, or a count. `is_replayed`
    figures come from the requests that were replayed, not from all of the watch.
    """

    title: str
    evidence: tuple[str, ...]
    effect: str
    severity: str = "warning"
    confidence: str = "high"
    settings: Mapping[str, tuple[object, object]] | None = None
    code: str = ""
    reasons: tuple[str, ...] = ()
    unknown: str = ""
    held_back: str = ""
    benefit: float | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`why` explains it in a paragraph, `silent` says when it keeps silent."""

    id: str
    name: str
    needs: str
    why: str
    silent: str
    look: Callable[[Case], Found | None]

    def __call__(self, case: Case) -> Advice | None:
        """The advice, None when there is nothing to say."""
        found = self.look(case)
        if found is None:
            return None
        return Advice(
            rule=self.id,
            pool=case.pool.name,
            severity=found.severity,
            title=found.title,
            evidence=found.evidence,
            change=diff(case, self.id, found) if not found.held_back else "",
            effect=found.effect,
            confidence=found.confidence,
            why=self.why,
            held_back=found.held_back,
            benefit=found.benefit,
        )


def rule(
    number: str, name: str, *, needs: str, why: str, silent: str
) -> Callable[[Callable[[Case], Found | None]], Rule]:
    """Make a rule of a function."""

    def made(look: Callable[[Case], Found | None]) -> Rule:
        return Rule(
            id=number,
            name=name,
            needs=needs,
            why=" ".join(why.split()),
            silent=" ".join(silent.split()),
            look=look,
        )

    return made


#: Words for what cannot be known, shared by the rules that change a size.
BEYOND: Final = "the server's own limits above {most} concurrent (never observed)"
