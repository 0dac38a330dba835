"""Durations and numbers, as every sentence spells them."""

import pytest

from dashboard.analysis.sentences import span
from dashboard.analysis.words import between, fitting, long, spread


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.9996, "1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (97.0, "1 min 37 s"),
        (97.9, "1 min 37 s"),
        (320.0, "5 min 20 s"),
        (3600.0, "1 h"),
        (19_200.0, "5 h 20 min"),
        (172_800.0, "2 days"),
        (187_200.0, "2 days 4 h"),
    ],
)
def test_duration_is_spelled_one_way(seconds: float, text: str) -> None:
    assert (span(seconds), long(seconds)) == (text, text)


def test_hardly_anything_is_no_figure() -> None:
    assert [long(each) for each in (0.0, 0.00004, 0.0001)] == ["0 ms", "<0.1 ms", "0.1 ms"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.001, 0.009, "1..9 ms"),
        (0.8, 1.9, "800 ms..1.9 s"),
        (1.2, 1.9, "1.2..1.9 s"),
        (40.0, 97.0, "40 s..1 min 37 s"),
    ],
)
def test_range_names_a_unit_it_shares_once(low: float, high: float, text: str) -> None:
    assert between(low, high) == text
    assert spread(low, high) == f"{span(low)} to {span(high)}"


def test_word_fits_the_number() -> None:
    assert [fitting(each, "is", "are") for each in (0, 1, 1.0, 2)] == ["are", "is", "is", "are"]
