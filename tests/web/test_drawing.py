import math
from datetime import timedelta

import pytest

from dashboard.model.history import History
from dashboard.model.snapshot import PoolSnapshot
from dashboard.web.charts import connections, waits
from dashboard.web.drawing import (
    common_width,
    edges,
    meter,
    narrow_layout,
    row_layout,
    spark,
    wide_layout,
)
from dashboard.web.histograms import histogram
from dashboard.web.histories import bars, known, merge, thin
from tests.web.readings import AT, pool, seen, wave


def counts(given: PoolSnapshot, leaks: int = 0) -> list[int]:
    pairs = edges(row_layout(given, 460), given.used, given.idle, leaks)
    return [end - begin for begin, end in pairs]


@pytest.mark.parametrize(
    ("given", "leaks", "cells"),
    [
        (pool(used=28), 2, [2, 18, 8, 0, 2]),
        (pool(used=11, idle=9), 0, [0, 11, 0, 9, 10]),
        (pool(used=2, idle=3), 0, [0, 2, 0, 3, 25]),
        (pool(), 0, [0, 0, 0, 0, 30]),
        (pool(used=1, size=1, maximum=1), 0, [0, 1, 0, 0, 0]),
        (pool(used=40), 0, [0, 20, 10, 0, 0]),
        (pool(used=3, idle=2, size=None, maximum=None), 0, [0, 3, 0, 2, 0]),
        (pool(used=3), 9, [3, 0, 0, 0, 27]),
    ],
)
def test_slots_are_leak_used_over_idle_none(
    given: PoolSnapshot, leaks: int, cells: list[int]
) -> None:
    assert counts(given, leaks) == cells


def test_all_meters_of_a_table_share_one_scale() -> None:
    pools = [pool("a"), pool("b", size=5, maximum=5)]
    width = common_width(pools)
    drawn = [meter(row_layout(each, width), each, 0) for each in pools]
    assert {m.layout.width for m in drawn} == {478}
    assert {m.layout.pitch for m in drawn} == {11}


def test_above_sixty_slots_is_one_bar() -> None:
    big = pool(used=250, size=300, maximum=500)
    drawn = meter(row_layout(big, 800), big, 0)
    assert drawn.layout.is_bar
    assert {kind: path.count("M") for kind, path in drawn.paths.items()} == {
        "leak": 0, "used": 1, "over": 0, "idle": 0, "none": 1,
    }  # fmt: skip


def test_waiting_callers_are_dots_up_to_ten() -> None:
    queued = pool(used=30, waiting=14)
    drawn = meter(row_layout(queued, 460), queued, 0)
    assert (drawn.dots.count("M"), drawn.more) == (10, 4)


@pytest.mark.parametrize("size", [1, 14, 15, 60, 61, 500])
def test_large_meters_stay_inside_their_view(size: int) -> None:
    given = pool(used=size, waiting=12, size=size, maximum=size)
    for layout in (wide_layout(given), narrow_layout(given)):
        assert layout.end + 10 * layout.dot <= layout.width
        assert meter(layout, given, 0).paths["used"]


def test_meter_says_what_it_shows() -> None:
    given = pool(used=28, waiting=8)
    expected = "28 of 30 in use, 2 suspected, 8 in overflow, 0 idle, 8 waiting"
    assert meter(row_layout(given, 460), given, 2).sentence == expected


def test_sparkline_needs_two_points() -> None:
    assert spark(History(0.0, 1.0, used=(3,)), pool()) is None
    drawn = spark(History(0.0, 1.0, used=(0, 30), pending=(0, 2)), pool())
    assert drawn is not None
    assert (drawn.line, drawn.ticks) == ("M0 26.0L120 3.0", (120.0,))


def test_wait_line_breaks_where_nothing_happened() -> None:
    history = History(0.0, 1.0, used=(1,) * 4, wait_p99=(0.1, None, 0.1, 0.1), wait_p50=(None,) * 4)
    plot = waits(history, AT.tzinfo)
    assert plot is not None
    assert [series.line.count("M") for series in plot.series] == [2]
    assert [series.area for series in plot.series] == [""]


def test_overflow_is_drawn_on_top_of_size() -> None:
    plot = connections(wave(top=28), pool(), AT.tzinfo)
    assert plot is not None
    assert [series.label for series in plot.series] == ["in use", "overflow"]
    assert plot.limit is not None
    assert len(plot.rows) <= 12


def test_merged_history_adds_levels_and_keeps_the_slowest() -> None:
    one = History(0.0, 1.0, used=(1, 2), pending=(0, 1), wait_p99=(None, 0.1))
    two = History(0.0, 1.0, used=(3, 4), pending=(2, 0), wait_p99=(0.2, 0.05))
    both = merge([one, two])
    assert (both.used, both.pending, both.wait_p99) == ((4, 6), (2, 1), (0.2, 0.1))


def test_pool_that_came_later_counts_from_then_on() -> None:
    old = History(0.0, 1.0, used=(1, 2, 3), pending=(0, 0, 1), wait_p99=(0.1, 0.1, None))
    young = History(2.0, 1.0, used=(5,), pending=(2,), wait_p99=(0.3,))
    assert merge([young, old]).used == (1, 2, 8)
    assert merge([young, old]).wait_p99 == (0.1, 0.1, 0.3)


def test_steps_before_the_watch_are_not_drawn_as_zero() -> None:
    start = AT.timestamp() - 4
    history = History(start, 1.0, used=(0, 0, 0, 7), pending=(0, 0, 0, 1))
    seen_since = known(history, AT - timedelta(seconds=1.5))
    assert (seen_since.start, seen_since.used, seen_since.pending) == (start + 2, (0, 7), (0, 1))
    assert known(history, None) is history


def test_thinning_keeps_peaks() -> None:
    thinned = thin(History(0.0, 1.0, used=(1, 9, 2, 3), pending=(0, 0, 4, 0)), 2)
    assert (thinned.step, thinned.used, thinned.pending) == (2.0, (9, 3), (0, 4))


def test_rate_bars_mark_failures() -> None:
    history = History(0.0, 1.0, checkouts=(10, 20), timeouts=(0, 1), errors=(0, 0))
    assert bars([history]) == ((0.0, 40.0, 50.0, False), (50.0, 40.0, 100.0, True))
    assert bars([]) == ()


def test_histogram_bars_cover_every_value() -> None:
    drawn = histogram(seen(0.0001, 0.001, 0.5, 0.5))
    assert drawn is not None
    assert drawn.count == 4
    assert math.isclose(min(top for _, _, top, _ in drawn.bars), 0)
    assert [name for name, _ in drawn.points] == ["p50", "p95", "p99", "longest"]
    assert histogram(seen()) is None


def test_histogram_of_one_value_says_it() -> None:
    one, two = histogram(seen(0.5)), histogram(seen(0.5, 0.5))
    assert one is not None
    assert two is not None
    assert one.sentence == "1 value, 516 ms"
    assert two.sentence == "2 values, half of them below 516 ms"
