import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.recorder.trace import ROW, Request, Trace


def rows(first: int, count: int) -> list[list[float]]:
    numbers: list[float] = list(range(first, first + count))
    return [
        numbers,
        [0.5] * count,
        [0.25] * count,
        numbers,
        numbers,
        numbers,
        [0] * count,
        [0] * count,
    ]


def asked(trace: Trace) -> list[float]:
    return [each.asked for each in trace]


def test_row_is_read_as_written() -> None:
    trace = Trace()
    trace.extend(1, [12.5], [0.5], [0.0], [7], [2**32 - 1], [65_535], [9], [1])
    trace.extend(1, [13.0], [0.5], [2.0], [8], [9], [3], [0], [0])
    assert list(trace) == [
        Request(12.5, 0.5, None, 7, 2**32 - 1, 65_535, "timeout", 9),
        Request(13.0, 0.5, 2.0, 8, 9, 3, "returned"),
    ]
    assert (len(trace), trace.memory) == (2, 2 * ROW)


@given(most=st.integers(1, 40), sizes=st.lists(st.integers(1, 90), max_size=12))
def test_newest_stay_whatever_the_batches(most: int, sizes: list[int]) -> None:
    trace = Trace(most)
    written = 0
    for size in sizes:
        trace.extend(size, *rows(written, size))
        written += size
    assert asked(trace) == list(range(max(0, written - most), written))
    assert list(trace.newest(3).asked) == asked(trace)[-3:]
    assert list(trace.newest(3).site) == [int(each) for each in asked(trace)[-3:]]


def test_shrunk_ring_keeps_the_newest_and_goes_on() -> None:
    trace = Trace(3000)
    trace.extend(4000, *rows(0, 4000))
    trace.shrink(2000)
    assert asked(trace) == list(range(2000, 4000))
    trace.extend(500, *rows(4000, 500))
    assert asked(trace) == list(range(2500, 4500))
    trace.shrink(1)
    assert len(trace) == 256


def test_readers_see_whole_rows() -> None:
    trace = Trace(500)
    is_over = threading.Event()

    def write() -> None:
        for first in range(0, 30_000, 100):
            trace.extend(100, *rows(first, 100))
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not is_over.is_set():
        newest = trace.newest(500)
        assert list(newest.asked) == list(newest.owner)
    writer.join()


def test_columns_must_be_complete() -> None:
    with pytest.raises(ValueError, match="zip"):
        Trace().extend(1, [1.0], [1.0])
