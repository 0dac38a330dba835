"""Whoever cuts, picks or sorts a demand treats all of its columns, also those to come."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dashboard.analysis.demand import Rows, newest, rows_of
from dashboard.analysis.scene import set_up
from dashboard.model.whatif import COLUMNS, POOL_CLOSED, RETURNED, Change, Demand, Held, Queued


def numbered(numbers: Sequence[int]) -> Demand:
    """Each request has its number in every column; what can be divided by three never asked."""
    columns: dict[str, Any] = {name: list(numbers) for name in COLUMNS}
    columns["outcome"] = [RETURNED if number % 3 else POOL_CLOSED for number in numbers]
    return Demand(**columns, duration=100.0, size=1)


def numbers(found: Demand | Rows) -> list[int]:
    """Those of the requests that are left, each of which was kept as a whole."""
    names = [name for name in COLUMNS if name != "outcome"]
    left = list(zip(*(getattr(found, name) for name in names), strict=True))
    assert {len(set(row)) for row in left} == {1}
    assert [n % 3 == 0 for n, *_ in left] == [what == POOL_CLOSED for what in found.outcome]
    return [number for number, *_ in left]


def test_every_sequence_of_a_demand_is_a_column() -> None:
    assert COLUMNS == ("asked", "wait", "hold", "outcome", "site", "owner", "host")


def test_newest_requests_are_whole() -> None:
    assert numbers(newest(numbered([1, 2, 3, 4, 5]), 3)) == [3, 4, 5]


def test_picked_requests_are_whole() -> None:
    demand = numbered([1, 2, 3, 4, 5])
    assert numbers(demand.picked(lambda column: column[1:4])) == [2, 3, 4]
    unknown = replace(demand, host=()).picked(lambda column: column[1:4])
    assert (unknown.host, unknown.columns()["host"]) == ((), bytes(3))


def test_some_callers_keep_whole_requests() -> None:
    scene = set_up(numbered(range(1, 101)), Change(share=0.5), 0)
    assert scene is not None
    assert 40 < len(numbers(scene.demand)) < 60


def test_sorted_requests_are_whole() -> None:
    rows = rows_of(numbered([5, 3, 0, 7, 1, 4]))
    rows.asked = [at + 1.0 for at in rows.asked]  # From time 0.
    assert numbers(rows) == [1, 4, 5, 7]


def test_who_holds_or_waits_is_a_whole_row() -> None:
    demand = replace(
        numbered([1]), open=(Held(2.0, 2.0, 2.0, 2, 2, 2),), waiting=(Queued(2.5, 3, 4, 5),)
    )
    rows = rows_of(demand)
    last = [getattr(rows, name)[1:] for name in COLUMNS]
    assert last == [[1.0, 1.5], [2.0, 0.5], [2.0, 0.0], [0, 1], [2, 3], [2, 4], [2, 5]]
