"""Before and after a mark, on the page and in the API."""

import re
from dataclasses import replace

from dashboard.model.comparison import Changed, Comparison, Expected
from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.history import Mark
from dashboard.model.period import Period
from dashboard.model.whatif import Row

from .crowded import AT, pool
from .test_advice import Wise, ask, wise


def _took(seconds: float, count: int) -> Distribution:
    return Distribution(dict.fromkeys(buckets_of([seconds]), count))


BEFORE = Period(
    start=0.0,
    end=100.0,
    wait_time=_took(0.2, 997),
    use_time=_took(0.01, 997),
    checkouts=997,
    timeouts=3,
    used=4.5,
)
AFTER = replace(BEFORE, wait_time=_took(0.031, 997), timeouts=0)
COMPARED = Comparison(
    mark=Mark(AT.timestamp(), "deploy 1.4.2"),
    pool="orders",
    before=BEFORE,
    after=AFTER,
    changed=(Changed("pool_size", 5, 10), Changed("pool_recycle", -1, 900)),
    expected=Expected(
        row=Row(
            size=10, p50=0.0, p50_range=(0.0, 0.0), p95=0.02, range=(0.012, 0.04), timeouts=1.0,
            timeouts_range=(0.0, 2.0), grade="B",
        ),
        requests=1000,
        seconds=600.0,
    ),
    timeout=30.0,
)  # fmt: skip


def test_mark_sets_before_beside_after() -> None:
    text = ask("/advice", wise(compared=[COMPARED])).text
    assert "deploy 1.4.2</b> pool_size 5 -&gt; 10, pool_recycle -1 -&gt; 900" in text
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text)
    told = {name: re.findall(r'<td class="r">(.*?)</td>', cells) for name, cells in rows}
    assert told["Wait p95"] == ["199 ms", "12-40 ms", "31 ms"]
    assert told["Timeouts"] == ["0.3%", "0.0-0.2%", "0.0%"]
    assert told["Hold p95"] == ["10 ms", "", "10 ms"]
    assert told["In use"] == ["4.5", "", "4.5"]
    assert "p95 wait: predicted 12-40 ms, measured 31 ms, as predicted." in text


def test_page_s_figures_are_in_the_api() -> None:
    given = Wise(
        pools={"orders": pool("orders")},
        compared=[COMPARED],
        collected={"orders": "collecting: 3,100 of 10,000 checkouts"},
    )
    (budget,) = ask("/api/budgets?max_connections=20&workers=2", given).json()
    assert (budget["wanted"], budget["usable"], budget["left"]) == (14, 17, 3)
    (found,) = ask("/api/comparisons", given).json()
    assert (found["mark"]["text"], found["pool"]) == ("deploy 1.4.2", "orders")
    assert (found["before"]["timeouts"], found["after"]["timeouts"]) == (3, 0)
    assert found["changed"][0] == {"option": "pool_size", "before": 5, "after": 10}
    assert found["expected"]["row"]["range"] == [0.012, 0.04]
    assert found["sentences"][0] == "p95 wait: predicted 12-40 ms, measured 31 ms, as predicted."
    assert ask("/api/collecting", given).json() == [
        {"pool": "orders", "text": "collecting: 3,100 of 10,000 checkouts"}
    ]
    assert ask("/api/budgets?workers=x", given).status_code == 400
