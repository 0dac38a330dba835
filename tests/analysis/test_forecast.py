from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dashboard.analysis import forecast
from dashboard.analysis.suspects import find
from dashboard.model.findings import Suspect
from dashboard.model.snapshot import PoolSnapshot
from tests.analysis.held import AT, AUDIT, ORDERS, held, left, line, pool, seen, snapshot


def leaking(count: int = 3, **changes: Any) -> tuple[PoolSnapshot, list[Suspect]]:
    """So many orphans of one line in two hours, in a pool of twenty."""
    out = [left(100.0 * n, n, ended=100.0 * n - 1) for n in range(1, count + 1)]
    given = pool(*out, max=20, since=AT - timedelta(hours=2), **changes)
    return given, find(snapshot(given))


def test_drain_says_when_the_pool_is_exhausted() -> None:
    (drain,) = forecast.of(*leaking())
    assert (drain.call_site, drain.suspects, drain.observed) == (ORDERS, 3, 7200.0)
    assert drain.every == 2400.0
    assert drain.left == 17.0
    assert drain.exhausted_in == 17 * 2400.0
    assert drain.sentence == (
        "3 suspects at shop/orders.py:88, one slot lost every 40 min, exhausted in about "
        "11 h 20 min (5 h 20 min to 42 h)"
    )


def test_interval_is_that_of_a_gamma_distribution() -> None:
    """Shape 3: 0.8177 and 6.2958 are its 5 % and 95 % quantiles."""
    (drain,) = forecast.of(*leaking())
    assert drain.low == pytest.approx(17 * 7200 / 6.2958, rel=0.03)
    assert drain.high == pytest.approx(17 * 7200 / 0.8177, rel=0.03)


def test_one_loss_makes_no_rate() -> None:
    (drain,) = forecast.of(*leaking(1))
    assert (drain.exhausted_in, drain.low, drain.high) == (None, None, None)
    assert drain.sentence == "1 suspect at shop/orders.py:88"


@pytest.mark.parametrize(
    ("count", "observed", "is_said"), [(2, 7200, False), (3, 59, False), (3, 61, True)]
)
def test_rate_takes_three_losses_and_a_minute(
    count: int, observed: float, *, is_said: bool
) -> None:
    given, found = leaking(count)
    given = replace(given, since=AT - timedelta(seconds=observed))
    (drain,) = forecast.of(given, found)
    assert ("one slot lost every" in drain.sentence) is is_said
    assert (drain.exhausted_in is not None) is is_said
    assert drain.every == observed / count


def test_losses_at_once_make_no_rate() -> None:
    """Half a minute is the least that they are spread over."""
    out = [left(100.0 + 0.02 * n, n, ended=99.0) for n in range(1, 5)]
    given = pool(*out, max=20, since=AT - timedelta(hours=2))
    (drain,) = forecast.of(given, find(snapshot(given)))
    assert drain.sentence == "4 suspects at shop/orders.py:88, taken within 60 ms"
    assert (drain.exhausted_in, drain.low, drain.high) == (None, None, None)


def test_busy_times_need_their_slots() -> None:
    given, found = leaking(use_time=seen([1.0] * 9000), window=900.0)
    (drain,) = forecast.of(given, found)
    assert drain.left == pytest.approx(20 - 3 - (10 + 1.645 * 10**0.5), abs=0.5)
    (drain,) = forecast.of(given, found, busy=17.0)
    assert drain.exhausted_in == 0.0
    assert drain.sentence.endswith("one slot lost every 40 min, none is left for busy times")


def test_lines_share_what_is_left() -> None:
    mine, _ = leaking(2)
    other = left(50.0, 9, ended=49.0, call_site=AUDIT)
    given = replace(mine, open=(*mine.open, other), call_sites=(line(), line(site=AUDIT)))
    first, second = forecast.of(given, find(snapshot(given)))
    assert (first.suspects, second.suspects) == (2, 1)
    assert first.exhausted_in == second.exhausted_in == 17 * 2400.0


def test_pool_without_bound_only_loses() -> None:
    given, found = leaking()
    (drain,) = forecast.of(replace(given, max=None), found)
    assert drain.exhausted_in is None
    assert drain.sentence == (
        "3 suspects at shop/orders.py:88, one slot lost every 40 min (19 min to 2 h 30 min)"
    )


def test_every_suspect_of_the_line_tells_it() -> None:
    given, found = leaking()
    (drain,) = forecast.of(given, found)
    assert [each.evidence[-1] for each in found] == [drain.sentence] * 3


def test_what_may_come_back_is_no_loss() -> None:
    doubtful = pool(held(90.0, 1, in_use_by="a cursor"), held(90.0, 2, in_use_by="a cursor"))
    found = find(snapshot(doubtful))
    assert [each.certainty for each in found] == ["possible"] * 2
    assert forecast.of(doubtful, found) == ()
    assert not any("lost every" in said for each in found for said in each.evidence)
