"""What the what-if card shows: waits, timeouts and idle slots against the size of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl

from ..model.snapshot import PoolSnapshot
from ..model.whatif import Prediction, Row, Thumb
from . import format as fmt
from .charts import Mark, Scale, Series, draw, logarithmic

_TOP: Final = 8.0
_HEIGHT: Final = 146.0
_GRADES: Final = {
    "A": "the trace shows it",
    "B": "with a wide range, or after a correction that was fitted to the trace",
    "C": "a direction rather than a number",
    "D": "a range at the most",
}
#: The options that set the size and the overflow, by library.
_OPTIONS: Final = {
    "sqlalchemy": ("pool_size", "max_overflow"),
    "asyncpg": ("max_size", ""),
    "aiohttp": ("limit", ""),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over sizes: each size is one step across, whatever lies between."""

    name: str
    sentence: str
    series: tuple[Series, ...]
    band: str
    across: tuple[Mark, ...]
    down: tuple[Mark, ...]
    labels: tuple[str, ...]

    @property
    def width(self) -> int:
        """In steps."""
        return max(1, len(self.labels) - 1)

    @property
    def texts(self) -> list[tuple[str, tuple[str, ...]]]:
        """What the cursor says at each size."""
        return [(each.label, each.texts) for each in self.series]


@dataclass(frozen=True, slots=True)
class Choice:
    """One size in words; `setting` is what to copy, `at` its place in per cent."""

    row: Row
    at: float
    label: str
    p50: str
    p95: str
    p99: str
    range: str
    timeouts: str
    idle: str
    sentence: str
    setting: str
    is_present: bool


class Outlook:
    """The prediction of one pool."""

    def __init__(
        self,
        pool: PoolSnapshot,
        prediction: Prediction,
        wanted: str = "",
        as_it_is: Prediction | None = None,
    ) -> None:
        """`wanted` is the size that the address names.

        `as_it_is` are the present settings, where `prediction` is of another limit to each host.
        """
        self.pool = pool
        self.prediction = prediction
        self._wanted = wanted
        self._as_it_is = as_it_is

    @cached_property
    def limit_per_host(self) -> int | None:
        """That of the prediction, 0 for none; None where it may not be chosen.

        A pool of another library has none, without hosts it is not replayed, and a question
        changes one thing only.
        """
        if self.prediction.answer or self.pool.library != "aiohttp":
            return None
        found = (row.limit_per_host for row in self.prediction.rows)
        return next((each for each in found if each is not None), None)

    @property
    def own_limit_per_host(self) -> int:
        """The pool's own, 0 for none."""
        return _own_limit(self.pool)

    @cached_property
    def as_it_is(self) -> str:
        """What the present settings give, where something else is shown."""
        rows = () if self._as_it_is is None else self._as_it_is.rows
        if not rows or rows[0].limit_per_host == self.limit_per_host:
            return ""
        return self._choice(rows[0], 0.0).sentence

    def kept(self, action: str) -> list[tuple[str, str]]:
        """What a form about the limit carries along: all of the address but the limit."""
        others = ("limit_per_host", "size")
        asked = [pair for pair in parse_qsl(action.removeprefix("?")) if pair[0] not in others]
        return [*asked, ("size", f"{self.choices[self.chosen].row.size}")]

    @property
    def thumbs(self) -> Sequence[Thumb]:
        """Rules of thumb that people may have read."""
        return self.prediction.thumbs

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """By size."""
        rows = self.prediction.rows
        last = max(1, len(rows) - 1)
        return tuple(self._choice(row, place / last * 100) for place, row in enumerate(rows))

    @cached_property
    def chosen(self) -> int:
        """The place of the size that is shown: the wanted one, else the present one."""
        for place, choice in enumerate(self.choices):
            if str(choice.row.size) == self._wanted:
                return place
        sizes = enumerate(row.size for row in self.prediction.rows)
        present = [place for place, size in sizes if size == self.pool.size]
        return present[0] if present else len(self.choices) // 2

    def _choice(self, row: Row, at: float) -> Choice:
        asked = max(1, self.prediction.collected)
        timeouts = "none" if not row.timeouts else fmt.percent(row.timeouts / asked)
        return Choice(
            row=row,
            at=round(at, 2),
            label=f"{row.size} + {row.overflow}" if row.overflow > 0 else f"{row.size}",
            p50=str(fmt.duration(row.p50)),
            p95=str(fmt.duration(row.p95)),
            p99=str(fmt.duration(row.p99)),
            range=_range(row),
            timeouts=fmt.NOTHING if row.timeouts is None else timeouts,
            idle=fmt.percent(row.idle_share),
            sentence=_sentence(row, timeouts, _to_each(row, self.own_limit_per_host)),
            setting=_setting(self.pool, row),
            is_present=row.size == self.pool.size
            and row.limit_per_host in {None, self.own_limit_per_host},
        )

    @property
    def data(self) -> list[tuple[float, str, str, int]]:
        """For the slider: place, sentence and setting of every size, and the size."""
        return [(each.at, each.sentence, each.setting, each.row.size) for each in self.choices]

    @cached_property
    def waits(self) -> Curve | None:
        """Wait against size on a logarithmic scale, with the range of p95."""
        rows = self.prediction.rows
        known = [value for row in rows for value in (row.p50, row.p95, row.p99, *_ends(row))]
        values = [value for value in known if value is not None]
        if len(rows) < 2 or not values:
            return None
        scale = logarithmic(values)
        series = tuple(
            draw(label, kind, [getattr(row, label) for row in rows], scale, _duration)
            for label, kind in (("p99", "wait"), ("p95", "use"), ("p50", "median"))
        )
        best = f"p95 from {self.choices[0].p95} at {rows[0].size}"
        return Curve(
            name="wait by size",
            sentence=f"Predicted wait, {best} to {self.choices[-1].p95} at {rows[-1].size}",
            series=series,
            band=_band(rows, scale),
            across=scale.marks,
            down=self._down(),
            labels=tuple(f"{choice.label} connections" for choice in self.choices),
        )

    @cached_property
    def shares(self) -> Curve | None:
        """Timeouts and idle slots against size, as shares."""
        rows, asked = self.prediction.rows, max(1, self.prediction.collected)
        if len(rows) < 2 or all(row.idle_share is None for row in rows):
            return None
        marks = tuple(Mark(round(_TOP + _HEIGHT * n / 2, 1), f"{100 - 50 * n} %") for n in range(3))
        scale = Scale(lambda value: 100 - min(1.0, value) * 100, marks)
        gone = [None if row.timeouts is None else row.timeouts / asked for row in rows]
        idle = [row.idle_share for row in rows]
        return Curve(
            name="shares by size",
            sentence="Predicted share of callers that time out, and of slots that are idle",
            series=(
                draw("timeouts", "over", gone, scale, fmt.percent),
                draw("idle", "idle", idle, scale, fmt.percent),
            ),
            band="",
            across=marks,
            down=self._down(),
            labels=tuple(f"{choice.label} connections" for choice in self.choices),
        )

    def _down(self) -> tuple[Mark, ...]:
        return tuple(Mark(choice.at, str(choice.row.size)) for choice in self.choices)


