import pytest

from dashboard.web import format as fmt


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.00001, "<0.1 ms"),
        (0.0004, "0.4 ms"),
        (0.00994, "9.9 ms"),
        (0.00995, "10 ms"),
        (0.412, "412 ms"),
        (0.9999, "1.00 s"),
        (2.14, "2.14 s"),
        (59.999, "1 min 0 s"),
        (277.0, "4 min 37 s"),
        (11_100.0, "3 h 5 min"),
        (187_200.0, "2 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert str(fmt.duration(seconds)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01, "<0.1"), (0.25, "0.3"), (9.4, "9.4"), (9.96, "10"), (1283.4, "1,283")],
)
def test_rates_keep_one_decimal_below_ten(value: float, text: str) -> None:
    assert fmt.rate(value) == text


def test_small_share_is_not_nothing() -> None:
    assert [fmt.percent(share) for share in (0.0, 0.004, 0.41, 1.0)] == [
        "0 %",
        "<1 %",
        "41 %",
        "100 %",
    ]


def test_windows_are_whole() -> None:
    assert [fmt.span(seconds) for seconds in (900.0, 21600.0, 30.0)] == ["15 min", "6 h", "30.00 s"]


def test_plural_agrees() -> None:
    assert [fmt.plural(n, "caller") for n in (0, 1, 1200)] == [
        "0 callers",
        "1 caller",
        "1,200 callers",
    ]
