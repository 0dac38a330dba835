"""The Advice page: advice in order, the budget, and the sizes of a pool."""

import re
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from dashboard.model.distribution import Distribution, buckets_of
from dashboard.model.findings import Advice
from dashboard.model.history import History, Mark
from dashboard.model.period import Period
from dashboard.model.whatif import Prediction, Row, Thumb
from dashboard.web.access import Access
from dashboard.web.site import build

from . import asking
from .given import AT, Given, orders, pool
from .moments import incident

HOSTILE = '<script>alert("1")</script>'


def advice(**changed: Any) -> Advice:
    """One that says everything."""
    facts: dict[str, Any] = {
        "rule": "R01",
        "pool": "orders",
        "severity": "warning",
        "title": "orders is too small",
        "evidence": ("95 of 100 callers wait up to 48 ms",),
        "change": "-    pool_size=10,\n+    pool_size=14,",
        "effect": "p95 48 ms to 3 ms",
        "confidence": "medium",
        "why": "Callers queue although the server has room.",
    }
    return Advice(**facts | changed)


PREDICTION = Prediction(
    rows=(
        Row(
            size=5,
            overflow=2,
            p50=0.01,
            p95=0.2,
            p99=0.4,
            range=(0.1, 0.3),
            timeouts=31.0,
            idle_share=0.1,
            grade="A",
        ),
        Row(
            size=8,
            overflow=2,
            p50=0.0,
            p95=0.003,
            p99=0.01,
            range=(0.001, 0.009),
            timeouts=0.0,
            idle_share=0.5,
            grade="A",
        ),
        Row(size=40, overflow=2, grade="D", note="Never seen."),
    ),
    grade="A",
    banner=("Collecting.",),
    sentences=("Every request was replayed.",),
    collected=3100,
    thumbs=(Thumb(name="Little's law", value=4.3, text="4.3 are held.", why="An average."),),
)


@dataclass
class Wise(Given):
    """With predictions and periods."""

    predictions: dict[str, Prediction] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    collected: dict[str, str] = field(default_factory=dict)
    servers: list[object] = field(default_factory=list)

    def advice(self, server: object = None) -> list[Advice]:
        """As given; notes the server."""
        self.servers.append(server)
        return list(self.advices)

    def collecting(self) -> dict[str, str]:
        """As given."""
        return self.collected

    def whatif(self, name: str, *_: object, **__: object) -> Prediction | None:  # type: ignore[override]
        """As given."""
        return self.predictions.get(name)

    def history(
        self, name: str, seconds: float, points: int, until: float | None = None
    ) -> History:
        """No more than the marks."""
        del name, seconds, points, until
        return History(start=0.0, step=1.0, marks=self.marks)

    def period(self, name: str, start: float, end: float) -> Period | None:  # type: ignore[override]
        """Slower before the mark than after it."""
        del name
        is_before = end <= self.marks[0].at
        return Period(
            start=start,
            end=end,
            wait_time=_took(0.2 if is_before else 0.002),
            use_time=_took(0.01),
            checkouts=round(end - start) * 10,
            timeouts=3 if is_before else 0,
            used=4.5,
        )


def _took(seconds: float) -> Distribution:
    return Distribution(Counter(buckets_of([seconds])))


def wise(**facts: Any) -> Wise:
    """The pools of `orders`, with advice."""
    return Wise(pools=dict(orders().pools), **facts)


def ask(path: str, given: Given) -> httpx.Response:
    """One answer, without a server."""
    return asking.ask(build(given, Access(allow_unauthenticated=True)), path)


def test_advice_names_evidence_change_and_effect() -> None:
    text = ask("/advice", wise(advices=[advice(), advice(rule="R05", severity="info")])).text
    assert "<h1>1 change worth making</h1>" in text
    for part in ("orders is too small", "wait up to 48 ms", "+    pool_size=14,", "48 ms to 3 ms"):
        assert part in text
    assert text.index("rule R01, medium confidence") < text.index("rule R05, medium confidence")


def test_advice_of_one_pool_leads_back_to_all() -> None:
    given = wise(advices=[advice(), advice(pool="reports", title="reports is too small")])
    text = ask("/advice?about=reports", given).text
    assert "<h1>1 change worth making in reports</h1>" in text
    assert "orders is too small" not in text
    assert 'href="/advice">Show all pools</a>' in text
    assert 'hx-get="?part=list&amp;about=reports"' in text


def test_first_advice_is_open_and_remarks_stand_apart() -> None:
    given = wise(advices=[advice(severity="info", title="x is old"), advice(), advice(rule="R2")])
    text = ask("/advice", given).text
    assert text.index("Worth changing") < text.index("Remarks") < text.index("x is old")
    assert len(re.findall(r'<details id="d-\w+" open>', text)) == 1


def test_pool_page_leads_to_its_advice_and_its_incident() -> None:
    given = wise(advices=[advice(), advice(severity="info"), advice(pool="reports")])
    page = ask("/pools/orders", given).text
    assert 'href="/advice?about=orders">Advice</a>' in page
    assert "Latest incident" not in page
    part = ask("/pools/orders?part=advice", given).text
    assert re.sub(r"<[^>]+>|\s+", " ", part).split() == ["Advice", "1", "change", "worth", "making"]
    given.moments = [incident(given.pools["orders"], AT)]
    assert (
        f'href="/incidents/{given.moments[0].id}">Latest incident'
        in ask("/pools/orders", given).text
    )


