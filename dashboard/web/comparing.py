"""Pools before and after each mark: for the page, the API and the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from ..analysis.comparing import change, gave_up, predicted, predicted_share, sentences, waited
from ..model.comparison import Comparison
from ..model.period import Period
from . import format as fmt
from .frame import element_id
from .markdown import code
from .shapes import plain


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison; `rows` are a name, before, predicted, measured; `key` stays over swaps."""

    time: str
    mark: str
    pool: str
    changed: tuple[str, ...]
    sentences: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    key: str


def compared(found: Sequence[Comparison], zone: tzinfo | None) -> tuple[Compared, ...]:
    """For the page."""
    return tuple(_compared(each, zone) for each in found)


def _compared(each: Comparison, zone: tzinfo | None) -> Compared:
    return Compared(
        time=f"{datetime.fromtimestamp(each.mark.at, zone):%H:%M:%S}",
        mark=each.mark.text,
        pool=each.pool,
        changed=tuple(map(change, each.changed)),
        sentences=sentences(each),
        rows=tuple(_rows(each)),
        key=element_id(f"{each.mark.at:.3f} {each.pool}"),
    )


def _rows(each: Comparison) -> Iterator[tuple[str, str, str, str]]:
    before, after, row = each.before, each.after, each.expected.row
    waits = waited(before, each.timeout), waited(after, each.timeout)
    for q in (50, 95, 99):
        then, now = (fmt.duration(side.percentile(q)) for side in waits)
        yield f"Wait p{q}", f"{then}", predicted(row, q) or fmt.NOTHING, f"{now}"
    gone = predicted_share(each) or fmt.NOTHING
    yield "Timeouts", f"{gave_up(before):.1%}", gone, f"{gave_up(after):.1%}"
    names = ("Hold p95", "In use", "Checkouts/s")
    for name, left, right in zip(names, _figures(before), _figures(after), strict=True):
        yield name, left, "", right


def _figures(period: Period) -> tuple[str, str, str]:
    return (
        f"{fmt.duration(period.use_time.percentile(95))}",
        fmt.NOTHING if period.used is None else f"{period.used:.1f}",
        f"{fmt.rate(period.checkouts / period.seconds)}",
    )


def objects(found: Sequence[Comparison]) -> list[object]:
    """For the API: the fields, and the sentences."""
    return [{**_fields(each), "sentences": list(sentences(each))} for each in found]


def _fields(each: Comparison) -> dict[str, object]:
    shown = plain(each)
    return {f"{name}": value for name, value in shown.items()} if isinstance(shown, dict) else {}


def lines(found: Sequence[Comparison]) -> Iterator[str]:
    """For the report."""
    if not found:
        return
    yield from (f"## Before and after ({len(found):,})", "")
    for each in found:
        at = datetime.fromtimestamp(each.mark.at).astimezone().isoformat(timespec="seconds")
        listed = "".join(f", {code(change(one))}" for one in each.changed)
        yield f"- {code(at)} {code(each.mark.text)}, pool {code(each.pool)}{listed}"
        yield from (f"  - {code(text)}" for text in sentences(each))
    yield ""
