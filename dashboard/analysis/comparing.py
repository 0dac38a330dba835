"""What was expected of a change beside what was measured after it, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from ..model.comparison import Changed, Comparison
from ..model.distribution import RELATIVE_ERROR, Distribution, buckets_of
from ..model.period import Period
from ..model.whatif import Range, Row
from .words import long, many

#: Seconds that a measured wait may lie beside a range and still be as predicted.
_SLACK: Final = 0.001
#: From this share on the load, or the holds, are other ones than those that were replayed.
_OTHER: Final = 0.25
_TWICE: Final = 2


def sentences(comparison: Comparison) -> tuple[str, ...]:
    """`p95 wait: predicted 12-40 ms, measured 31 ms, as predicted.`; why not, where it was not."""
    row, waits = comparison.expected.row, waited(comparison.after, comparison.timeout)
    told = [] if row is None else [*_waits(row, waits), *_gone(comparison, row)]
    if not told:
        return (_unknown(comparison),)
    return (*told, _replayed(comparison), *_differences(comparison, told))


def waited(period: Period, timeout: float | None) -> Distribution:
    """Of everybody who asked: one that gave up waited for as long as `timeout`."""
    if not period.timeouts or timeout is None:
        return period.wait_time
    (bucket,) = buckets_of([timeout])
    counts = Counter(period.wait_time.counts)
    counts[bucket] += period.timeouts
    return Distribution(counts)


def gave_up(period: Period) -> float:
    """The share of those who asked."""
    asked = period.checkouts + period.timeouts
    return period.timeouts / asked if asked else 0.0


def predicted(row: Row | None, q: int) -> str:
    """A wait as it was predicted, such as `12-40 ms`; empty where it was not."""
    if row is None:
        return ""
    given: dict[int, Range | None] = {50: row.p50_range, 95: row.range, 99: row.p99_range}
    point: dict[int, float | None] = {50: row.p50, 95: row.p95, 99: row.p99}
    if given[q] is not None:
        return _range(*given[q] or (0.0, 0.0))
    alone = point[q]
    return "" if alone is None else _short(alone)


def predicted_share(comparison: Comparison) -> str:
    """Who would give up, as a share of those who ask; empty where it was not predicted."""
    row, requests = comparison.expected.row, comparison.expected.requests
    if row is None or row.timeouts is None or not requests:
        return ""
    low, high = row.timeouts_range or (row.timeouts, row.timeouts)
    first, last = f"{low / requests:.1%}", f"{high / requests:.1%}"
    return first if first == last else f"{first[:-1]}-{last}"


def change(each: Changed) -> str:
    """`pool_size 5 -> 10`."""
    before, after = ("not set" if v is None else v for v in (each.before, each.after))
    return f"{each.option} {before} -> {after}"


def _waits(row: Row, waits: Distribution) -> Iterator[str]:
    for q in (95, 50, 99):
        told, measured = predicted(row, q), waits.percentile(q)
        if told and measured is None:
            yield f"p{q} wait: predicted {told}, not measured yet."
        elif told and measured is not None:
            span = {50: row.p50_range, 95: row.range, 99: row.p99_range}[q]
            verdict = "" if span is None else f", {_verdict(measured, span)}"
            yield f"p{q} wait: predicted {told}, measured {_short(measured)}{verdict}."


def _verdict(measured: float, span: Range) -> str:
    slack = max(_SLACK, RELATIVE_ERROR * measured)
    if measured < span[0] - slack:
        return "shorter than predicted"
    return "longer than predicted" if measured > span[1] + slack else "as predicted"


def _gone(comparison: Comparison, row: Row) -> Iterator[str]:
    told, share = predicted_share(comparison), gave_up(comparison.after)
    if told and (row.timeouts or comparison.after.timeouts):
        yield f"Timeouts: predicted {told} of the callers, measured {share:.1%}."


def _replayed(comparison: Comparison) -> str:
    expected, row = comparison.expected, comparison.expected.row
    changed = [each for each in comparison.changed if _is_replayed(each)]
    rest = [each.option for each in comparison.changed if not _is_replayed(each)]
    with_ = f", with {', '.join(map(change, changed))}" if changed else ", with the same settings"
    grade = "" if row is None else f" Grade {row.grade}."
    beside = f" {_listed(rest)} changed too; the replay knows nothing of it." if rest else ""
    return (
        f"Predicted from {many(expected.requests, 'request')} in the {_short(expected.seconds)} "
        f"before{with_}.{grade}{beside}"
    )


#: Options that the replay knows.
REPLAYED: Final = frozenset(
    {"pool_size", "max_overflow", "pool_timeout", "max_size", "limit", "limit_per_host", "connect"}
)


def _is_replayed(each: Changed) -> bool:
    """A `connect` of asyncpg is the name of a function, one of aiohttp a time."""
    return each.option in REPLAYED and not isinstance(each.after, str)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)


def _differences(comparison: Comparison, told: Sequence[str]) -> Iterator[str]:
    """What else is not as it was in the requests that were replayed."""
    if not any("than predicted" in each for each in told):
        return
    before, after = comparison.before, comparison.after
    load = after.checkouts / after.seconds / (before.checkouts / before.seconds)
    if load >= _TWICE:
        yield f"There were {load:.2g} times as many checkouts as before."
    elif abs(load - 1) > _OTHER:
        words = "more" if load > 1 else "fewer"
        yield f"There were {abs(load - 1):.0%} {words} checkouts than before."
    then, now = before.use_time.percentile(50), after.use_time.percentile(50)
    if then and now and abs(now / then - 1) > _OTHER:
        yield f"Holds changed from {long(then)} to {long(now)} (median)."


def _unknown(comparison: Comparison) -> str:
    reason = comparison.expected.reason or "nothing was measured"
    return f"Not predicted: {reason[:1].lower()}{reason[1:]}".rstrip(".") + "."


def _short(seconds: float) -> str:
    """Two digits: no prediction is known to three."""
    return long(float(f"{seconds:.2g}"))


def _range(low: float, high: float) -> str:
    first, last = _short(low), _short(high)
    if first == last:
        return first
    amount, _, unit = first.partition(" ")
    return f"{amount}-{last}" if last.endswith(f" {unit}") else f"{first} to {last}"