def test_nothing_to_change_is_said() -> None:
    text = ask("/advice", wise()).text
    assert "<h1>Nothing to change</h1>" in text
    assert "Each one names its evidence" in text


def test_no_pool_says_how_to_watch_one() -> None:
    assert "No pool is being watched" in ask("/advice", Wise()).text


def test_gate_and_collecting_are_shown() -> None:
    given = wise(
        advices=[advice(held_back="do not enlarge: 2 connections leak", change="")],
        collected={"orders": "collecting: 3,100 of 10,000 checkouts, bursts 2 of 10"},
    )
    text = ask("/advice", given).text
    assert "do not enlarge: 2 connections leak" in text
    assert "collecting: 3,100 of 10,000 checkouts, bursts 2 of 10" in text


def test_chosen_pool_is_predicted() -> None:
    given = wise(predictions={"orders": PREDICTION})
    text = ask("/advice?pool=orders&size=8", given).text
    assert (
        "8 connections and 2 overflow: 95 of 100 callers wait up to 3.0 ms (1.0 ms to 9.0 ms), "
        "nobody times out, slots idle 50 % of the time. Grade A: the trace shows it."
    ) in text
    assert "<code data-setting>pool_size=8, max_overflow=2</code>" in text
    assert '<td class="r">1 %</td>' in text  # 31 of 3,100 timed out at 5.
    assert "Every request was replayed." in text
    assert "Little&#39;s law" in text
    assert "40 connections and 2 overflow: grade D, a range at the most. Never seen." in text


def test_pool_without_a_prediction_is_told() -> None:
    given = wise(predictions={"orders": Prediction(rows=(), grade="D", banner=("Too little.",))})
    text = ask("/advice?pool=orders", given).text
    assert "Too little." in text
    assert "No size is predicted before there are 1,000 checkouts" in text
    assert "No pool is called nobody." in ask("/advice?pool=nobody", given).text


def test_entered_limit_reaches_budget_and_rules() -> None:
    given = wise()
    text = ask("/advice?max_connections=20&workers=4", given).text
    assert "connections; the server has 17 for them." in text
    (server,) = given.servers
    assert (getattr(server, "max_connections", 0), getattr(server, "workers", 0)) == (20, 4)


def test_wrong_limit_is_refused() -> None:
    for query in ("max_connections=0", "workers=0", "workers=x"):
        assert ask(f"/advice?{query}", wise()).status_code == 400


def test_mark_sets_before_beside_after() -> None:
    now = time.time()
    since = datetime.fromtimestamp(now - 300, UTC)
    given = Wise(
        pools={"orders": replace(pool("orders"), since=since)},
        marks=(Mark(now - 100, "deploy 1.4.2"),),
    )
    text = ask("/advice", given).text
    assert "deploy 1.4.2" in text
    cells = re.findall(r'<td class="r">([^<]* → [^<]*)</td>', text)
    assert cells == ["199 ms → 2.0 ms", "10 ms → 10 ms", "4.5 → 4.5", "10 → 10", "3 → 0"]
    given.marks = (Mark(now - 5, "deploy 1.4.3"),)
    assert "deploy 1.4.3" not in ask("/advice", given).text  # Too little lies after it.


def test_every_text_is_escaped() -> None:
    hostile = advice(
        title=HOSTILE,
        evidence=(HOSTILE,),
        change=HOSTILE,
        effect=HOSTILE,
        why=HOSTILE,
        held_back=HOSTILE,
    )
    prediction = Prediction(
        rows=PREDICTION.rows,
        grade="A",
        banner=(HOSTILE,),
        sentences=(HOSTILE,),
        thumbs=(Thumb(name=HOSTILE, value=None, text=HOSTILE, why=HOSTILE),),
        collected=1,
    )
    given = wise(advices=[hostile], predictions={"orders": prediction})
    assert HOSTILE not in ask("/advice?pool=orders", given).text


def test_fragment_is_the_list_only() -> None:
    answer = ask("/advice?part=list", wise(advices=[advice()]))
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert ask("/advice?part=none", wise()).status_code == 404


def test_page_s_figures_are_in_the_api() -> None:
    now = time.time()
    given = Wise(
        pools={"orders": replace(pool("orders"), since=datetime.fromtimestamp(now - 300, UTC))},
        marks=(Mark(now - 100, "deploy 1.4.2"),),
        collected={"orders": "collecting: 3,100 of 10,000 checkouts"},
    )
    (budget,) = ask("/api/budgets?max_connections=20&workers=2", given).json()
    assert (budget["wanted"], budget["usable"], budget["left"]) == (14, 17, 3)
    (found,) = ask("/api/comparisons", given).json()
    assert (found["mark"]["text"], found["pool"]) == ("deploy 1.4.2", "orders")
    assert (found["before"]["timeouts"], found["after"]["timeouts"]) == (3, 0)
    assert ask("/api/collecting", given).json() == [
        {"pool": "orders", "text": "collecting: 3,100 of 10,000 checkouts"}
    ]
    assert ask("/api/budgets?workers=x", given).status_code == 400