def _duration(value: float | None) -> str:
    return str(fmt.duration(value))


def _ends(row: Row) -> Sequence[float]:
    return row.range or ()


def _range(row: Row) -> str:
    if row.range is None:
        return fmt.NOTHING
    low, high = (str(fmt.duration(value)) for value in row.range)
    return low if low == high else f"{low} to {high}"


def _band(rows: Sequence[Row], scale: Scale) -> str:
    """The range of p95 where there is one, as one area for each stretch of sizes."""
    stretches: list[list[tuple[int, float, float]]] = [[]]
    for place, row in enumerate(rows):
        if row.range is None:
            stretches.append([])
        else:
            stretches[-1].append((place, *row.range))
    return "".join(_area(stretch, scale) for stretch in stretches if len(stretch) > 1)


def _area(stretch: Sequence[tuple[int, float, float]], scale: Scale) -> str:
    upper = [f"{place} {scale.place(high):.1f}" for place, _, high in stretch]
    lower = [f"{place} {scale.place(low):.1f}" for place, low, _ in reversed(stretch)]
    return f"M{' L'.join([*upper, *lower])} Z"


def _sentence(row: Row, timeouts: str, to_each: str) -> str:
    size = fmt.plural(row.size, "connection")
    more = f" and {row.overflow} overflow" if row.overflow > 0 else ""
    what = f"{size}{more}{to_each}"
    if row.p95 is None:
        within = f" p95 between {_range(row)}," if row.range is not None else ""
        return f"{what}:{within} grade {row.grade}, {_GRADES[row.grade]}. {row.note}".strip()
    gone = "nobody times out" if timeouts == "none" else f"{timeouts} time out"
    spread = f" ({_range(row)})" if row.range is not None else ""
    idle = (
        "" if row.idle_share is None else f", slots idle {fmt.percent(row.idle_share)} of the time"
    )
    return (
        f"{what}: 95 of 100 callers wait up to {fmt.duration(row.p95)}{spread}, "
        f"{gone}{idle}. Grade {row.grade}: {_GRADES[row.grade]}. {row.note}"
    ).strip()


def _own_limit(pool: PoolSnapshot) -> int:
    given = pool.config.get("limit_per_host")
    return given if isinstance(given, int) else 0


def _to_each(row: Row, own: int) -> str:
    """Said where there is a limit to each host, or where the pool's own is taken away."""
    if row.limit_per_host:
        return f", at most {row.limit_per_host:,} to each host"
    return ", no limit to each host" if row.limit_per_host == 0 and own else ""


def _setting(pool: PoolSnapshot, row: Row) -> str:
    size, overflow = _OPTIONS.get(pool.library, ("size", ""))
    more = f", {overflow}={row.overflow}" if overflow and row.overflow >= 0 else ""
    each = row.limit_per_host
    if each is not None and (each or _own_limit(pool)):
        more += f", limit_per_host={each}"
    return f"{size}={row.size}{more}"
