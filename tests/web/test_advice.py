"""The Advice page: advice in order, the budget, and the sizes of a pool."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from dashboard.model.comparison import Comparison
from dashboard.model.findings import Advice
from dashboard.model.limits import ServerLimit
from dashboard.model.whatif import Prediction, Row, Thumb
from dashboard.web.access import Access
from dashboard.web.site import build

from . import asking
from .crowded import AT, pool
from .given import Given, orders
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
    """With predictions and comparisons."""

    predictions: dict[str, Prediction] = field(default_factory=dict)
    compared: list[Comparison] = field(default_factory=list)
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

    def comparisons(self) -> list[Comparison]:
        """As given."""
        return list(self.compared)


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


def test_overview_says_how_many_changes_it_leaves_out() -> None:
    told = [advice(title=f"no. {n}") for n in range(5)]
    text = ask("/?part=worth", wise(advices=[*told, advice(severity="info")])).text
    assert '<a href="/advice">5 changes worth making</a>' in text
    assert ("no. 2" in text, "no. 3" in text) == (True, False)
    assert '<a href="/advice">and 2 more</a>' in text
    assert "more</a>" not in ask("/?part=worth", wise(advices=told[:3])).text


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
    for query in (
        "max_connections=0",
        "workers=0",
        "workers=x",
        "deadline=soon",
        "pooler=0",
        "longest_life=inf",
    ):
        assert ask(f"/advice?{query}", wise()).status_code == 400
        assert ask(f"/api/advice?{query}", wise()).status_code == 400
    refused = ask("/advice?longest_idle=nan", wise()).text
    assert "longest_idle takes seconds above 0" in refused


def test_question_may_be_about_a_line() -> None:
    (stats,) = pool("orders").call_sites
    shown = replace(pool("orders"), call_sites=(replace(stats, statements=9),))
    given = Wise(pools={"orders": shown}, predictions={"orders": PREDICTION})
    name = f"{stats.call_site.file}:{stats.call_site.line}"
    text = ask(f"/advice?pool=orders&question=release&site={name}", given).text
    assert f'<option value="{name}" selected>' in text
    assert 'name="site"' not in ask("/advice?pool=orders&question=ping", given).text


def test_what_somebody_knows_stays_in_the_address() -> None:
    given = wise()
    query = "deadline=2.5&longest_life=3600&longest_idle=350&pooler=20"
    text = ask(f"/advice?pool=orders&{query}", given).text
    assert given.servers == [
        ServerLimit(deadline=2.5, longest_life=3600, longest_idle=350, pooler=20)
    ]
    assert 'name="deadline" min="0.001" step="any" inputmode="decimal" value="2.5"' in text
    assert 'hx-get="?part=list&amp;pooler=20&amp;deadline=2.5&amp;longest_life=3600&amp;' in text
    assert '<a class="btn" href="?pool=orders#known">Forget them</a>' in text
    ask(f"/api/advice?{query}", given)
    assert given.servers[0] == given.servers[1]


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
