"""Leak suspects as Markdown: the same in a report and in an incident."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..model.findings import Suspect
from ..model.snapshot import StackFrame
from .markdown import code

_MOST_ROWS: Final = 30
_MOST_FRAMES: Final = 12


def lines(
    suspects: Sequence[Suspect],
    mark: str,
    spelled: Callable[[float], str],
    *,
    has_stacks: bool = False,
) -> Iterator[str]:
    """A section under a heading of `mark`; `spelled` says a duration as the rest of the page."""
    if not suspects:
        return
    yield from (f"{mark} Leak suspects ({len(suspects):,})", "")
    for each in suspects[:_MOST_ROWS]:
        yield (
            f"- **{each.verdict.replace('_', ' ')}**, {each.certainty}: {code(each.call_site)} "
            f"held for {spelled(each.held_for)} by {code(each.owner)}{_request(each)}{_end(each)}"
        )
        yield from (f"  - {code(sentence)}" for sentence in each.evidence)
        yield from _stack(each.stack) if has_stacks else ()
    if len(suspects) > _MOST_ROWS:
        yield f"and {len(suspects) - _MOST_ROWS:,} more"
    yield ""


def _request(suspect: Suspect) -> str:
    return f" in {code(suspect.request)}" if suspect.request else ""


def _end(suspect: Suspect) -> str:
    ended = suspect.ended_at
    return f", ended {code(ended.isoformat(timespec='seconds'))}" if ended else ""


def _stack(stack: Sequence[StackFrame]) -> Iterator[str]:
    own = [frame for frame in stack if not frame.is_library]
    for frame in own[:_MOST_FRAMES]:
        yield f"  - at {code(f'{frame.file}:{frame.line} {frame.function}')}"
